"""Whether anybody sings: where the guide hears nobody, nothing is taken for vocals."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trainer.config import Config
from trainer.level import decaying_means

# Mean power of what the guide takes for vocals, and of all.
PRESENCE_VALUES = 2
# Bins of the guide's frames in which voices are heard, 43 Hz to 5.4 kHz.
HEARD_BINS = slice(4, 500)
POWER_FLOOR = 1e-12
_MEMORY_S = 0.23


class Presence(nn.Module):
    """The share of the mixture's power that the guide takes for vocals, over the last moments, as a gain.

    Attributes:
        decay: How much of a mean is kept from one frame to the next.
        least_share: From this share on the gain is one; below, it falls with the share.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.decay = math.exp(-config.stft.hop_length / config.sample_rate / _MEMORY_S)
        self.least_share = config.model.least_share

    @torch.no_grad()
    def forward(self, hint: Tensor, mixture: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Follow the next frames of a stream.

        Args:
            hint: The guide's mask, `(batch, channels, bins, frames)`, at least the bins heard.
            mixture: `(batch, channels, bins, frames, 2)`.
            past: `(batch, PRESENCE_VALUES)` from the previous call, zero at the start.

        Returns:
            Gains from 0 to 1, `(batch, frames)`, and the next `past`.
        """
        power = mixture[:, :, HEARD_BINS].square().sum(-1)
        powers = torch.stack([(hint[:, :, HEARD_BINS] * power).sum((1, 2)), power.sum((1, 2))], -1)
        means = decaying_means(powers, past, self.decay)
        vocals, whole = means.unbind(-1)
        return (vocals / (whole + POWER_FLOOR) / self.least_share).clamp(max=1), means[:, -1]
