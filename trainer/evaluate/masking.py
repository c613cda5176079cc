"""Whole-song spectrograms by the host's own windows, for baselines that mask a mixture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.contract import StftSpec
from realtime.stft import StreamingStft, window_pair
from trainer.data.songs import Audio

ORACLE_STFT = StftSpec(n_fft=1024, hop_length=256, analysis_window="hann", synthesis_window="hann")


def spectrogram(audio: Audio, spec: StftSpec) -> NDArray[np.complex64]:
    """Return every frame that touches `(channels, samples)` audio, `(channels, bins, frames)`."""
    frames = -(-(audio.shape[1] + StreamingStft(spec, 1, 1).delay_samples) // spec.hop_length)
    padding = (spec.n_fft - spec.hop_length, frames * spec.hop_length - audio.shape[1])
    padded = np.pad(audio, ((0, 0), padding))
    framed = np.lib.stride_tricks.sliding_window_view(padded, spec.n_fft, axis=1)[:, :: spec.hop_length]
    window = window_pair(spec)[0].astype(np.float32)
    return np.moveaxis(np.fft.rfft(framed * window), 1, 2)


def waveform(frames: NDArray[np.complex64], spec: StftSpec, samples: int) -> Audio:
    """Return the `(channels, samples)` audio whose `spectrogram` is `frames`."""
    stft = StreamingStft(spec, frames.shape[0], frames.shape[0])
    audio = np.empty((frames.shape[0], frames.shape[2] * spec.hop_length), np.float32)
    for frame in range(frames.shape[2]):
        stft.synthesize(frames[..., frame], audio[:, frame * spec.hop_length : (frame + 1) * spec.hop_length])
    return audio[:, stft.delay_samples : stft.delay_samples + samples]


def phase_sensitive_estimate(mixture: Audio, target: Audio, spec: StftSpec = ORACLE_STFT) -> Audio:
    """Return the mixture under the best real mask from 0 to 1, known from the target (Erdogan et al., 2015)."""
    mixed, wanted = spectrogram(mixture, spec), spectrogram(target, spec)
    power = np.maximum(np.abs(mixed) ** 2, np.finfo(np.float32).tiny)
    mask = np.clip((wanted * mixed.conj()).real / power, 0, 1)
    return waveform(mask * mixed, spec, mixture.shape[1])
