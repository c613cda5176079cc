"""Measures waveforms: one pass over a file of any length in constant memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.files.reading import open_audio
from realtime.files.waveform import COLUMNS, Waveform

_GRAIN_SAMPLES = 512
_BLOCK_SAMPLES = 128 * _GRAIN_SAMPLES


def measure(path: Path) -> Waveform:
    """Return the waveform of an audio file.

    Raises:
        AudioFileError: It cannot be read to its end.
    """
    with open_audio(path) as reader:
        return _waveform(reader.blocks(_BLOCK_SAMPLES), reader.sample_rate)


def _waveform(blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> Waveform:
    peaks, powers, samples = [], [], 0
    rest: NDArray[np.float32] | None = None
    for block in blocks:
        samples += block.shape[1]
        block = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = block.shape[1] // _GRAIN_SAMPLES * _GRAIN_SAMPLES
        rest = block[:, whole:]
        if whole:
            _append(block[:, :whole], _GRAIN_SAMPLES, peaks, powers)
    if rest is not None and rest.shape[1]:
        _append(rest, rest.shape[1], peaks, powers)
    peak, power = np.concatenate(peaks), np.concatenate(powers)
    starts = np.linspace(0, len(peak), min(COLUMNS, len(peak)), endpoint=False).astype(int)
    counts = np.diff(starts, append=len(peak))
    return Waveform(
        samples / sample_rate,
        _quantize(np.maximum.reduceat(peak, starts)),
        _quantize(np.sqrt(np.add.reduceat(power, starts) / counts)),
    )


def _append(
    audio: NDArray[np.float32], grain: int, peaks: list[NDArray[np.float32]], powers: list[NDArray[np.float32]]
) -> None:
    grains = audio.reshape(len(audio), -1, grain)
    peaks.append(np.abs(grains).max(axis=(0, 2)))
    powers.append(np.square(grains).mean(axis=(0, 2)))


def _quantize(level: NDArray[np.float32]) -> bytes:
    return np.rint(np.clip(level, 0, 1) * 255).astype(np.uint8).tobytes()
