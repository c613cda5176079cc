"""Windows and the streaming short-time Fourier transform: one hop in, one hop out."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from realtime.contract import StftSpec


def window_pair(spec: StftSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the analysis and synthesis windows of a transform pair.

    The synthesis window is scaled so that overlap-added products of both sum to one at every sample, which makes
    any pair reconstruct perfectly (weighted overlap-add; Griffin and Lim, 1984). The asymmetric pair keeps a long
    analysis window at the latency of a short synthesis window (Mauler and Martin, 2007).

    Returns:
        `(n_fft,)` and `(spec.synthesis_samples,)`, both float64.
    """
    if spec.analysis_window == "asymmetric":
        analysis = _asymmetric_analysis(spec)
    else:
        analysis = _symmetric(spec.analysis_window, spec.n_fft)
    tail = analysis[-spec.synthesis_samples :]
    if spec.synthesis_window == "asymmetric":
        product = _symmetric("hann", spec.synthesis_samples)
        synthesis = np.divide(product, tail, out=np.zeros_like(product), where=tail > 0)
    else:
        synthesis = _symmetric(spec.synthesis_window, spec.synthesis_samples)
    overlap = (tail * synthesis).reshape(-1, spec.hop_length).sum(axis=0)
    return analysis, synthesis / np.tile(overlap, spec.synthesis_samples // spec.hop_length)


def _symmetric(name: str, length: int) -> NDArray[np.float64]:
    root = np.sin(np.pi * np.arange(length) / length)
    return root if name == "sqrt_hann" else root**2


def _asymmetric_analysis(spec: StftSpec) -> NDArray[np.float64]:
    rise = spec.n_fft - spec.hop_length
    return np.concatenate(
        [
            np.sin(np.pi * np.arange(rise) / (2 * rise)),
            np.cos(np.pi * np.arange(spec.hop_length) / (2 * spec.hop_length)),
        ]
    )


def shift_in(history: NDArray[np.floating], newest: NDArray[np.floating]) -> None:
    """Push `newest` `(channels, n)` into the end of `history` `(channels, length)`; the oldest `n` samples fall out."""
    count = newest.shape[1]
    # Row by row, because numpy copies overlapping rows in place but makes a temporary for overlapping matrices.
    for row in history:
        row[:-count] = row[count:]
    history[:, -count:] = newest


class StreamingStft:
    """A transform pair over a stream, with every buffer allocated once.

    `synthesize` returns audio `delay_samples` behind what `analyze` took in the same turn.

    Args:
        spec: The transform pair.
        inputs: Channels to analyze.
        outputs: Channels to synthesize (targets times channels).
        dtype: float32, or float64 where exactness is studied.
    """

    def __init__(self, spec: StftSpec, inputs: int, outputs: int, dtype: DTypeLike = np.float32) -> None:
        analysis, synthesis = window_pair(spec)
        self.spec = spec
        self.delay_samples = spec.synthesis_samples - spec.hop_length
        # One row per channel, because numpy allocates where it has to broadcast one.
        self._analysis = np.tile(analysis, (inputs, 1))
        self._synthesis = np.tile(synthesis.astype(dtype), (outputs, 1))
        # numpy.fft.rfft works in double precision even on float32, and allocates unless its buffers are double too.
        self._history = np.zeros((inputs, spec.n_fft))
        self._windowed = np.zeros((inputs, spec.n_fft))
        self._spectrum = np.zeros((inputs, spec.bins), np.complex128)
        self._frames = np.zeros((outputs, spec.n_fft), dtype)
        self._segment = np.zeros((outputs, spec.synthesis_samples), dtype)
        self._overlap = np.zeros((outputs, spec.synthesis_samples), dtype)
        self._silence = np.zeros((outputs, spec.hop_length), dtype)

    def analyze(self, hop: NDArray[np.floating]) -> NDArray[np.complex128]:
        """Take the next `(inputs, hop_length)` samples; return the `(inputs, bins)` frame that ends with them.

        The returned array is reused by the next call.
        """
        shift_in(self._history, hop)
        np.multiply(self._history, self._analysis, out=self._windowed)
        return np.fft.rfft(self._windowed, out=self._spectrum)

    def synthesize(self, spectrum: NDArray[np.complexfloating], out: NDArray[np.floating]) -> None:
        """Take the next `(outputs, bins)` frame; write the next `(outputs, hop_length)` finished samples to `out`."""
        shift_in(self._overlap, self._silence)
        np.fft.irfft(spectrum, self.spec.n_fft, out=self._frames)
        np.multiply(self._frames[:, -self.spec.synthesis_samples :], self._synthesis, out=self._segment)
        self._overlap += self._segment
        out[...] = self._overlap[:, : self.spec.hop_length]

    def reset(self) -> None:
        """Forget the past, as if newly made."""
        self._history[...] = 0
        self._overlap[...] = 0
