"""Prove that a plug-in does what its checkpoint does: torch offline = torch streaming = the host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export.errors import ExportError
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from trainer.checkpoint import load_model
from trainer.separator import Separator
from trainer.spectral import Stft

_FRAMES = 512
_MINIMUM_DB = 100.0
_MAXIMUM_ERROR = 1e-5  # relative to the peak


@dataclass(frozen=True)
class VerificationReport:
    """How far apart the three ways of running a model are.

    Attributes:
        frames: STFT frames compared.
        streaming_error, host_error: Largest difference from torch offline, relative to its peak.
        streaming_db, host_db: Power of torch offline over the power of the difference.
    """

    frames: int
    streaming_error: float
    streaming_db: float
    host_error: float
    host_db: float


def verify_export(checkpoint: Path, model: Path) -> VerificationReport:
    """Compare a plug-in with its checkpoint on over 500 frames of audio.

    Args:
        checkpoint: The safetensors file.
        model: The ONNX file.

    Raises:
        ExportError: They differ by more than 1e-5 of the peak, or by less than 100 dB.
    """
    network, _ = load_model(checkpoint)
    config = network.config
    stft = Stft(config.stft)
    frames = -(-_FRAMES // config.model.chunk_frames) * config.model.chunk_frames
    mixture = _test_signal(config.channels, frames * config.stft.hop_length, config.sample_rate)
    with torch.no_grad():
        spectrum = stft.forward(torch.from_numpy(mixture)[None])
        offline = stft.inverse(network(spectrum)[0])[0].numpy()
        streaming = stft.inverse(_stream(network, spectrum))[0].numpy()
    separator = StreamingSeparator(OnnxPlugin(model))
    host = np.concatenate([separator.process(mixture), separator.flush()], axis=-1)[: offline.shape[0]]
    # Torch offline lacks frames to come for the last samples, the host trails by its latency.
    whole = mixture.shape[1] - (config.stft.synthesis_samples - config.stft.hop_length) - config.trailing_samples
    offline, streaming = (audio[..., config.trailing_samples :] for audio in (offline, streaming))
    host = host[..., separator.latency_samples :]
    offline, streaming, host = (audio[..., :whole] for audio in (offline, streaming, host))
    report = VerificationReport(frames, *_difference(streaming, offline), *_difference(host, offline))
    for way, error, level_db in (
        ("torch streaming", report.streaming_error, report.streaming_db),
        ("the host", report.host_error, report.host_db),
    ):
        if not (error <= _MAXIMUM_ERROR and level_db >= _MINIMUM_DB):
            raise ExportError(
                f"{checkpoint}: exported, {way} differs from torch offline by {error:.1e} of peak ({level_db:.0f} dB), "
                f"where {_MAXIMUM_ERROR:.0e} and {_MINIMUM_DB:.0f} dB are asked for; the model cannot be used as it is"
            )
    return report


def _stream(network: Separator, spectrum: torch.Tensor) -> torch.Tensor:
    state, parts = None, []
    for chunk in spectrum.split(network.config.model.chunk_frames, dim=-2):
        estimates, state = network(chunk, state)
        parts.append(estimates)
    return torch.cat(parts, dim=-2)


def _test_signal(channels: int, samples: int, sample_rate: int) -> NDArray[np.float32]:
    """Return noise and gliding tones whose level moves over 40 dB, `(channels, samples)`."""
    rng = np.random.default_rng(0)
    time_s = np.arange(samples) / sample_rate
    glides = [np.sin(2 * np.pi * (start + start * time_s / 8) * time_s) for start in (110, 220, 440, 880)]
    swell = 10 ** (-1 + np.sin(2 * np.pi * time_s / 3))
    noise = rng.standard_normal((channels, samples))
    return (0.3 * swell * (0.2 * noise + np.mean(glides, axis=0))).astype(np.float32)


def _difference(audio: NDArray, reference: NDArray) -> tuple[float, float]:
    """Return the largest difference relative to the reference's peak, and the power ratio in dB."""
    difference = audio.astype(np.float64) - reference
    error = float(np.abs(difference).max() / max(np.abs(reference).max(), 1e-12))
    return error, float(
        10 * np.log10(np.sum(np.square(reference, dtype=np.float64)) / max(np.sum(difference**2), 1e-30))
    )
