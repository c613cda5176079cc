"""Decode audio once to int16 at the training rate and keep it memory-mapped, with what was measured on it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from trainer.errors import TrainerError
from trainer.outputs import written_whole

Audio = NDArray[np.float32]

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".aif", ".aiff", ".m4a", ".mp4"})
_CONTAINERS = frozenset({".m4a", ".mp4"})
FULL_SCALE = 32767.0
_CACHE_FORMAT = 1  # another number makes every recording be decoded again


def cache_folder() -> Path:
    """Return where decoded audio is kept: `UNSING_CACHE`, or the user's cache folder."""
    base = os.environ.get("UNSING_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unsing"
    return Path(base) / "decoded"


def decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read the first audio stream of a file whole.

    Returns:
        Audio `(channels, samples)` and its rate in Hz.

    Raises:
        TrainerError: The file holds no audio.
    """
    with _readable(path):
        if path.suffix.lower() not in _CONTAINERS:
            audio, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
            return np.ascontiguousarray(audio.T), sample_rate
        with av.open(str(path)) as container:
            track = container.streams.audio[0]
            return np.concatenate([as_float(frame) for frame in container.decode(track)], axis=1), track.rate


def sample_rate_of(path: Path) -> int:
    """Return the rate of a file's first audio stream, in Hz.

    Raises:
        TrainerError: The file holds no audio.
    """
    with _readable(path):
        if path.suffix.lower() not in _CONTAINERS:
            return soundfile.info(path).samplerate
        with av.open(str(path)) as container:
            return container.streams.audio[0].rate


def seconds_of(path: Path) -> float:
    """Return how long a file's first audio stream is by its header, in seconds.

    Raises:
        TrainerError: The file holds no audio.
    """
    with _readable(path):
        if path.suffix.lower() not in _CONTAINERS:
            return soundfile.info(path).duration
        with av.open(str(path)) as container:
            return (container.duration or 0) / av.time_base


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the codecs and the system raise into one sentence about the file."""
    try:
        yield
    except (OSError, av.FFmpegError, soundfile.LibsndfileError, IndexError, ValueError) as error:
        raise TrainerError(
            f"{path}: cannot be read as audio ({error}); remove it from the data or replace it"
        ) from error


def as_float(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Return a decoded frame as `(channels, samples)` from -1 to 1."""
    audio = frame.to_ndarray()
    if not frame.format.is_planar:
        audio = audio.reshape(-1, frame.layout.nb_channels).T
    return audio if audio.dtype == np.float32 else audio.astype(np.float32) / np.float32(2 ** (8 * audio.itemsize - 1))


def cached(
    key: str, sources: Sequence[Path], sample_rate: int, make: Callable[[], tuple[NDArray[np.float32], int]]
) -> NDArray[np.int16]:
    """Return audio `(channels, samples)` as a memory-mapped int16 array at `sample_rate`, made once.

    Args:
        key: What is made of the sources.
        sources: The files it depends on; a change in one of them makes it again.
        sample_rate: The rate to keep it at, in Hz.
        make: Returns the audio and its own rate.

    Raises:
        TrainerError: The audio cannot be trained on, or the cache cannot be written.
    """
    target = _place(key, sources, sample_rate, ".npy")
    if not target.is_file():
        audio, own_rate = make()
        if own_rate != sample_rate:
            audio = soxr.resample(audio.T, own_rate, sample_rate, quality="HQ").T
        require_usable(sources[0], audio)
        with written_whole(target) as beside:
            np.save(beside, np.round(np.clip(audio, -1, 1) * FULL_SCALE).astype(np.int16))
    # Copy on write: nobody writes, but torch takes no array that it could not write to.
    return np.load(target, mmap_mode="c")


def cached_facts(
    key: str, sources: Sequence[Path], sample_rate: int, measure: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return what `measure` says about audio, JSON values, measured once; the rest is as for `cached`."""
    target = _place(key, sources, sample_rate, ".json")
    if not target.is_file():
        with written_whole(target) as beside:
            beside.write_text(json.dumps(measure()))
    return json.loads(target.read_text())


def _place(key: str, sources: Sequence[Path], sample_rate: int, suffix: str) -> Path:
    stamps = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    digest = hashlib.sha256(repr((_CACHE_FORMAT, key, stamps, sample_rate)).encode()).hexdigest()[:32]
    return cache_folder() / f"{digest}{suffix}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        TrainerError: The file cannot be read.
    """
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_usable(path: Path, audio: NDArray[np.float32]) -> None:
    """Raise TrainerError where `(channels, samples)` audio from a file cannot be trained on."""
    if not audio.size:
        raise TrainerError(f"{path}: holds no samples; remove it from the data")
    if audio.shape[0] > 2:
        raise TrainerError(f"{path}: has {audio.shape[0]} channels; convert it to mono or stereo")
    if not np.isfinite(audio).all():
        raise TrainerError(f"{path}: holds NaN or infinite samples; repair it or remove it from the data")
