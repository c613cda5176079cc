"""Decode audio once to int16 at the training rate and keep it memory-mapped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from trainer.errors import TrainerError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".aif", ".aiff", ".m4a", ".mp4"})
FULL_SCALE = 32767.0


def cache_folder() -> Path:
    """Return where decoded audio is kept: `UNSING_CACHE`, or the user's cache folder."""
    base = os.environ.get("UNSING_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unsing"
    return Path(base) / "decoded"


def decode(path: Path, stream: int = 0) -> tuple[NDArray[np.float32], int]:
    """Read one audio stream of a file whole.

    Returns:
        Audio `(channels, samples)` and its rate in Hz.

    Raises:
        TrainerError: The file holds no such audio.
    """
    try:
        if path.suffix.lower() not in (".mp4", ".m4a"):
            audio, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
            return np.ascontiguousarray(audio.T), sample_rate
        with av.open(str(path)) as container:
            track = container.streams.audio[stream]
            blocks = [_planar(frame) for frame in container.decode(track)]
            return np.concatenate(blocks, axis=1), track.rate
    except (OSError, av.FFmpegError, soundfile.LibsndfileError, IndexError, ValueError) as error:
        raise TrainerError(f"{path}: cannot be read as audio ({error}); remove it from the data or replace it") from error


def _planar(frame: av.AudioFrame) -> NDArray[np.float32]:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32)


def cached(key: str, sources: list[Path], sample_rate: int, make: Callable[[], tuple[NDArray[np.float32], int]]) -> NDArray:
    """Return audio `(channels, samples)` as a memory-mapped int16 array at `sample_rate`, made once.

    Args:
        key: What is made of the sources.
        sources: The files it depends on; a change in one of them makes it again.
        sample_rate: The rate to keep it at, in Hz.
        make: Returns the audio and its own rate.
    """
    stamps = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    digest = hashlib.sha256(repr((key, stamps, sample_rate)).encode()).hexdigest()[:32]
    target = cache_folder() / f"{digest}.npy"
    if not target.is_file():
        audio, own_rate = make()
        if own_rate != sample_rate:
            audio = soxr.resample(audio.T, own_rate, sample_rate, quality="HQ").T
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(f".{os.getpid()}.part")
        with beside.open("wb") as stream:
            np.save(stream, np.round(np.clip(audio, -1, 1) * FULL_SCALE).astype(np.int16))
        beside.replace(target)
    return np.load(target, mmap_mode="r")
