"""The phase-aware training loss."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import LossConfig
from trainer.layers import compress

_RESOLUTIONS = (1024, 2048, 4096)
_COMPRESSED_RESOLUTION = 2048
_OVERLAP = 4  # windows over every sample
_SDR_CEILING_DB = 30.0
# Share of the mixture's power below which errors stop counting: it keeps SDR defined where nobody sings.
_SDR_FLOOR = 1e-3


class PhaseAwareLoss(nn.Module):
    """L1 on waveforms, on complex spectra at three resolutions and on a compressed spectrum, plus clipped negative SDR.

    Everything is taken relative to the mixture's level, so quiet songs weigh as much as loud ones. SDR is never the
    scale-invariant one, which is blind to gain.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        for n_fft in _RESOLUTIONS:
            window = torch.hann_window(n_fft) / n_fft**0.5
            self.register_buffer(f"window_{n_fft}", window, persistent=False)

    def forward(self, estimates: Tensor, references: Tensor, mixture: Tensor) -> Tensor:
        """Return the scalar loss of `(batch, channels, samples)` waveforms."""
        level = mixture.square().mean((1, 2), keepdim=True).sqrt() + 1e-4
        estimates, references = estimates / level, references / level
        error = estimates - references
        estimated, reference = (self._spectrum(audio, _COMPRESSED_RESOLUTION) for audio in (estimates, references))
        errors = [self._spectrum(error, n_fft) for n_fft in _RESOLUTIONS if n_fft != _COMPRESSED_RESOLUTION]
        errors.append(estimated - reference)
        return (
            self.config.waveform * error.abs().mean()
            + self.config.spectral * sum(spectrum.abs().mean() for spectrum in errors) / len(_RESOLUTIONS)
            + self.config.compressed * (compress(estimated) - compress(reference)).abs().mean()
            - self.config.sdr * _clipped_sdr_db(error, references).mean()
        )

    def _spectrum(self, waveform: Tensor, n_fft: int) -> Tensor:
        return _RealStft.apply(waveform.flatten(0, 1), getattr(self, f"window_{n_fft}"))


class _RealStft(torch.autograd.Function):
    """STFT of `(rows, samples)` with three quarters of overlap, as `(rows, frames, bins, 2)`.

    Differentiated by torch it would take complex transforms of full length where real ones of half the work do.
    """

    @staticmethod
    def forward(ctx: Any, waveform: Tensor, window: Tensor) -> Tensor:
        """Transform the frames that lie within the waveform."""
        ctx.save_for_backward(window)
        ctx.samples = waveform.shape[-1]
        frames = waveform.unfold(-1, window.numel(), window.numel() // _OVERLAP) * window
        return torch.view_as_real(torch.fft.rfft(frames))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Apply the adjoint: real inverse transforms, windowed and overlapped."""
        (window,) = ctx.saved_tensors
        n_fft = window.numel()
        # The inverse transform counts every bin twice but the first and the last, as if for negative frequencies.
        share = torch.full((n_fft // 2 + 1,), 0.5, dtype=window.dtype, device=window.device)
        share[0] = share[-1] = 1
        spectrum = torch.view_as_complex(gradient.contiguous()) * share
        frames = torch.fft.irfft(spectrum, n_fft, norm="forward") * window
        hops = frames.unflatten(-1, (_OVERLAP, -1))
        count = frames.shape[1]
        summed = hops.new_zeros(hops.shape[0], count + _OVERLAP - 1, hops.shape[-1])
        for index in range(_OVERLAP):
            summed[:, index : index + count] += hops[:, :, index]
        summed = summed.flatten(1)
        return F.pad(summed, (0, ctx.samples - summed.shape[-1])), None


def _clipped_sdr_db(error: Tensor, references: Tensor) -> Tensor:
    """Return `(batch,)` signal-to-distortion ratios of waveforms scaled to a mixture of unit power."""
    signal, noise = (audio.square().mean((1, 2)) + _SDR_FLOOR for audio in (references, error))
    return (10 * torch.log10(signal / noise)).clamp(max=_SDR_CEILING_DB)
