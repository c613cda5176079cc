"""Score a model on the validation songs while it trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainer import distributed
from trainer.config import Config
from trainer.data.decoding import FULL_SCALE
from trainer.data.recordings import Recording
from trainer.errors import TrainerError
from trainer.separator import Separator
from trainer.spectral import Stft

_EXCERPT_S = 12.0


@dataclass(frozen=True)
class Scores:
    """Mean over songs of the median SDR over 1-second windows, in dB.

    Reports take the median over songs; the mean moves with every song, so it steers better where songs are few.
    """

    vocals_db: float
    accompaniment_db: float


class Validator:
    """Holds the validation songs; long ones are represented by the middle of their singing.

    Attributes:
        excerpts: Mixture and vocals of each, `(channels, samples)`.
    """

    def __init__(self, recordings: Sequence[Recording], config: Config, device: torch.device) -> None:
        songs = [r for r in recordings if r.vocals is not None and r.accompaniment]
        if not songs:
            raise TrainerError(
                "the data holds none of validation_songs; name some of its songs, for example "
                "validation_songs='[\"Song A\"]'"
            )
        self.config, self.device = config, device
        self._stft = Stft(config.stft, device)
        for song in songs:
            if song.samples < 2 * config.sample_rate:
                raise TrainerError(f"{song.name}: is shorter than 2 s; take it out of validation_songs or of the data")
        self.excerpts = [_excerpt(song, config) for song in songs]

    @torch.no_grad()
    def score(self, model: Separator) -> Scores:
        """Return the scores of `model`, songs shared out over the processes."""
        mine = [self._score_song(model, *song) for song in distributed.share(self.excerpts)]
        per_song = np.array(distributed.gather(mine))
        return Scores(*np.nanmean(per_song, axis=0).tolist())

    def _score_song(self, model: Separator, mixture: Tensor, vocals: Tensor) -> tuple[float, float]:
        estimates, _ = model(self._stft.forward(mixture[None].to(self.device)))
        late, tail = self.config.trailing_samples, self.config.stft.synthesis_samples
        estimate = self._stft.inverse(estimates[:, 0])[0, :, late:-tail].cpu()
        mixture, vocals = (audio[:, : -tail - late] for audio in (mixture, vocals))
        return windowed_sdr_db(estimate, vocals, self.config.sample_rate), windowed_sdr_db(
            mixture - estimate, mixture - vocals, self.config.sample_rate
        )


def windowed_sdr_db(estimate: Tensor, reference: Tensor, window: int) -> float:
    """Return the median over windows of `10 log10(|s|^2 / |s - e|^2)` for `(channels, samples)`.

    Windows in which the reference is silent are left out; NaN where it is silent in all.
    """
    error, signal = (
        audio[:, : audio.shape[1] // window * window].unflatten(1, (-1, window)).square().sum((0, 2))
        for audio in (reference - estimate, reference)
    )
    audible = signal > 1e-5 * window
    return float(np.median(10 * torch.log10(signal[audible] / (error[audible] + 1e-9)))) if audible.any() else math.nan


def _excerpt(song: Recording, config: Config) -> tuple[Tensor, Tensor]:
    unit = config.stft.hop_length * config.model.chunk_frames
    length = min(song.samples, round(_EXCERPT_S * config.sample_rate)) // unit * unit
    energy = np.abs(np.asarray(song.vocals[0, : song.samples], np.float32)).cumsum()
    middle = int(np.searchsorted(energy, energy[-1] / 2))
    start = min(max(0, middle - length // 2), song.samples - length)
    vocals, *stems = (
        torch.from_numpy(stem[:, start : start + length].astype(np.float32) / FULL_SCALE).expand(config.channels, -1)
        for stem in (song.vocals, *song.accompaniment)
    )
    return vocals + sum(stems), vocals
