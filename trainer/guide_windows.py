"""What the guide's network hears in training: windows of examples that end anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.architecture_settings import GUIDE_FRAME_SAMPLES, require
from trainer.config import Config
from trainer.data.mixing import Batch
from trainer.guide import Guide
from trainer.guide_layers import FRAMES
from trainer.level import LEVEL_VALUES, RunningLevel
from trainer.spectral import Stft

_SPARE_FRAMES = 4  # so that there is a choice where windows end, and a frame for each age of a mask


@dataclass(frozen=True)
class Spectra:
    """Examples as they are heard.

    Attributes:
        mixture, vocals: `(examples, channels, bins, frames, 2)`.
        gain: `(examples, frames)`, what brings each frame to the level everything is heard at.
        heard: Magnitudes the guide hears, `(examples, channels, frames, BINS)`.
        frame_hops: Of what is here as `frames`, how many lie between two of the guide's.
    """

    mixture: Tensor
    vocals: Tensor
    gain: Tensor
    heard: Tensor
    frame_hops: int

    @property
    def first_end(self) -> int:
        """The newest frame of a window that begins where the example does."""
        return (FRAMES - 1) * self.frame_hops

    def windows(self, examples: Tensor, ends: Tensor) -> Tensor:
        """Return `(windows, channels, FRAMES, BINS)` of `examples`, whose newest frames are `ends`, `first_end` on."""
        frames = ends[:, None] - self.first_end + self.frame_hops * torch.arange(FRAMES, device=ends.device)
        level = self.gain[examples, ends][:, None, None, None]
        return self.heard[examples[:, None], :, frames].transpose(1, 2) * level


class Hearing(nn.Module):
    """Turns examples into what the guide hears of them.

    Raises:
        TrainerError: Examples are to be shorter than what it hears at a time.
    """

    def __init__(self, config: Config, guide: Guide, device: torch.device) -> None:
        super().__init__()
        mixing, heard_s = config.mixing, (FRAMES + _SPARE_FRAMES) * GUIDE_FRAME_SAMPLES / config.sample_rate
        expected = f"at least {heard_s - mixing.warmup_s:.2f}, for a guide to hear {heard_s:.2f} s"
        require(mixing.crop_s + mixing.warmup_s >= heard_s, "mixing.crop_s", mixing.crop_s, expected)
        self._stft, self._level, self._guide = Stft(config.stft, device), RunningLevel(config).to(device), guide

    @torch.no_grad()
    def forward(self, batch: Batch) -> Spectra:
        """Return the spectra of a batch."""
        mixture, vocals = (self._stft.forward(audio) for audio in (batch.mixture, batch.vocals))
        gain, _ = self._level(mixture, mixture.new_zeros(len(mixture), LEVEL_VALUES))
        heard = self._guide.hear(mixture)
        return Spectra(mixture, vocals, gain[:, 0, 0, :, 0], heard, self._guide.frame_hops)
