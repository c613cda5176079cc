"""Checkpoints: one safetensors file with tensors and, as its metadata, everything said about them."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from trainer.architectures import Network, build_network
from trainer.config import Config
from trainer.errors import TrainerError
from trainer.tensors import write_tensors

# Names begin with the part they belong to; the first holds the averaged weights, which are the model.
_ABOUT = {"config", "data", "commit", "step", "seconds", "best_db", "validation"}
BEGUN_WITH = "begun_with"  # data of the checkpoint that a run began with; checkpoints without it began with none
WEIGHTS, CURRENT, OPTIMIZER = "weights.", "current.", "optimizer."
_LONGEST_REASON = 160  # characters of what torch says of all names that do not fit


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a checkpoint to `path`; a whole file stands there at any moment."""
    write_tensors(path, tensors, {"unsing": json.dumps(about)})


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint and what is said about them.

    Raises:
        TrainerError: The file is missing, damaged or not one of ours.
    """
    try:
        with safe_open(path, "pt") as file:
            about = (file.metadata() or {}).get("unsing")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
    except (OSError, SafetensorError) as error:
        raise TrainerError(
            f"{path}: not a readable checkpoint ({error}); give a .safetensors file from a run"
        ) from error
    try:
        about = json.loads(about or "")
    except ValueError:
        about = None
    if not isinstance(about, dict) or not about.keys() >= _ABOUT:
        raise TrainerError(f"{path}: a safetensors file, but not a checkpoint of this trainer; give one from a run")
    return tensors, about


def load_model(path: Path) -> tuple[Network, dict[str, Any]]:
    """Return the model of a checkpoint in evaluation mode and what is said about it.

    Raises:
        TrainerError: The checkpoint does not hold the weights its own configuration asks for.
    """
    tensors, about = load_checkpoint(path)
    model = build_network(Config.from_dict(about["config"]))
    load_weights(model, tensors, path)
    return model.eval(), about


def load_weights(model: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path, part: str = WEIGHTS) -> None:
    """Copy the tensors of a checkpoint whose names begin with `part` into a model.

    Raises:
        TrainerError: Names or shapes differ, as they do between presets.
    """
    try:
        model.load_state_dict({k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)})
    except RuntimeError as error:
        reason = textwrap.shorten(str(error).splitlines()[-1], _LONGEST_REASON, placeholder=" ...")
        raise TrainerError(
            f"{path}: its weights belong to another preset ({reason}); choose the one it was trained with"
        ) from error


def code_version() -> str:
    """Return the git commit of this checkout, `+` appended where files differ from it; "unknown" outside one."""
    folder = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changes else "")
