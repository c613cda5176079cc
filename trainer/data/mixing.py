"""Draw training examples: crops of stems, mixed within and across songs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from trainer.config import Config
from trainer.data.augmentation import Audio, equalize, place, reverberate, varispeed
from trainer.data.decoding import FULL_SCALE
from trainer.data.recordings import Recording
from trainer.errors import TrainerError

_AUDIBLE = 10 ** (-45 / 20)
_TRIES = 6
_LEVEL_DB = -18.0
_NATURAL_DB = 10.0


@dataclass(frozen=True)
class Batch:
    """Waveforms `(batch, 2, samples)` whose first `warmup_frames` STFT frames carry no loss.

    Attributes:
        bandwidth_hz: `(batch,)`; above it an example's vocals are unknown and not to be scored.
    """

    mixture: Tensor
    vocals: Tensor
    bandwidth_hz: Tensor
    warmup_frames: int


class ExampleMixer(Dataset[Batch]):
    """Batch number `step` of process `rank`, a pure function of both and the seed."""

    def __init__(self, recordings: Sequence[Recording], config: Config, rank: int = 0) -> None:
        self.config, self.rank = config, rank
        self.voices = _Draw([r for r in recordings if r.vocals is not None])
        self.backings = _Draw([r for r in recordings if r.accompaniment])
        self.songs = _Draw([r for r in recordings if r.vocals is not None and r.accompaniment])
        if not self.voices.items or not self.backings.items:
            raise TrainerError("the data holds no vocals or no accompaniment; add a folder that has the other side")

    def __getitem__(self, step: int) -> Batch:
        mixing, seed = self.config.mixing, self.config.optimizer.seed
        shared = np.random.default_rng((seed, step))
        warmup_s = mixing.long_warmup_s if shared.random() < mixing.long_warmup else mixing.warmup_s
        warmup_frames, crop_frames = (self._frames(seconds) for seconds in (warmup_s, mixing.crop_s))
        rng = np.random.default_rng((seed, step, self.rank, 1))
        samples = (warmup_frames + crop_frames) * self.config.stft.hop_length
        examples = [self._example(rng, samples) for _ in range(self.config.optimizer.batch_size)]
        mixture, vocals = (torch.from_numpy(np.stack([e[index] for e in examples])) for index in (0, 1))
        return Batch(mixture, vocals, torch.tensor([e[2] for e in examples]), warmup_frames)

    def _frames(self, seconds: float) -> int:
        unit = self.config.model.chunk_frames
        return max(1, round(seconds * self.config.sample_rate / self.config.stft.hop_length / unit)) * unit

    def _example(self, rng: np.random.Generator, samples: int) -> tuple[Audio, Audio, float]:
        mixing = self.config.mixing
        if self.songs.items and rng.random() < mixing.coherent:
            vocals, accompaniment, bandwidth_hz = self._coherent(rng, samples)
        else:
            voice, backing = self.voices.one(rng), self.backings.one(rng)
            factor = self._speed(rng)
            vocals = self._voice(voice, factor, rng, samples)
            accompaniment = self._backing(backing, rng, samples)
            vocals *= _gain(rng.normal(mixing.vocals_db, mixing.vocals_spread_db) - _ratio_db(vocals, accompaniment))
            bandwidth_hz = factor * voice.bandwidth_hz
        mute = rng.random()
        if mute < mixing.mute_vocals:
            vocals, bandwidth_hz = np.zeros_like(vocals), self.config.sample_rate / 2
        elif mute < mixing.mute_vocals + mixing.mute_accompaniment:
            accompaniment = np.zeros_like(accompaniment)
        mixture = vocals + accompaniment
        gain = _gain(_LEVEL_DB + rng.uniform(-mixing.gain_db, mixing.gain_db)) / max(_rms(mixture), _AUDIBLE)
        return mixture * gain, vocals * gain, bandwidth_hz

    def _coherent(self, rng: np.random.Generator, samples: int) -> tuple[Audio, Audio, float]:
        song = self.songs.one(rng)
        factor = self._speed(rng)
        taken = int(samples * factor) + 16
        start = _audible_start(song.vocals, rng, taken)
        placing = int(rng.integers(1 << 30))  # one stereo treatment for all stems of a song
        vocals, *stems = (
            _fit(varispeed(place(_crop(stem, start, taken), np.random.default_rng(placing)), factor), samples)
            for stem in (song.vocals, *song.accompaniment)
        )
        if rng.random() < self.config.mixing.augment:
            stems = [stem * _gain(rng.uniform(-6, 3)) for stem in stems]
        accompaniment = np.sum(stems, axis=0, dtype=np.float32)
        ratio_db = _ratio_db(vocals, accompaniment)
        if abs(ratio_db) > _NATURAL_DB or rng.random() < self.config.mixing.augment:
            vocals *= _gain(rng.normal(self.config.mixing.vocals_db, self.config.mixing.vocals_spread_db) - ratio_db)
        return vocals, accompaniment, factor * song.bandwidth_hz

    def _voice(self, recording: Recording, factor: float, rng: np.random.Generator, samples: int) -> Audio:
        dry = not recording.accompaniment or recording.vocals.shape[0] == 1
        vocals = self._stem(recording.vocals, factor, rng, samples, audible=True)
        return reverberate(vocals, rng, self.config.sample_rate) if dry and rng.random() < 0.8 else vocals

    def _backing(self, recording: Recording, rng: np.random.Generator, samples: int) -> Audio:
        """One accompaniment, or its stems drawn from as many songs that have the same ones."""
        sources = [recording] * len(recording.accompaniment)
        if len(sources) > 1 and rng.random() < 0.5:
            alike = [r for r in self.backings.of(recording.source) if len(r.accompaniment) == len(sources)]
            sources = [alike[rng.integers(len(alike))] for _ in sources]
            stems = [
                self._stem(r.accompaniment[i], self._speed(rng), rng, samples) * _gain(rng.uniform(-6, 3))
                for i, r in enumerate(sources)
            ]
            return np.sum(stems, axis=0, dtype=np.float32)
        return self._stem(_Sum(recording.accompaniment), self._speed(rng), rng, samples)

    def _stem(
        self, stem: NDArray | _Sum, factor: float, rng: np.random.Generator, samples: int, audible: bool = False
    ) -> Audio:
        taken = int(samples * factor) + 16
        start = _audible_start(stem, rng, taken) if audible else int(rng.integers(max(1, stem.shape[1] - taken)))
        audio = _fit(varispeed(place(_crop(stem, start, taken), rng), factor), samples)
        return equalize(audio, rng) if rng.random() < self.config.mixing.augment else audio

    def _speed(self, rng: np.random.Generator) -> float:
        mixing = self.config.mixing
        return float(rng.uniform(1 - mixing.speed, 1 + mixing.speed)) if rng.random() < mixing.augment else 1.0


class _Sum:
    """Stems that are read as their sum."""

    def __init__(self, stems: Sequence[NDArray]) -> None:
        self.stems = stems
        self.shape = (stems[0].shape[0], min(stem.shape[1] for stem in stems))

    def __getitem__(self, index: tuple[slice, slice]) -> Audio:
        return np.sum([stem[index] for stem in self.stems], axis=0, dtype=np.float32)


class _Draw:
    """Draw recordings so that each source comes up as often as its weight says, whatever its size."""

    def __init__(self, items: Sequence[Recording]) -> None:
        self.items = items
        self._by_source: dict = {}
        for item in items:
            self._by_source.setdefault(item.source, []).append(item)
        weights = np.array([source.weight for source in self._by_source])
        self._shares = weights / weights.sum()

    def of(self, source: object) -> list[Recording]:
        return self._by_source[source]

    def one(self, rng: np.random.Generator) -> Recording:
        group = list(self._by_source.values())[rng.choice(len(self._shares), p=self._shares)]
        return group[rng.integers(len(group))]


def _crop(stem: NDArray | _Sum, start: int, samples: int) -> Audio:
    return np.asarray(stem[:, start : start + samples], np.float32) / np.float32(FULL_SCALE)


def _audible_start(stem: NDArray, rng: np.random.Generator, samples: int) -> int:
    """Return where a crop starts that holds sound; the last one tried where none does."""
    start = 0
    for _ in range(_TRIES):
        start = int(rng.integers(max(1, stem.shape[1] - samples)))
        if _rms(_crop(stem, start, samples)) > _AUDIBLE:
            break
    return start


def _fit(audio: Audio, samples: int) -> Audio:
    """Cut to `samples`, or repeat from the start where there is less."""
    if audio.shape[1] >= samples:
        return audio[:, :samples]
    return np.tile(audio, (1, -(-samples // audio.shape[1])))[:, :samples]


def _rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(np.square(audio)) + 1e-12))


def _ratio_db(vocals: Audio, accompaniment: Audio) -> float:
    return 20 * np.log10(max(_rms(vocals), _AUDIBLE) / max(_rms(accompaniment), _AUDIBLE))


def _gain(level_db: float) -> np.float32:
    return np.float32(10 ** (level_db / 20))
