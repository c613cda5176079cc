"""The multichannel Wiener filter that refines Open-Unmix's estimates, in real arithmetic, so that ONNX can hold it.

Every source is a local Gaussian with a power spectrum of its own and one spatial covariance per bin (Duong, Vincent and
Gribonval, 2010), both taken anew from the estimates in each iteration (Nugraha, Liutkus and Vincent, 2016).
"""

from __future__ import annotations

import torch
from torch import Tensor

# Energy of the white noise that is taken out of every bin; the mixture's peak is brought to `_PEAK` beforehand.
_NOISE = 1e-10
_PEAK = 10.0


def refine(estimates: Tensor, mixture: Tensor, iterations: int) -> Tensor:
    """Return what expectation-maximization makes of first estimates.

    Args:
        estimates: `(sources, 2, bins, frames, 2)`, real and imaginary part last.
        mixture: `(2, bins, frames, 2)`.
        iterations: How often to repeat; 0 returns the estimates as they are.
    """
    if iterations == 0:
        return estimates
    scale = (mixture.square().sum(-1).max().sqrt() / _PEAK).clamp(min=1.0)
    estimates, mixture = estimates / scale, mixture / scale
    for _ in range(iterations):
        estimates = _filter(mixture, *_local_gaussians(estimates))
    return estimates * scale


def _local_gaussians(estimates: Tensor) -> tuple[Tensor, Tensor]:
    """Return power spectra `(sources, bins, frames)` and covariances `(sources, 2, 2, bins, 2)`."""
    power = estimates.square().sum(-1).mean(1)
    left, right = estimates[:, 0], estimates[:, 1]
    products = torch.stack([_times(a, _conjugate(b)).sum(2) for a in (left, right) for b in (left, right)], 1)
    weights = _NOISE + power.sum(-1)
    return power, (products / weights[:, None, :, None]).unflatten(1, (2, 2))


def _filter(mixture: Tensor, power: Tensor, covariances: Tensor) -> Tensor:
    """Return the share of the mixture that each source explains, `(sources, 2, bins, frames, 2)`."""
    spread = power[:, None, None, :, :, None] * covariances[:, :, :, :, None]
    noise = _NOISE**0.5 * torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]], device=mixture.device)
    inverse = _inverse(spread.sum(0) + noise[:, :, None, None])
    whitened = _apply(inverse, mixture)
    return torch.stack([_apply(source, whitened) for source in spread])


def _inverse(matrices: Tensor) -> Tensor:
    """Invert complex matrices `(2, 2, bins, frames, 2)`."""
    (a, b), (c, d) = matrices
    determinant = _times(a, d) - _times(b, c)
    reciprocal = _conjugate(determinant) / determinant.square().sum(-1, keepdim=True)
    return torch.stack([_times(reciprocal, part) for part in (d, -b, -c, a)]).unflatten(0, (2, 2))


def _apply(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Multiply `(2, 2, bins, frames, 2)` with `(2, bins, frames, 2)`."""
    return torch.stack([_times(row[0], vectors[0]) + _times(row[1], vectors[1]) for row in matrices])


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Multiply complex numbers whose parts are on the last axis."""
    real_a, imag_a, real_b, imag_b = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    return torch.stack([real_a * real_b - imag_a * imag_b, real_a * imag_b + imag_a * real_b], -1)


def _conjugate(a: Tensor) -> Tensor:
    return torch.stack([a[..., 0], -a[..., 1]], -1)
