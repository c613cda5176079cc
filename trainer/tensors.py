"""Tensors in one safetensors file, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainer.errors import TrainerError
from trainer.outputs import written_whole


def read_tensors(path: Path, command: str) -> dict[str, Tensor]:
    """Return the tensors in a file that `python -m trainer COMMAND` writes.

    Raises:
        TrainerError: It is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise TrainerError(f"{path}: not readable ({error}); give a file of `python -m trainer {command}`") from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors beside `path`, then rename the file, so that a whole one stands there at any moment.

    Raises:
        TrainerError: The file system refuses.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as beside:
        try:
            save_file(contiguous, beside, metadata)
        except SafetensorError as error:  # how safetensors says that the disk is full
            raise OSError(str(error)) from error
