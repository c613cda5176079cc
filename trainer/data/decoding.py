"""Decode audio once to int16 at the training rate and keep it memory-mapped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from trainer.errors import TrainerError
from trainer.outputs import written_whole

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
    key: str, sources: list[Path], sample_rate: int, make: Callable[[], tuple[NDArray[np.float32], int]]
) -> NDArray:
    """Return audio `(channels, samples)` as a memory-mapped int16 array at `sample_rate`, made once.

    Args:
        key: What is made of the sources.
        sources: The files it depends on; a change in one of them makes it again.
        sample_rate: The rate to keep it at, in Hz.
        make: Returns the audio and its own rate.

    Raises:
        TrainerError: The audio cannot be trained on, or the cache cannot be written.
    """
    stamps = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    digest = hashlib.sha256(repr((_CACHE_FORMAT, key, stamps, sample_rate)).encode()).hexdigest()[:32]
    target = cache_folder() / f"{digest}.npy"
    if not target.is_file():
        audio, own_rate = make()
        if own_rate != sample_rate:
            audio = soxr.resample(audio.T, own_rate, sample_rate, quality="HQ").T
        _require_usable(sources[0], audio)
        with written_whole(target) as beside:
            np.save(beside, np.round(np.clip(audio, -1, 1) * FULL_SCALE).astype(np.int16))
    return np.load(target, mmap_mode="r")


def _require_usable(path: Path, audio: NDArray[np.float32]) -> None:
    if not audio.size:
        raise TrainerError(f"{path}: holds no samples; remove it from the data")
    if audio.shape[0] > 2:
        raise TrainerError(f"{path}: has {audio.shape[0]} channels; convert it to mono or stereo")
    if not np.isfinite(audio).all():
        raise TrainerError(f"{path}: holds NaN or infinite samples; repair it or remove it from the data")
