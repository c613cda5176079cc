"""Separating a stream: blocks of any size in, the separated signals out, one constant latency behind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.plugin import OnnxPlugin, PluginError, scrub
from realtime.stft import StreamingStft, shift_in

# Far above any integer scale in use, yet the spectrum of it, squared, is still a float32.
_LOUDEST = 2.0**32


class StreamingSeparator:
    """One stream through one plug-in; files and live audio run this same object.

    Samples fill a chunk of `spec.call_samples` while the previous chunk's result is handed out. The latency is
    therefore one chunk, the overlap of the synthesis window, and the lookahead, whatever the block sizes are.

    Args:
        plugin: The plug-in, which then belongs to this stream.

    Attributes:
        spec: What the plug-in says about itself.
        outputs: Names of the separated signals, in order.
        latency_samples: By how much they trail the input.
        dry: `(channels, n)`, the mixture aligned with the `n` samples returned last.
    """

    def __init__(self, plugin: OnnxPlugin) -> None:
        self.spec = spec = plugin.spec
        self.outputs = spec.outputs
        self.latency_samples = spec.latency_samples
        self._plugin = plugin
        signals = len(spec.targets) * spec.channels
        self._stft = StreamingStft(spec.stft, spec.channels, signals)
        delay = self._stft.delay_samples + spec.lookahead_hops * spec.stft.hop_length
        self._chunk = np.zeros((spec.channels, spec.call_samples), np.float32)
        self._mixture = np.zeros((spec.channels, delay + spec.call_samples), np.float32)
        self._spectra = np.zeros((spec.channels, spec.stft.bins, spec.hops_per_call), np.complex64)
        # What is being handed out: the outputs, then the dry mixture they sum to.
        self._ready = np.zeros((len(spec.outputs) + 1, *self._chunk.shape), np.float32)
        self._targets = self._ready[: len(spec.targets)].reshape(signals, spec.call_samples)
        self.dry = self._chunk[:, :0]
        self.reset()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples and return as many, separated.

        NaN and Inf are taken as silence, and samples beyond ±2**32 are clipped.

        Args:
            block: `(channels, n)`, any `n`.

        Returns:
            `(outputs, channels, n)`: what entered `latency_samples` ago. With a residual they sum to `dry`.

        Raises:
            PluginError: The plug-in failed; the stream begins anew.
        """
        if block.ndim != 2 or block.shape[0] != self.spec.channels:
            raise ValueError(f"block has shape {block.shape}, expected ({self.spec.channels}, n)")
        result = np.empty((len(self._ready), *block.shape), np.float32)
        self.process_into(block, result)
        self.dry = result[-1]
        return result[:-1]

    def process_into(self, block: NDArray[np.float32], result: NDArray[np.float32]) -> None:
        """Do as `process`, without allocation: fill `result` `(outputs + 1, channels, n)`, the dry mixture last."""
        length, taken = block.shape[1], 0
        while taken < length:
            count = min(length - taken, self.spec.call_samples - self._filled)
            here, there = slice(self._filled, self._filled + count), slice(taken, taken + count)
            self._chunk[:, here] = block[:, there]
            result[..., there] = self._ready[..., here]
            taken += count
            self._filled += count
            if self._filled == self.spec.call_samples:
                self._filled = 0
                self._separate_chunk()

    def separate_chunk(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next `(channels, spec.call_samples)`, between two whole chunks, and return what they finish.

        For who waits for whole chunks anyway: this is what `process_into` hands out while the next one comes in, so
        it trails the input by one chunk less.

        Returns:
            `(outputs + 1, channels, spec.call_samples)`, the dry mixture last, overwritten by the next call.

        Raises:
            PluginError: The plug-in failed; the stream begins anew.
        """
        self._chunk[...] = chunk
        self._separate_chunk()
        return self._ready

    def flush(self) -> NDArray[np.float32]:
        """End the stream and reset: return its last samples, `(outputs, channels, latency_samples)`."""
        tail = self.process(np.zeros((self.spec.channels, self.latency_samples), np.float32))
        self.reset()
        return tail

    def reset(self) -> None:
        """Forget the past, as if newly made."""
        self._filled = 0
        self._plugin.reset()
        self._stft.reset()
        self._mixture[...] = 0
        self._ready[...] = 0

    def _separate_chunk(self) -> None:
        hop, count = self.spec.stft.hop_length, len(self.spec.targets)
        hops = [slice(start, start + hop) for start in range(0, self.spec.call_samples, hop)]
        scrub(self._chunk, _LOUDEST)
        for frame, samples in enumerate(hops):
            self._spectra[..., frame] = self._stft.analyze(self._chunk[:, samples])
        try:
            estimates = self._plugin.step(self._spectra)
        except PluginError:
            self.reset()
            raise
        for frame, samples in enumerate(hops):
            self._stft.synthesize(estimates[..., frame].reshape(len(self._targets), -1), self._targets[:, samples])
        shift_in(self._mixture, self._chunk)
        dry = self._ready[-1]
        dry[...] = self._mixture[:, : self.spec.call_samples]
        if self.spec.residual is not None:
            residual = self._ready[count]
            np.add.reduce(self._ready[:count], axis=0, out=residual)
            np.subtract(dry, residual, out=residual)
