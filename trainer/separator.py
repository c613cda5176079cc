"""What every causal separator does before and after it knows its mask."""

from __future__ import annotations

import abc
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.guide import Guide
from trainer.level import LEVEL_VALUES, RunningLevel
from trainer.spatial import SpatialFilter

# The first square root of a process is off by 3e-4 now and then where MKL shares it among threads (torch 2.13); that of
# one number is not shared.
torch.ones(1).sqrt()


class Separator(nn.Module, abc.ABC):
    """Masks a complex spectrum, frame by frame or chunk by chunk.

    It hears the mixture at the same level, whatever its own is. Where `lookahead_hops` are given, a guide hears the
    newest frames while older ones are masked; where it is `spatial`, estimates are filtered by where they stand.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.level = RunningLevel(config)
        self.spatial = SpatialFilter(config) if config.model.spatial else None

    @property
    @abc.abstractmethod
    def guide(self) -> Guide | None:
        """What listens along; None where nothing does."""

    @abc.abstractmethod
    def own_state_shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the states that `mask` takes and returns."""

    @abc.abstractmethod
    def mask(
        self, mixture: Tensor, newest: Tensor, gain: Tensor, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return a mask and the next state.

        Args:
            mixture: What is to be masked, `(batch, channels, bins, frames, 2)`.
            newest: What there is to hear by now, the same shape.
            gain: What brings each newest frame to the level everything is heard at, `(batch, 1, 1, frames, 1)`.
            state: Of `own_state_shapes(batch)`, among others.

        Returns:
            `(batch, targets, channels, bins from DC up, frames, 2)`, real and imaginary part last.
        """

    def state_shapes(self, batch: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the states: its own, the level, the guide's, what waits to be masked, covariances."""
        shape = self.config.model
        guide = self.guide.state_shapes(batch) if self.guide else {}
        spatial = self.spatial.state_shapes(batch) if self.spatial else {}
        ahead = (batch, self.config.channels, self.config.stft.bins, shape.lookahead_hops, 2)
        waiting = {"ahead": ahead} if shape.lookahead_hops else {}
        return self.own_state_shapes(batch) | {"level": (batch, LEVEL_VALUES)} | guide | waiting | spatial

    def forward(self, mixture: Tensor, state: Mapping[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Separate the next frames of a stream; estimates trail by `lookahead_hops` frames.

        Args:
            mixture: `(batch, channels, bins, frames, 2)`, real and imaginary part last; frames a multiple of
                `chunk_frames`.
            state: Of `state_shapes(batch)`, from the previous call; None starts a stream.

        Returns:
            Estimates `(batch, targets, channels, bins, frames, 2)` and the next state.
        """
        if state is None:
            state = {name: mixture.new_zeros(shape) for name, shape in self.state_shapes(mixture.shape[0]).items()}
        gain, level = self.level(mixture, state["level"])
        newest, following = mixture, {"level": level}
        if late := self.config.model.lookahead_hops:
            waiting = torch.cat([state["ahead"], newest], 3)
            mixture, following["ahead"] = waiting[:, :, :, :-late], waiting[:, :, :, -late:]
        mask, more = self.mask(mixture, newest, gain, state)
        estimates = _masked(mask, mixture)
        if self.spatial:
            vocals, following["spatial"] = self.spatial(estimates[:, 0], mixture, state["spatial"])
            estimates = vocals[:, None]
        return estimates, more | following


def _masked(mask: Tensor, mixture: Tensor) -> Tensor:
    banded = mask.shape[3]
    real, imag = mixture[:, None, :, :banded].unbind(-1)
    mask_real, mask_imag = mask.unbind(-1)
    estimates = torch.stack([mask_real * real - mask_imag * imag, mask_real * imag + mask_imag * real], -1)
    return F.pad(estimates, (0, 0, 0, 0, 0, mixture.shape[2] - banded))
