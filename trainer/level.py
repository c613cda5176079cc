"""How loud a stream has been lately: what a network hears is taken relative to it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from realtime.stft import window_pair
from trainer.config import Config

# Mean power and weight of what was heard so far, and how many chunks that were, up to as many as fill a window.
LEVEL_VALUES = 3
# The level the network hears everything at, that of a mastered song.
TARGET_POWER = 10 ** (-14 / 10)
# Below -80 dBFS nothing is playing, and the level of what was playing stays in mind.
SILENCE_POWER = 1e-8
LEVEL_FLOOR = 1e-10
# Before anything was heard; the first chunk weighs more.
LEAST_WEIGHT = 1e-6
_MEMORY_S = 3.0
_BLOCK_STEPS = 256


class RunningLevel(nn.Module):
    """The mean power of the last seconds, chunk by chunk; silence does not count.

    The first windows are mostly what was before the music, so they weigh as much as of them is filled.

    Attributes:
        decay: How much of the mean is kept from one chunk to the next.
        weights: `(bins,)`; what each bin's squared magnitude adds to the power of one sample.
        filled: `(chunks,)`; how much of the window's energy the newest chunks hold, by how many came before.
    """

    weights: Tensor
    filled: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        stft, self.chunk_frames = config.stft, config.model.chunk_frames
        self.decay = math.exp(-self.chunk_frames * stft.hop_length / config.sample_rate / _MEMORY_S)
        energy = torch.from_numpy(window_pair(stft)[0] ** 2).float()
        # Parseval; the first and the last bin have no mirror image.
        weights = torch.full((stft.bins,), 2.0 / stft.n_fft / float(energy.sum()))
        weights[[0, -1]] /= 2
        self.register_buffer("weights", weights / (config.channels * self.chunk_frames), persistent=False)
        hops = energy.flip(0).cumsum(0)[stft.hop_length - 1 :: stft.hop_length] / energy.sum()
        hops = torch.cat([hops, hops.new_ones(self.chunk_frames - len(hops) % self.chunk_frames)])
        self.register_buffer("filled", hops.unflatten(0, (-1, self.chunk_frames)).mean(1), persistent=False)

    @torch.no_grad()
    def forward(self, mixture: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Follow the level of `(batch, channels, bins, frames, 2)`.

        Args:
            mixture: The next frames, a multiple of `chunk_frames`.
            past: `(batch, LEVEL_VALUES)` from the previous call, zero at the start.

        Returns:
            The gain `(batch, 1, 1, frames, 1)` that brings each frame to the target level, and the next `past`.
        """
        power = (mixture.square().sum((1, -1)) * self.weights[:, None]).sum(1)
        power = power.unflatten(1, (-1, self.chunk_frames)).sum(-1)
        past, chunks = past.split([2, 1], -1)
        counts = (power > SILENCE_POWER).float()
        chunks = torch.cat([chunks, chunks + counts.cumsum(1)], 1).clamp(max=len(self.filled) - 1)
        now = torch.stack([power, self.filled[chunks[:, :-1].long()]], -1)
        means = decaying_means(now, past, self.decay, counts)
        sums, weights = means.unbind(-1)
        # The mean over what was heard: the weights tend to one, and lack what came before the start.
        gain = ((sums / weights.clamp(min=LEAST_WEIGHT) + LEVEL_FLOOR) / TARGET_POWER).rsqrt()
        gain = gain.repeat_interleave(self.chunk_frames, 1)[:, None, None, :, None]
        return gain, torch.cat([means[:, -1], chunks[:, -1:]], 1)


def decaying_means(values: Tensor, past: Tensor, decay: float, counts: Tensor | None = None) -> Tensor:
    """Follow decaying means of values one after the other, from zero on.

    Args:
        values: `(batch, steps, n)`.
        past: `(batch, n)`, the means before.
        decay: How much of a mean is kept from one step to the next.
        counts: `(batch, steps)`, 1 where a step counts and 0 where it changes nothing; all count where there are none.

    Returns:
        The means after each step, `(batch, steps, n)`.
    """
    counts = torch.ones_like(values[..., 0]) if counts is None else counts
    parts = []
    with torch.autocast(values.device.type, enabled=False):
        for block, counted in zip(values.split(_BLOCK_STEPS, 1), counts.split(_BLOCK_STEPS, 1), strict=True):
            age = counted.cumsum(1)
            kernel = (decay ** (age[:, :, None] - age[:, None, :]) * counted[:, None, :]).tril() * (1 - decay)
            parts.append(decay ** age[:, :, None] * past[:, None] + kernel @ block)
            past = parts[-1][:, -1]
    return torch.cat(parts, 1)
