"""Find recordings in the layouts people keep them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from trainer.data.decoding import AUDIO_SUFFIXES, cached, decode
from trainer.errors import TrainerError

KINDS = ("songs", "vocals", "accompaniment", "karaoke")
_STEMS = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}  # streams of a STEMS file; 0 is the mixture


@dataclass(frozen=True)
class Source:
    """One `--data` argument, `[KIND=]FOLDER[@WEIGHT]`.

    Attributes:
        folder: Where the recordings are.
        kind: `songs` (MUSDB18 STEMS files, MUSDB18-HQ folders, or folders of `vocals.*` with `accompaniment.*` or
            `mixture.*`), `vocals` or `accompaniment` (every file is one), or `karaoke` (accompaniment left, voice right).
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
        if not source.weight > 0:
            raise TrainerError(f"{text}: the weight must be above zero")
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
        TrainerError: The folder holds none of the known layouts, or a file cannot be read.
    """
    found = False
    for entry in sorted(source.folder.iterdir()):
        recording = _read(entry, source, sample_rate)
        if recording is not None:
            found = True
            yield recording
    if not found:
        raise TrainerError(
            f"{source.folder}: no {source.kind} found; expected *.stem.mp4, song folders with vocals.* and accompaniment.* "
            f"or mixture.*, or plain audio files after vocals=, accompaniment= or karaoke="
        )


def _read(entry: Path, source: Source, sample_rate: int) -> Recording | None:
    if source.kind == "songs":
        if entry.name.endswith((".stem.mp4", ".stem.m4a")):
            return _read_stems(entry, source, sample_rate)
        return _read_folder(entry, source, sample_rate) if entry.is_dir() else None
    if entry.suffix.lower() not in AUDIO_SUFFIXES:
        return None
    bandwidth_hz = soundfile.info(entry).samplerate / 2
    audio = _load(entry, sample_rate)
    if source.kind == "vocals":
        return Recording(entry.stem, source, bandwidth_hz, audio, ())
    if source.kind == "accompaniment":
        return Recording(entry.stem, source, bandwidth_hz, None, (audio,))
    if audio.shape[0] != 2:
        raise TrainerError(f"{entry}: has {audio.shape[0]} channels; karaoke files hold accompaniment left and voice right")
    return Recording(entry.stem, source, bandwidth_hz, audio[1:], (audio[:1],))


def _read_stems(path: Path, source: Source, sample_rate: int) -> Recording:
    stems = {
        name: cached(f"stem {stream}", [path], sample_rate, lambda stream=stream: decode(path, stream))
        for name, stream in _STEMS.items()
    }
    vocals = stems.pop("vocals")
    return Recording(path.name.removesuffix(path.suffix).removesuffix(".stem"), source, sample_rate / 2, vocals,
                     tuple(stems.values()))


def _read_folder(folder: Path, source: Source, sample_rate: int) -> Recording | None:
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in AUDIO_SUFFIXES}
    if "vocals" not in files:
        return None
    bandwidth_hz = soundfile.info(files["vocals"]).samplerate / 2
    vocals = _load(files["vocals"], sample_rate)
    if {"drums", "bass", "other"} <= files.keys():
        accompaniment = tuple(_load(files[name], sample_rate) for name in ("drums", "bass", "other"))
    elif "accompaniment" in files:
        accompaniment = (_load(files["accompaniment"], sample_rate),)
    elif "mixture" in files:
        accompaniment = (_subtract(files["mixture"], files["vocals"], sample_rate),)
    else:
        raise TrainerError(f"{folder}: has vocals but neither accompaniment.*, mixture.* nor drums, bass and other")
    return Recording(folder.name, source, bandwidth_hz, vocals, accompaniment)


def _load(path: Path, sample_rate: int) -> NDArray[np.int16]:
    return cached("whole", [path], sample_rate, lambda: decode(path))


def _subtract(mixture: Path, vocals: Path, sample_rate: int) -> NDArray[np.int16]:
    def make() -> tuple[NDArray[np.float32], int]:
        (total, rate), (part, part_rate) = decode(mixture), decode(vocals)
        if rate != part_rate or total.shape != part.shape:
            raise TrainerError(f"{mixture}: differs from {vocals.name} in rate, channels or length; export both alike")
        return total - part, rate

    return cached("mixture - vocals", [mixture, vocals], sample_rate, make)
