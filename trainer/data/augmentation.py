"""Augmentations of one stem, float32 `(2, samples)`."""

from __future__ import annotations

import numpy as np
import scipy.signal
import soxr
from numpy.typing import NDArray

Audio = NDArray[np.float32]


def varispeed(audio: Audio, factor: float) -> Audio:
    """Play `factor` times as fast, pitch and tempo together; the length changes to `samples / factor`."""
    return np.ascontiguousarray(soxr.resample(audio.T, factor, 1.0, quality="HQ").T)


def equalize(audio: Audio, rng: np.random.Generator, range_db: float = 6.0) -> Audio:
    """Apply a smooth random gain curve, level at about one point per octave and a half."""
    spectrum = np.fft.rfft(audio)
    octaves = np.log2(np.linspace(1, 1024, spectrum.shape[1], dtype=np.float32))
    points_db = rng.uniform(-range_db, range_db, 7)
    gain_db = np.interp(octaves, np.linspace(0, 10, 7), points_db)
    return np.fft.irfft(spectrum * (10 ** (gain_db / 20)).astype(np.float32), audio.shape[1]).astype(np.float32)


def reverberate(audio: Audio, rng: np.random.Generator, sample_rate: int) -> Audio:
    """Put a dry voice into a random room: exponentially decaying stereo noise behind the direct sound."""
    decay_s = rng.uniform(0.2, 1.5)
    time_s = np.arange(int(min(decay_s, 1.0) * sample_rate)) / sample_rate
    tail = rng.standard_normal((2, time_s.size)) * 10 ** (-3 * time_s / decay_s)
    tail[:, : int(rng.uniform(0.002, 0.04) * sample_rate)] = 0
    tail *= 10 ** (rng.uniform(-20, -4) / 20) / np.sqrt(np.sum(tail**2, axis=1, keepdims=True))
    wet = scipy.signal.fftconvolve(audio, tail.astype(np.float32), axes=1)[:, : audio.shape[1]]
    return (audio + wet).astype(np.float32)


def place(audio: Audio, rng: np.random.Generator) -> Audio:
    """Turn mono into stereo somewhere near the middle, or swap the channels of stereo; flip polarity at random."""
    if audio.shape[0] == 1:
        angle = np.pi / 4 + rng.normal(0, 0.15)
        audio = audio * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * np.sqrt(2, dtype=np.float32)
    elif rng.random() < 0.5:
        audio = audio[::-1]
    return audio * np.float32(rng.choice((-1, 1)))
