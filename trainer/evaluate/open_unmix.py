"""Open-Unmix as a baseline: the published UMXHQ weights run as published, and networks trained here.

Torch is imported where it is needed, because the rest of the evaluation runs where it is not installed.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainer.architecture_settings import OpenUnmixConfig
from trainer.config import load_preset
from trainer.data.songs import Audio
from trainer.evaluate.bsseval import EvaluationError
from trainer.evaluate.masking import spectrogram, waveform
from trainer.evaluate.packages import package_folder

if TYPE_CHECKING:
    import torch

    from trainer.open_unmix.network import OpenUnmix

# As published; the digits begin the file's SHA-256.
WEIGHTS = {
    "vocals": "vocals-b62c91ce.pth",
    "drums": "drums-9619578f.pth",
    "bass": "bass-8d85a5bd.pth",
    "other": "other-b52fbbf7.pth",
}
RECORD = "https://zenodo.org/records/3370489"
REMEDY = f"download {', '.join(WEIGHTS.values())} from {RECORD} into one folder and name it with --umxhq-weights"
# Not by this evaluator, and so never a row of figures: the authors' own, and those of the causal DPRNN's paper.
PUBLISHED = (
    "published elsewhere, not measured here: vocals SDR 6.25 dB on the 50 songs of MUSDB18-HQ, and on 30 s of 25 of "
    "them vocals SDR 5.26, SIR 12.51, ISR 14.39, SAR 6.61 and accompaniment 12.95, 19.90, 21.26, 14.46 dB"
)
TRAINED_REMEDY = "train one with python -m trainer fit umx --data DIR and name its checkpoint with --umx-trained"
SAMPLE_RATE = 44100
_PRESET = "umx"
_WIENER_FRAMES = 300


def unavailable(folder: Path | None) -> str | None:
    """Return why UMXHQ cannot run here and what helps; None where it can.

    Raises:
        EvaluationError: `folder` is given, but a file in it is missing or not the published one.
    """
    if package_folder("torch") is None:
        return f'not available: pip install "unsing[train]"; {PUBLISHED}'
    if folder is None:
        return f"not available: {REMEDY}; {PUBLISHED}"
    check_weights(folder)
    return None


def check_weights(folder: Path) -> None:
    """Compare the four files with their published checksums.

    Raises:
        EvaluationError: A file is missing or another one.
    """
    for name in WEIGHTS.values():
        path = folder / name
        if not path.is_file():
            raise EvaluationError(f"{path}: is not there; {REMEDY}")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(path.stem.rpartition("-")[2]):
            raise EvaluationError(
                f"{path}: is not the published file, whose SHA-256 begins with the digits in its name (this one's with "
                f"{digest[:8]}); download it again from {RECORD}"
            )


def load_networks(folder: Path) -> dict[str, OpenUnmix]:
    """Return the published network of each target, in evaluation mode.

    Raises:
        EvaluationError: A file is missing, another one, or lacks a tensor.
    """
    from trainer.architectures import build_network

    networks = {}
    for target, weights in _load_weights(folder).items():
        network = build_network(load_preset(_PRESET))
        missing = network.load_state_dict(weights, strict=False).missing_keys  # the files also hold an STFT window
        lacking = [name for name in missing if not name.endswith("num_batches_tracked")]
        if lacking:
            raise EvaluationError(f"{folder / WEIGHTS[target]}: lacks {lacking[0]}; download it again from {RECORD}")
        networks[target] = network.eval()
    return networks


def _load_weights(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    import torch

    check_weights(folder)
    return {target: torch.load(folder / name, "cpu", weights_only=True) for target, name in WEIGHTS.items()}


def separate(mixture: Audio, folder: Path, residual: bool, iterations: int) -> tuple[Audio, Audio]:
    """Return the vocals UMXHQ finds in a `(2, samples)` mixture at `SAMPLE_RATE`, and the sum of everything else.

    Args:
        mixture: The whole song.
        folder: Where the published weights are.
        residual: Whether what no target claims is a source of its own.
        iterations: Of expectation-maximization.

    Raises:
        EvaluationError: The weights are not the published ones, or the mixture is shorter than half a window.
    """
    import torch

    if mixture.shape[1] <= load_preset(_PRESET).stft.n_fft // 2:
        raise EvaluationError("the song is shorter than half a window of Open-Unmix; leave it out")
    separator = _separate_by_package if package_imports() else _separate_here
    with torch.inference_mode():
        sources = separator(torch.from_numpy(np.ascontiguousarray(mixture)), folder, residual, iterations).numpy()
    return sources[0], sources[1:].sum(axis=0)


def package_imports() -> bool:
    """Tell whether the package `openunmix` works here; the torchaudio it wants must fit torch."""
    try:
        importlib.import_module("openunmix.model")
    except (ImportError, OSError):  # OSError: a library of torchaudio is not there
        return False
    return True


def _separate_by_package(mixture: torch.Tensor, folder: Path, residual: bool, iterations: int) -> torch.Tensor:
    from openunmix.model import OpenUnmix, Separator

    config = load_preset(_PRESET)
    networks = {}
    for target, weights in _load_weights(folder).items():
        networks[target] = OpenUnmix(
            config.stft.bins, config.channels, config.model.hidden, max_bin=config.model.max_bin
        )
        networks[target].load_state_dict(weights, strict=False)
    separator = Separator(networks, niter=iterations, residual=residual, wiener_win_len=_WIENER_FRAMES)
    separator.freeze()
    return separator(mixture[None])[0]


def _separate_here(mixture: torch.Tensor, folder: Path, residual: bool, iterations: int) -> torch.Tensor:
    import torch

    from trainer.open_unmix.wiener import refine

    stft = load_preset(_PRESET).stft
    window = torch.hann_window(stft.n_fft)
    spectrum = torch.view_as_real(torch.stft(mixture, stft.n_fft, stft.hop_length, window=window, return_complex=True))
    estimates = torch.cat([network(spectrum[None])[0][0] for network in load_networks(folder).values()])
    if residual:
        estimates = torch.cat([estimates, (spectrum - estimates.sum(0))[None]])
    pieces = zip(estimates.split(_WIENER_FRAMES, -2), spectrum.split(_WIENER_FRAMES, -2), strict=True)
    sources = torch.view_as_complex(torch.cat([refine(*piece, iterations) for piece in pieces], -2).contiguous())
    audio = torch.istft(sources.flatten(0, 1), stft.n_fft, stft.hop_length, window=window, length=mixture.shape[1])
    return audio.unflatten(0, sources.shape[:2])


def trained_latency_ms(checkpoint: Path) -> float | None:
    """Return the algorithmic latency of a trained Open-Unmix; None for the bidirectional one.

    Raises:
        TrainerError: The checkpoint is damaged.
        EvaluationError: It is of another architecture.
    """
    from trainer.checkpoint import load_checkpoint
    from trainer.config import Config

    config = Config.from_dict(load_checkpoint(checkpoint)[1]["config"])
    if not isinstance(config.model, OpenUnmixConfig):
        raise EvaluationError(f"{checkpoint}: is no Open-Unmix; export it and score the .onnx file with --models")
    return 1000 * config.stft.synthesis_samples / config.sample_rate if config.model.unidirectional else None


def separate_vocals_trained(mixture: Audio, checkpoint: Path) -> Audio:
    """Return the vocals that a network trained here finds in a `(2, samples)` mixture."""
    import torch

    from trainer.checkpoint import load_model

    network = load_model(checkpoint)[0]
    frames = spectrogram(mixture, network.config.stft).astype(np.complex64)
    with torch.inference_mode():
        estimates, _ = network(torch.view_as_real(torch.from_numpy(np.ascontiguousarray(frames)))[None])
    vocals = torch.view_as_complex(estimates[0, 0].contiguous()).numpy()
    return waveform(vocals, network.config.stft, mixture.shape[1])
