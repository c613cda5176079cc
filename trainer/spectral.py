"""The torch side of the STFT: the same frames as `realtime.stft.StreamingStft`, all at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from realtime.contract import StftSpec
from realtime.stft import window_pair


class Stft:
    """A transform pair for whole waveforms; frame `t` ends with hop `t`, never centred."""

    def __init__(self, spec: StftSpec, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self.spec = spec
        self._analysis, self._synthesis = (torch.from_numpy(window).to(device, dtype) for window in window_pair(spec))

    def forward(self, waveform: Tensor) -> Tensor:
        """Map `(..., samples)`, a multiple of `hop_length`, to `(..., bins, frames, 2)`."""
        padded = F.pad(waveform, (self.spec.n_fft - self.spec.hop_length, 0))
        frames = padded.unfold(-1, self.spec.n_fft, self.spec.hop_length) * self._analysis
        return torch.view_as_real(torch.fft.rfft(frames).transpose(-1, -2).contiguous())

    def inverse(self, spectrum: Tensor) -> Tensor:
        """Map `(..., bins, frames, 2)` to the `(..., samples)` aligned with the input of `forward`.

        The last `synthesis_samples - hop_length` samples still lack frames to come.
        """
        hop, tail = self.spec.hop_length, self.spec.synthesis_samples
        frames = torch.fft.irfft(torch.view_as_complex(spectrum.contiguous()).transpose(-1, -2), self.spec.n_fft)
        segments = (frames[..., -tail:] * self._synthesis).unflatten(-1, (tail // hop, hop))
        overlaps = tail // hop
        hops = sum(F.pad(segments[..., index, :], (0, 0, index, overlaps - 1 - index)) for index in range(overlaps))
        return hops[..., overlaps - 1 :, :].flatten(-2)
