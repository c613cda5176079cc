"""Where voice and accompaniment stand between the channels: what shares a band may still come from another side."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.level import decaying_means

SOURCES = 2  # the vocals, and what is left of the mixture
# Of one source in one bin: the power of either channel, then both parts of their product.
COVARIANCE_VALUES = 4
# Least squared magnitude of a source, and least power that tells where it stands.
POWER_FLOOR, TRACE_FLOOR = 1e-10, 1e-9
# What every source is taken to send from everywhere, so that there is always an inverse.
DIFFUSE = 5e-4
# Neighbours on either side whose covariance is averaged with a bin's own.
REACH = 3
_MEMORY_S = 2.0


class SpatialFilter(nn.Module):
    """A multichannel Wiener filter between the vocals and the rest, whose covariances follow the last seconds.

    Each source has a full-rank spatial covariance in every bin (Duong, Vincent and Gribonval, "Under-determined
    reverberant audio source separation using a full-rank spatial covariance model", IEEE TASLP 18(7), 2010). It is the
    decaying mean of what the mask found, where one source outweighs the other most of all. The share of magnitudes
    that the mask found stands for the sources' powers, so that a mixture without width is left as the mask left it.

    Attributes:
        decay: How much of a covariance is kept from one frame to the next.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.bins = config.stft.bins
        self.decay = math.exp(-config.stft.hop_length / config.sample_rate / _MEMORY_S)

    def state_shapes(self, batch: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the shape of the covariances."""
        return {"spatial": (batch, SOURCES, COVARIANCE_VALUES, self.bins)}

    def forward(self, vocals: Tensor, mixture: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Filter the next frames of a stream.

        Args:
            vocals: What a mask made of the mixture, `(batch, 2, bins, frames, 2)`.
            mixture: The same shape.
            past: The covariances of `state_shapes(batch)` from the previous call, zero at the start.

        Returns:
            Vocals of the same shape, and the next covariances.
        """
        vocals, mixture = vocals.float(), mixture.float()
        sources = torch.stack([vocals, mixture - vocals], 1)
        magnitudes = (sources.square().sum((2, -1)) + POWER_FLOOR).sqrt()[:, :, None]
        whole = magnitudes.sum(1, keepdim=True)
        share = magnitudes / whole
        left, right = torch.view_as_complex(sources).unbind(2)
        product = left * right.conj()
        now = torch.stack([left.abs().square(), right.abs().square(), product.real, product.imag], 2) * share / whole
        covariances, past = self._follow(now, past)
        scaled = covariances * (share / (covariances[:, :, :2].sum(2, keepdim=True) + TRACE_FLOOR))
        # From here on matrices of two by two, written out: numbers on the diagonal, and the one above it.
        # In double precision, for what comes from one place makes differences of what is nearly equal.
        scaled, mixture = scaled.double(), mixture.double()
        diffuse = DIFFUSE * share[:, 0, 0]
        first, second, *cross = scaled[:, 0].unbind(1)
        first, second, cross = first + diffuse, second + diffuse, torch.complex(*cross)
        whole_first, whole_second, *whole_cross = scaled.sum(1).unbind(1)
        whole_first, whole_second = whole_first + DIFFUSE, whole_second + DIFFUSE
        whole_cross = torch.complex(*whole_cross)
        determinant = whole_first * whole_second - whole_cross.abs().square()
        left, right = torch.view_as_complex(mixture).unbind(1)
        solved_left = (whole_second * left - whole_cross * right) / determinant
        solved_right = (whole_first * right - whole_cross.conj() * left) / determinant
        left = first * solved_left + cross * solved_right
        right = cross.conj() * solved_left + second * solved_right
        return torch.view_as_real(torch.stack([left, right], 1)).float(), past

    def _follow(self, now: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Average `(batch, SOURCES, COVARIANCE_VALUES, bins, frames)` over neighbours and time."""
        rows = now.permute(0, 4, 1, 2, 3)
        near = F.avg_pool1d(rows.flatten(0, 2), 2 * REACH + 1, 1, REACH, count_include_pad=False).view(rows.shape)
        means = decaying_means(near.flatten(2), past.flatten(1), self.decay).view(rows.shape)
        return means.permute(0, 2, 3, 4, 1), means[:, -1]
