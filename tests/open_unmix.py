"""Weights of Open-Unmix with the published names and shapes, drawn at random."""

import hashlib
from pathlib import Path

import torch

from trainer.evaluate import open_unmix

HIDDEN, BINS, MAX_BIN = 512, 2049, 1487


def random_weights(seed: int) -> dict[str, torch.Tensor]:
    """Return one network's tensors as its file holds them, the STFT window included."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0, mean: float = 0.0) -> torch.Tensor:
        return mean + scale * torch.randn(*shape, generator=rng)

    weights = {
        "input_mean": normal(MAX_BIN, scale=0.1, mean=-1),
        "input_scale": normal(MAX_BIN, scale=0.1, mean=1).abs(),
        "output_scale": normal(BINS, scale=0.1, mean=0.3),
        "output_mean": normal(BINS, scale=0.1, mean=0.2),
        "stft.window": torch.hann_window(4096),
        "fc1.weight": normal(HIDDEN, 2 * MAX_BIN, scale=0.02),
        "fc2.weight": normal(HIDDEN, 2 * HIDDEN, scale=0.05),
        "fc3.weight": normal(2 * BINS, HIDDEN, scale=0.05),
    }
    for layer in range(3):
        for end in ("", "_reverse"):
            weights[f"lstm.weight_ih_l{layer}{end}"] = normal(4 * HIDDEN // 2, HIDDEN, scale=0.05)
            weights[f"lstm.weight_hh_l{layer}{end}"] = normal(4 * HIDDEN // 2, HIDDEN // 2, scale=0.05)
            weights[f"lstm.bias_ih_l{layer}{end}"] = normal(4 * HIDDEN // 2, scale=0.05)
            weights[f"lstm.bias_hh_l{layer}{end}"] = normal(4 * HIDDEN // 2, scale=0.05)
    for name, width in (("bn1", HIDDEN), ("bn2", HIDDEN), ("bn3", 2 * BINS)):
        weights[f"{name}.weight"] = normal(width, scale=0.1, mean=1)
        weights[f"{name}.bias"] = normal(width, scale=0.1)
        weights[f"{name}.running_mean"] = normal(width, scale=0.1)
        weights[f"{name}.running_var"] = normal(width, scale=0.1, mean=1).abs()
        weights[f"{name}.num_batches_tracked"] = torch.tensor(1000)
    return weights


def publish_weights(folder: Path, monkeypatch, vocals: dict[str, torch.Tensor] | None = None) -> Path:
    """Write four files of random weights, those of `vocals` where given, and let them be the published ones."""
    folder.mkdir()
    names = {}
    for seed, target in enumerate(open_unmix.WEIGHTS):
        path = folder / "file.pth"
        torch.save(vocals if vocals and target == "vocals" else random_weights(seed), path)
        names[target] = f"{target}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
        path.rename(folder / names[target])
    monkeypatch.setattr(open_unmix, "WEIGHTS", names)
    return folder
