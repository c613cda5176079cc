"""The phase-aware training loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.config import LossConfig
from trainer.layers import compress

_RESOLUTIONS = (1024, 2048, 4096)
_COMPRESSED_RESOLUTION = 2048
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
        spectral = sum(self._spectrum(error, n_fft).abs().mean() for n_fft in _RESOLUTIONS) / len(_RESOLUTIONS)
        estimated, reference = (
            compress(self._spectrum(audio, _COMPRESSED_RESOLUTION)) for audio in (estimates, references)
        )
        return (
            self.config.waveform * error.abs().mean()
            + self.config.spectral * spectral
            + self.config.compressed * (estimated - reference).abs().mean()
            - self.config.sdr * _clipped_sdr_db(error, references).mean()
        )

    def _spectrum(self, waveform: Tensor, n_fft: int) -> Tensor:
        window = getattr(self, f"window_{n_fft}")
        spectrum = torch.stft(
            waveform.flatten(0, 1), n_fft, n_fft // 4, window=window, center=False, return_complex=True
        )
        return torch.view_as_real(spectrum)


def _clipped_sdr_db(error: Tensor, references: Tensor) -> Tensor:
    """Return `(batch,)` signal-to-distortion ratios of waveforms scaled to a mixture of unit power."""
    signal, noise = (audio.square().mean((1, 2)) + _SDR_FLOOR for audio in (references, error))
    return (10 * torch.log10(signal / noise)).clamp(max=_SDR_CEILING_DB)
