"""A song for pictures of the window: bass, chords, drums and a voice, made of sine waves and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

SAMPLE_RATE = 44100
_BEAT_S = 0.5
_CHORDS_HZ = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (130.8, 164.8, 196.0), (196.0, 246.9, 293.7))
_MELODY_HZ = (440.0, 523.3, 493.9, 440.0, 392.0, 440.0, 587.3, 523.3)
_FORMANTS_HZ = ((700, 110.0), (1200, 150.0), (2700, 250.0))


def write_song(path: Path, seconds: float = 16.0, seed: int = 0) -> Path:
    """Write a stereo song; other seeds make other ones."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    steps = np.roll(np.arange(4), seed)
    parts = (_chords(time_s, steps), _drums(time_s, rng), _voice(time_s, rng))
    music = sum(parts)
    music *= 0.5 / np.abs(music).max()
    soundfile.write(path, np.stack([music, np.roll(music, 40)], axis=1), SAMPLE_RATE, subtype="PCM_16")
    return path


def _chords(time_s: NDArray, steps: NDArray) -> NDArray:
    bar = (time_s / (4 * _BEAT_S)).astype(int) % 4
    fade = np.exp(-1.2 * (time_s % (4 * _BEAT_S)))
    sound = np.zeros_like(time_s)
    for index, step in enumerate(steps):
        now = bar == index
        for hz in _CHORDS_HZ[step]:
            sound[now] += sum(np.sin(2 * np.pi * hz * k * time_s[now]) / k**1.6 for k in range(1, 12))
        root = _CHORDS_HZ[step][0] / 4
        sound[now] += 3 * sum(np.sin(2 * np.pi * root * k * time_s[now]) / k**2 for k in range(1, 6))
    return 0.25 * fade * sound


def _drums(time_s: NDArray, rng: np.random.Generator) -> NDArray:
    noise = rng.standard_normal(len(time_s))
    beat = time_s % _BEAT_S
    kick = np.sin(2 * np.pi * 55 * beat + 12 * (1 - np.exp(-30 * beat))) * np.exp(-12 * beat)
    snare = noise * np.exp(-22 * ((time_s + _BEAT_S) % (2 * _BEAT_S)))
    hat = np.diff(noise, prepend=0) * np.exp(-60 * (time_s % (_BEAT_S / 2)))
    return 1.2 * kick + 0.4 * snare + 0.15 * hat


def _voice(time_s: NDArray, rng: np.random.Generator) -> NDArray:
    note = (time_s / (1.5 * _BEAT_S)).astype(int)
    hz = np.array(_MELODY_HZ)[(note + rng.integers(8)) % 8]
    glide = np.convolve(hz, np.ones(4000) / 4000, mode="same") * (1 + 0.012 * np.sin(2 * np.pi * 5.5 * time_s))
    phase = 2 * np.pi * np.cumsum(glide) / SAMPLE_RATE
    sound = np.zeros_like(time_s)
    for k in range(1, 20):
        weight = sum(np.exp(-(((k * 440 - center) / (3 * width)) ** 2)) for center, width in _FORMANTS_HZ) + 0.15 / k
        sound += weight * np.sin(k * phase)
    return 0.5 * sound * (np.sin(2 * np.pi * time_s / (6 * _BEAT_S)) > -0.4)
