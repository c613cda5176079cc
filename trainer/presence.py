"""Whether anybody sings: where nobody does, nothing is taken for vocals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.architecture_settings import GUIDE_FRAME_SAMPLES
from trainer.config import Config
from trainer.errors import TrainerError
from trainer.guide_weights import in_steps
from trainer.tensors import read_tensors, write_tensors

BOTTOM_VALUES = 512 * 12  # outputs of the lowest level of the guide's network, and bins there
HIDDEN = 32
# Estimates are silent up to this much presence, and whole from there on.
SILENT, WHOLE = 0.15, 0.5
# A voice is heard within syllables and not given up between phrases.
_APPEAR_S, _VANISH_S = 0.2, 1.5
_SHAPES = {
    "hidden_weight": (HIDDEN, BOTTOM_VALUES),
    "hidden_bias": (HIDDEN,),
    "output_weight": (1, HIDDEN),
    "output_bias": (1,),
}


class Detector(nn.Module):
    """Tells by what the guide's network has at its bottom whether nobody sings.

    Its larger weight is rounded as a plug-in holds it: eight-bit `hidden_steps`, for each output `hidden_step` wide.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        """Take over layers of `read_detector`."""
        super().__init__()
        steps, step = in_steps(values["hidden_weight"])
        held = {name: value for name, value in values.items() if name != "hidden_weight"}
        for name, value in (held | {"hidden_steps": steps, "hidden_step": step}).items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, bottoms: Tensor) -> Tensor:
        """Map `(windows, values)` to the chances `(windows,)` that nobody sings."""
        hidden = F.linear(bottoms.float(), self.hidden_steps * self.hidden_step, self.hidden_bias).relu()
        return F.linear(hidden, self.output_weight, self.output_bias).neg().sigmoid()[:, 0]


class Presence(nn.Module):
    """How long the detector is believed, and what that leaves of estimates.

    Attributes:
        detector: What hears singing.
        appear, vanish: How much of the way absence goes down and up with every frame of the guide.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        frame_s = GUIDE_FRAME_SAMPLES / config.sample_rate
        self.appear, self.vanish = (1 - math.exp(-frame_s / memory_s) for memory_s in (_APPEAR_S, _VANISH_S))
        self.detector = Detector(read_detector(config.model.presence_path))

    def follow(self, absent: Tensor, past: Tensor) -> list[Tensor]:
        """Return the absence after each frame of the guide.

        Args:
            absent: Chances that nobody sings, `(frames, batch)`.
            past: `(batch, 1)`, the absence before, zero at the start: somebody is taken to sing.

        Returns:
            As many as there are frames, `(batch, 1)` each.
        """
        absences = []
        for chance in absent[..., None]:
            past = past + torch.where(chance < past, self.appear, self.vanish) * (chance - past)
            absences.append(past)
        return absences


def gain_of(absence: Tensor) -> Tensor:
    """Return what estimates are multiplied with, from 0 to 1."""
    return ((1 - SILENT - absence) / (WHOLE - SILENT)).clamp(0, 1)


def read_detector(path: Path) -> dict[str, Tensor]:
    """Return the layers in a file: `hidden_weight (HIDDEN, BOTTOM_VALUES)`, `output_weight (1, HIDDEN)`, their biases.

    Raises:
        TrainerError: It is missing, damaged or holds something else.
    """
    values = read_tensors(path, "presence")
    if {name: tuple(value.shape) for name, value in values.items()} != _SHAPES:
        raise TrainerError(f"{path}: tells nobody who sings; give a file of `python -m trainer presence`")
    return {name: value.float() for name, value in values.items()}


def write_detector(values: Mapping[str, Tensor], path: Path) -> None:
    """Write layers to `path`."""
    write_tensors(path, {name: value.half() for name, value in values.items()})
