"""A made-up song and a tiny model that trains on it in seconds."""

import tomllib
from pathlib import Path

import numpy as np
import soundfile

from trainer.config import Config

SAMPLE_RATE = 44100

TINY = """
name = "tiny"
validation_songs = ["held out", "held out too"]
[stft]
n_fft = 2048
hop_length = 512
analysis_window = "asymmetric"
synthesis_window = "asymmetric"
[model]
bands = [[16, 4], [10, 16], [6, 64], [1, 417]]
features = 32
blocks = 2
[mixing]
crop_s = 1.0
warmup_s = 0.1
long_warmup = 0.0
coherent = 1.0
mute_vocals = 0.0
mute_accompaniment = 0.0
augment = 0.0
[optimizer]
batch_size = 2
steps = 4
validate_every = 2
warmup_steps = 2
ema = 0.9
autocast = false
"""


def make_stems(seconds: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Return a vibrato voice that sings syllables and a band of three, each `(samples, 2)`."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(300 * (1 + 0.03 * np.sin(2 * np.pi * 5.5 * time_s))) / SAMPLE_RATE
    syllables = np.clip(np.sin(2 * np.pi * 1.3 * time_s) * 3, 0, 1)
    vocals = syllables * sum(np.sin(k * phase) / k for k in range(1, 15))
    other = sum(np.sin(2 * np.pi * f * time_s) for f in (220.0, 277.2, 329.6, 440.0)) / 4
    bass = np.sin(2 * np.pi * 55 * time_s)
    drums = rng.standard_normal(time_s.size) * np.exp(-((time_s * 2) % 1) * 12)
    stems = {"vocals": vocals, "other": other, "bass": bass, "drums": drums}
    return {name: 0.15 * np.stack([stem, 0.8 * stem], axis=1) for name, stem in stems.items()}


def write_song(folder: Path, stems: dict[str, np.ndarray]) -> Path:
    """Write one file per stem."""
    folder.mkdir(parents=True)
    for name, audio in stems.items():
        soundfile.write(folder / f"{name}.wav", audio, SAMPLE_RATE, subtype="PCM_16")
    return folder


def tiny_config(**model) -> Config:
    """Return the tiny preset, with changes to its model."""
    values = tomllib.loads(TINY)
    values["model"] |= model
    return Config.from_dict(values)
