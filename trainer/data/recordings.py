"""Find recordings in the layouts people keep them in."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.decoding import AUDIO_SUFFIXES, cached, decode, sample_rate_of
from trainer.data.songs import FOLDER_PARTS, INSTRUMENTS, STEMS_SUFFIXES, Song, find_songs
from trainer.errors import TrainerError

# Resampling fades out towards the end of the old band.
_RESAMPLED_BAND = 0.94
KINDS = ("songs", "vocals", "accompaniment", "karaoke")


@dataclass(frozen=True)
class Source:
    """One `--data` argument, `[KIND=]FOLDER[@WEIGHT]`.

    Attributes:
        folder: Where the recordings are.
        kind: `songs` (MUSDB18 STEMS files, MUSDB18-HQ folders, or folders of `vocals.*` with `accompaniment.*` or
            `mixture.*`), `vocals` or `accompaniment` (every file is one), or `karaoke` (accompaniment left, voice
            right).
        weight: How often it is drawn from, relative to the others.
    """

    folder: Path
    kind: str = "songs"
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read `[KIND=]FOLDER[@WEIGHT]`.

        Raises:
            TrainerError: The kind is unknown, the folder missing or the weight not positive.
        """
        head, separator, tail = text.partition("=")
        kind, rest = (head, tail) if separator and head in KINDS else ("songs", text)
        folder, separator, weight = rest.rpartition("@")
        if not separator:
            folder, weight = rest, "1"
        try:
            source = cls(Path(folder), kind, float(weight))
        except ValueError:
            source = cls(Path(rest), kind)
        if not source.folder.is_dir():
            raise TrainerError(f"{text}: no such folder; give [{'|'.join(KINDS)}=]FOLDER[@WEIGHT]")
        if not 0 < source.weight < math.inf:
            raise TrainerError(f"{text}: the weight must be a number above zero")
        return source


@dataclass(frozen=True)
class Recording:
    """Stems of one piece, int16 `(1 or 2 channels, samples)`, aligned with each other.

    Attributes:
        name: The song's name.
        source: The `--data` argument it came from.
        bandwidth_hz: The highest frequency its audio can hold.
        vocals: The singing; None for instrumental music.
        accompaniment: The stems that sum to everything else; empty for bare voices.
    """

    name: str
    source: Source
    bandwidth_hz: float
    vocals: NDArray[np.int16] | None
    accompaniment: tuple[NDArray[np.int16], ...]

    @property
    def samples(self) -> int:
        """Length of the shortest stem."""
        return min(stem.shape[1] for stem in (*self.accompaniment, *(() if self.vocals is None else (self.vocals,))))


def find_recordings(source: Source, sample_rate: int) -> Iterator[Recording]:
    """Yield the recordings of a source, decoded to `sample_rate`.

    Raises:
        TrainerError: The folder holds nothing of its kind, or a file cannot be read.
    """
    if source.kind == "songs":
        if all((source.folder / split).is_dir() for split in ("train", "test")):
            raise TrainerError(f"{source.folder}: holds test songs too; name {source.folder / 'train'}")
        for song in find_songs(source.folder):
            yield _read_song(song, source, sample_rate)
        return
    files = [path for path in sorted(source.folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
    if not files:
        raise TrainerError(f"{source.folder}: holds no audio files; {source.kind}= takes a folder of them")
    if any(path.stem.lower() in FOLDER_PARTS or path.name.lower().endswith(STEMS_SUFFIXES) for path in files):
        raise TrainerError(f"{source.folder}: holds songs with their stems; give it without {source.kind}=")
    for path in files:
        yield _read_file(path, source, sample_rate)


def _read_song(song: Song, source: Source, sample_rate: int) -> Recording:
    files = [path for _, path in song.parts]
    load_parts = functools.cache(song.load_parts)

    def stem(name: str, make: Callable[[Mapping[str, NDArray]], NDArray]) -> NDArray[np.int16]:
        return cached(name, files, sample_rate, lambda: (make(load_parts()[0]), load_parts()[1]))

    def part(name: str) -> NDArray[np.int16]:
        return stem(name, lambda parts: parts[name])

    if song.names >= INSTRUMENTS:
        accompaniment = tuple(part(name) for name in sorted(INSTRUMENTS))
    elif "accompaniment" in song.names:
        accompaniment = (part("accompaniment"),)
    else:
        accompaniment = (stem("mixture - vocals", lambda parts: parts["mixture"] - parts["vocals"]),)
    return Recording(song.name, source, _bandwidth_hz(files[0], sample_rate), part("vocals"), accompaniment)


def _read_file(path: Path, source: Source, sample_rate: int) -> Recording:
    bandwidth_hz = _bandwidth_hz(path, sample_rate)
    audio = cached("whole", [path], sample_rate, lambda: decode(path))
    if source.kind == "vocals":
        return Recording(path.stem, source, bandwidth_hz, audio, ())
    if source.kind == "accompaniment":
        return Recording(path.stem, source, bandwidth_hz, None, (audio,))
    if audio.shape[0] != 2:
        raise TrainerError(
            f"{path}: has {audio.shape[0]} channels; karaoke files hold accompaniment left and voice right"
        )
    return Recording(path.stem, source, bandwidth_hz, audio[1:], (audio[:1],))


def _bandwidth_hz(path: Path, sample_rate: int) -> float:
    own_rate = sample_rate_of(path)
    return sample_rate / 2 if own_rate >= sample_rate else _RESAMPLED_BAND * own_rate / 2
