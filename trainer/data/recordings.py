"""Recordings decoded for training, from folders and packs alike."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data import analysis
from trainer.data.decoding import FULL_SCALE, cached, cached_facts
from trainer.data.packs import read_pack
from trainer.data.sources import Facts, Original, Source, originals_in_folder

# Resampling fades out towards the end of the old band.
_RESAMPLED_BAND = 0.94
_THREADS = min(8, os.cpu_count() or 1)  # each may hold a whole song as float


@dataclass(frozen=True)
class Recording:
    """Stems of one piece, int16 `(1 or 2 channels, samples)`, aligned with each other.

    Attributes:
        name: The song's name.
        source: The `--data` argument it came from, or that it was packed from.
        bandwidth_hz: The highest frequency its voice holds, or its music where nobody sings.
        vocals: The singing; None for instrumental music.
        accompaniment: The stems that sum to everything else; empty for bare voices.
        tempo_bpm: Beats per minute of the accompaniment, give or take an octave; None where no beat stands out.
        vocals_db: Level of the vocals in blocks of `analysis.LOUDNESS_BLOCK_S`.
    """

    name: str
    source: Source
    bandwidth_hz: float
    vocals: NDArray[np.int16] | None
    accompaniment: tuple[NDArray[np.int16], ...]
    tempo_bpm: float | None = None
    vocals_db: tuple[int, ...] = ()

    @property
    def samples(self) -> int:
        """Length of the shortest stem."""
        return min(stem.shape[1] for stem in (*self.accompaniment, *(() if self.vocals is None else (self.vocals,))))

    @property
    def is_labelled(self) -> bool:
        """Whether its stems are estimates that hold remains of each other."""
        return self.source.kind == "labelled"


def find_recordings(source: Source, sample_rate: int) -> Iterator[Recording]:
    """Yield the recordings of a source, decoded to `sample_rate`.

    Raises:
        TrainerError: The folder holds nothing of its kind, or a file cannot be read.
    """
    return decode_all(find_originals(source), sample_rate)


def find_originals(source: Source) -> list[Original]:
    """Return the recordings of a source before they are decoded.

    Raises:
        TrainerError: The folder holds nothing of its kind, a file cannot be read, or a piece of a pack is damaged.
    """
    return read_pack(source) if source.is_pack else originals_in_folder(source)


def decode_all(originals: Sequence[Original], sample_rate: int) -> Iterator[Recording]:
    """Decode recordings on all cores, in their order; what was decoded before is only looked up."""
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(lambda original: _decoded(original, sample_rate), originals)


def _decoded(original: Original, sample_rate: int) -> Recording:
    load = functools.cache(original.load)

    def stem(name: str) -> NDArray[np.int16]:
        return cached(name, original.files, sample_rate, lambda: (load()[name], original.sample_rate))

    vocals = None if original.vocals is None else stem(original.vocals)
    accompaniment = tuple(stem(name) for name in original.accompaniment)

    def measure() -> dict[str, Any]:
        voice, *music = (
            None if audio is None else audio.astype(np.float32) / FULL_SCALE for audio in (vocals, *accompaniment)
        )
        facts = original.facts or Facts.measure(voice, tuple(music), sample_rate)
        levels = [] if voice is None else analysis.loudness_db(voice, sample_rate).tolist()
        return {"bandwidth_hz": facts.bandwidth_hz, "tempo_bpm": facts.tempo_bpm, "vocals_db": levels}

    # Packs say what their recordings are called in stem names, so these tell recordings of one piece apart.
    facts = cached_facts(repr((original.vocals, original.accompaniment)), original.files, sample_rate, measure)
    bandwidth_hz = min(facts["bandwidth_hz"], sample_rate / 2)
    if original.sample_rate < sample_rate:
        bandwidth_hz = min(bandwidth_hz, _RESAMPLED_BAND * original.sample_rate / 2)
    return Recording(
        original.name,
        original.source,
        bandwidth_hz,
        vocals,
        accompaniment,
        facts["tempo_bpm"],
        tuple(facts["vocals_db"]),
    )
