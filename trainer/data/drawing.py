"""Decide what an example is made of: which stems, from where on, and what is done to them. No audio is touched here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.analysis import LOUDNESS_BLOCK_S
from trainer.data.augmentation import EQ_POINTS, Codec, Room, source_samples
from trainer.data.recordings import Recording
from trainer.data.settings import MixingConfig
from trainer.data.sources import Source
from trainer.errors import TrainerError

_AUDIBLE_DB = -45.0
_LEVEL_DB = -18.0
_NATURAL_DB = 10.0  # vocals further above or below the accompaniment are brought nearer
_STEM_GAIN_DB = (-6.0, 3.0)
_ALIKE = 0.01  # tempi nearer than that need no matching
_PARTNERS = 4  # backings looked at for one whose tempo can be matched


@dataclass(frozen=True, eq=False)
class Track:
    """A recording where it is mixed: stems are int16 tensors `(channels, samples)`; the rest is as in `Recording`."""

    source: Source
    bandwidth_hz: float
    tempo_bpm: float | None
    vocals: Tensor | None
    accompaniment: tuple[Tensor, ...]
    is_labelled: bool
    power: NDArray[np.float64]  # of the vocals, summed up over blocks

    @classmethod
    def of(cls, recording: Recording, device: torch.device) -> Track:
        """Put a recording on a device; on the processor it stays the memory-mapped file it is."""
        vocals, *accompaniment = (
            None if stem is None else torch.from_numpy(stem).to(device)
            for stem in (recording.vocals, *recording.accompaniment)
        )
        power = np.cumsum([0.0, *(10 ** (level_db / 10) for level_db in recording.vocals_db)])
        return cls(
            recording.source,
            recording.bandwidth_hz,
            recording.tempo_bpm,
            vocals,
            tuple(accompaniment),
            recording.is_labelled,
            power,
        )


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of a stem: where it starts, the gains of its two channels, and whether they are swapped."""

    stem: Tensor
    start: int
    gains: tuple[float, float]
    swapped: bool


@dataclass(frozen=True, eq=False)
class Strip:
    """Crops that are summed and then treated alike.

    Attributes:
        tempo, pitch: How many times as fast and as high they are to sound.
        eq_db: Gains at `EQ_POINTS` frequencies; None for none.
        room: Reverberation; None for none.
    """

    crops: tuple[Crop, ...]
    tempo: float = 1.0
    pitch: float = 1.0
    eq_db: NDArray[np.float64] | None = None
    room: Room | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """What one example is made of.

    Attributes:
        vocals, accompaniment: Strips to be summed; none leaves the side silent.
        ratio_db: Level of vocals over accompaniment to set; None leaves it as it is.
        ratio_limit_db: It is set only where it is further from 0 than that.
        level_db: Of the mixture, in dBFS.
        bandwidth_hz: Above it the vocals are unknown.
        codec: Lossy coding of the mixture; None for none.
    """

    vocals: tuple[Strip, ...]
    accompaniment: tuple[Strip, ...]
    ratio_db: float | None
    ratio_limit_db: float
    level_db: float
    bandwidth_hz: float
    codec: Codec | None


class Deck:
    """Draws examples from tracks."""

    def __init__(self, tracks: Sequence[Track], mixing: MixingConfig, sample_rate: int) -> None:
        self.mixing, self.sample_rate = mixing, sample_rate
        true = [track for track in tracks if not track.is_labelled]
        self.voices = _Pool([track for track in true if track.vocals is not None])
        self.backings = _Pool([track for track in true if track.accompaniment])
        self.songs = _Pool([track for track in tracks if track.vocals is not None and track.accompaniment])
        self._can_mix = bool(self.voices.tracks and self.backings.tracks)
        if not self._can_mix and not self.songs.tracks:
            raise TrainerError("the data holds no vocals or no accompaniment; add a folder that has the other side")

    def draw(self, rng: np.random.Generator, samples: int) -> Example:
        """Return an example of `samples` samples."""
        mixing = self.mixing
        mute = rng.random() if self._can_mix else 1.0
        vocals: tuple[Strip, ...] = ()
        accompaniment: tuple[Strip, ...] = ()
        bandwidth_hz = self.sample_rate / 2
        ratio_db, limit_db = None, 0.0
        if mute < mixing.mute_vocals:
            accompaniment = self._backing(rng, samples, self.backings.one(rng))
        elif mute < mixing.mute_vocals + mixing.mute_accompaniment:
            voice = self.voices.one(rng)
            tempo, pitch = self._speed(rng)
            vocals, bandwidth_hz = self._voice(rng, samples, voice, tempo, pitch), pitch * voice.bandwidth_hz
        elif self.songs.tracks and (not self._can_mix or rng.random() < mixing.coherent):
            song = self.songs.one(rng)
            tempo, pitch = self._speed(rng)
            vocals, accompaniment = self._coherent(rng, samples, song, tempo, pitch)
            bandwidth_hz = pitch * song.bandwidth_hz
            if not song.is_labelled:
                ratio_db, limit_db = self._ratio_db(rng), 0.0 if self._augments(rng) else _NATURAL_DB
        else:
            voice, backing, (tempo, pitch) = self._partners(rng)
            vocals, bandwidth_hz = self._voice(rng, samples, voice, tempo, pitch), pitch * voice.bandwidth_hz
            accompaniment = self._backing(rng, samples, backing)
            ratio_db = self._ratio_db(rng)
        level_db = _LEVEL_DB + rng.uniform(-mixing.gain_db, mixing.gain_db)
        codec = Codec.draw(rng) if self._augments(rng) and rng.random() < mixing.codec else None
        return Example(vocals, accompaniment, ratio_db, limit_db, level_db, bandwidth_hz, codec)

    def _coherent(
        self, rng: np.random.Generator, samples: int, song: Track, tempo: float, pitch: float
    ) -> tuple[tuple[Strip, ...], tuple[Strip, ...]]:
        """All stems of a song from one place, put in one place, and treated alike."""
        reach = source_samples(samples, tempo, pitch)
        start, placing, eq_db = self._audible_start(rng, song, reach), _placing(rng, song.vocals), self._eq_db(rng)
        gains_db = np.zeros(len(song.accompaniment))
        if not song.is_labelled and self._augments(rng):
            gains_db = rng.uniform(*_STEM_GAIN_DB, gains_db.size)
        crops = tuple(
            _placed(stem, start, placing, gain_db) for stem, gain_db in zip(song.accompaniment, gains_db, strict=True)
        )
        vocals = (_placed(song.vocals, start, placing, 0.0),)
        return (Strip(vocals, tempo, pitch, eq_db),), (Strip(crops, tempo, pitch, eq_db),)

    def _partners(self, rng: np.random.Generator) -> tuple[Track, Track, tuple[float, float]]:
        """Return a voice, a backing, and the tempo and pitch at which the voice goes with it."""
        voice, backing = self.voices.one(rng), self.backings.one(rng)
        if self._augments(rng) and rng.random() < self.mixing.tempo_matched:
            for candidate in (backing, *(self.backings.one(rng) for _ in range(_PARTNERS - 1))):
                tempo = _tempo_ratio(voice.tempo_bpm, candidate.tempo_bpm)
                if tempo is not None and abs(tempo - 1) <= self.mixing.stretch:
                    # A little faster or slower, a singer may as well sing higher or lower; that costs no quality.
                    return voice, candidate, (tempo, tempo if abs(tempo - 1) <= self.mixing.speed else 1.0)
        return voice, backing, self._speed(rng)

    def _voice(
        self, rng: np.random.Generator, samples: int, track: Track, tempo: float, pitch: float
    ) -> tuple[Strip, ...]:
        is_dry = not track.accompaniment or track.vocals.shape[0] == 1
        start = self._audible_start(rng, track, source_samples(samples, tempo, pitch))
        crop = _placed(track.vocals, start, _placing(rng, track.vocals), 0.0)
        room = Room.draw(rng) if is_dry and rng.random() < self.mixing.reverb else None
        return (Strip((crop,), tempo, pitch, self._eq_db(rng), room),)

    def _backing(self, rng: np.random.Generator, samples: int, track: Track) -> tuple[Strip, ...]:
        """One accompaniment, or its stems drawn from as many songs that have the same ones."""
        count = len(track.accompaniment)
        if count == 1 or rng.random() >= self.mixing.stems_apart:
            return (self._apart(rng, samples, track.accompaniment, (0.0,) * count),)
        alike = [other for other in self.backings.of(track.source) if len(other.accompaniment) == count]
        return tuple(
            self._apart(
                rng,
                samples,
                (alike[rng.integers(len(alike))].accompaniment[index],),
                (rng.uniform(*_STEM_GAIN_DB),),
            )
            for index in range(count)
        )

    def _apart(
        self, rng: np.random.Generator, samples: int, stems: Sequence[Tensor], gains_db: Sequence[float]
    ) -> Strip:
        tempo, pitch = self._speed(rng)
        reach = source_samples(samples, tempo, pitch)
        start = int(rng.integers(max(1, min(stem.shape[1] for stem in stems) - reach)))
        placing = _placing(rng, stems[0])
        crops = tuple(_placed(stem, start, placing, gain_db) for stem, gain_db in zip(stems, gains_db, strict=True))
        return Strip(crops, tempo, pitch, self._eq_db(rng))

    def _augments(self, rng: np.random.Generator) -> bool:
        return rng.random() < self.mixing.augment

    def _ratio_db(self, rng: np.random.Generator) -> float:
        return float(rng.normal(self.mixing.vocals_db, self.mixing.vocals_spread_db))

    def _eq_db(self, rng: np.random.Generator) -> NDArray[np.float64] | None:
        return rng.uniform(-self.mixing.eq_db, self.mixing.eq_db, EQ_POINTS) if self._augments(rng) else None

    def _speed(self, rng: np.random.Generator) -> tuple[float, float]:
        """Return tempo and pitch: unchanged, changed together as by a faster tape, or each for itself."""
        mixing = self.mixing
        if not self._augments(rng):
            return 1.0, 1.0
        if rng.random() < mixing.unlinked:
            tempo = rng.uniform(1 - mixing.stretch, 1 + mixing.stretch)
            return float(tempo), float(2 ** (rng.uniform(-mixing.pitch_semitones, mixing.pitch_semitones) / 12))
        factor = float(rng.uniform(1 - mixing.speed, 1 + mixing.speed))
        return factor, factor

    def _audible_start(self, rng: np.random.Generator, track: Track, reach: int) -> int:
        """Return where a crop of the vocals starts that holds sound; anywhere where none does."""
        latest = max(1, track.vocals.shape[1] - reach)
        block = LOUDNESS_BLOCK_S * self.sample_rate
        blocks = max(1, round(reach / block))
        power = track.power[blocks:] - track.power[:-blocks]
        audible = np.flatnonzero(power > blocks * 10 ** (_AUDIBLE_DB / 10))
        if not audible.size:
            return int(rng.integers(latest))
        return min(int((audible[rng.integers(audible.size)] + rng.random()) * block), latest - 1)


class _Pool:
    """Tracks, of which each source comes up as often as its weight says, whatever its size."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = tracks
        self._by_source: dict[Source, list[Track]] = {}
        for track in tracks:
            self._by_source.setdefault(track.source, []).append(track)
        self._groups = list(self._by_source.values())
        self._shares = np.cumsum([source.weight for source in self._by_source])

    def of(self, source: Source) -> list[Track]:
        """Return the tracks of a source."""
        return self._by_source[source]

    def one(self, rng: np.random.Generator) -> Track:
        """Draw a track."""
        drawn = rng.random() * self._shares[-1]
        group = self._groups[min(int(np.searchsorted(self._shares, drawn, "right")), len(self._groups) - 1)]
        return group[rng.integers(len(group))]


def _placing(rng: np.random.Generator, stem: Tensor) -> tuple[float, float, bool]:
    """Draw where mono lies, somewhere near the middle, or whether stereo is swapped; and the polarity."""
    left, right, swapped = 1.0, 1.0, False
    if stem.shape[0] == 1:
        angle = np.pi / 4 + rng.normal(0, 0.15)
        left, right = np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)
    else:
        swapped = bool(rng.random() < 0.5)
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return sign * left, sign * right, swapped


def _placed(stem: Tensor, start: int, placing: tuple[float, float, bool], gain_db: float) -> Crop:
    left, right, swapped = placing
    gain = 10 ** (gain_db / 20)
    return Crop(stem, start, (gain * left, gain * right), swapped)


def _tempo_ratio(voice_bpm: float | None, backing_bpm: float | None) -> float | None:
    """Return how many times as fast a voice goes with a backing, at the same, half or double its tempo."""
    if voice_bpm is None or backing_bpm is None:
        return None
    octaves = np.log2(backing_bpm / voice_bpm)
    ratio = float(2 ** (octaves - np.round(octaves)))
    return 1.0 if abs(ratio - 1) < _ALIKE else ratio
