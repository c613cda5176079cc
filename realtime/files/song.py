"""Separates one song at its own rate, channels and length, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator

_QUALITY = "VHQ"


class SeparatorPool:
    """Separators of one model, made when a song has channels for them and used again for the next song.

    Args:
        model: The plug-in file.

    Attributes:
        spec: What the plug-in says about itself.

    Raises:
        PluginError: The file breaks the contract, or cannot be run.
    """

    def __init__(self, model: Path) -> None:
        self._model = model
        self._separators = [StreamingSeparator(OnnxPlugin(model))]
        self.spec = self._separators[0].spec

    def take(self, count: int) -> Sequence[StreamingSeparator]:
        """Return `count` separators as if newly made."""
        while len(self._separators) < count:
            self._separators.append(StreamingSeparator(OnnxPlugin(self._model)))
        for separator in self._separators[:count]:
            separator.reset()
        return self._separators[:count]


def separate(
    blocks: Iterable[NDArray[np.float32]], pool: SeparatorPool, channels: int, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    """Separate a stream of `(channels, n)` blocks at any rate.

    Yields:
        Blocks `(len(pool.spec.outputs), channels, n)` at `sample_rate`, aligned with the mixture and together exactly
        as long. The residual is the mixture minus the targets at `sample_rate`, so nothing above the model's
        bandwidth is lost.
    """
    stream = _SongStream(pool, channels, sample_rate)
    for block in blocks:
        yield stream.process(block)
    yield stream.finish()


class _SongStream:
    """Mixture in, outputs out: down to the model's rate, through the model, up again, latency trimmed."""

    def __init__(self, pool: SeparatorPool, channels: int, sample_rate: int) -> None:
        self._spec = pool.spec
        self._groups = _ChannelGroups(pool, channels)
        self._down = _Resampler(sample_rate, self._spec.sample_rate, channels)
        self._up = _Resampler(self._spec.sample_rate, sample_rate, channels * len(self._spec.targets))
        # Rounding may lose a sample on either way; silence at the end covers both.
        self._padding = 2 + math.ceil(2 * sample_rate / self._spec.sample_rate)
        self._to_trim = self._spec.latency_samples
        self._mixture = np.zeros((channels, 0), np.float32)

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take `(channels, n)`; return `(outputs, channels, m)`, as much as is ready."""
        self._mixture = np.concatenate([self._mixture, block], axis=1)
        return self._subtract(self._up(self._trim(self._groups.process(self._down(block)))))

    def finish(self) -> NDArray[np.float32]:
        """Return what is still to come of the mixture."""
        padding = np.zeros((len(self._mixture), self._padding), np.float32)
        tail = self._trim(self._groups.process(self._down(padding, last=True)))
        end = self._trim(self._groups.flush())
        return self._subtract(self._up(np.concatenate([tail, end], axis=1), last=True))

    def _trim(self, targets: NDArray[np.float32]) -> NDArray[np.float32]:
        skipped = min(self._to_trim, targets.shape[1])
        self._to_trim -= skipped
        return targets[:, skipped:]

    def _subtract(self, flat: NDArray[np.float32]) -> NDArray[np.float32]:
        """Complete `(targets * channels, m)` by the residual, no further than the mixture goes."""
        count = min(flat.shape[1], self._mixture.shape[1])
        mixture, self._mixture = self._mixture[:, :count], self._mixture[:, count:]
        targets = flat[:, :count].reshape(len(self._spec.targets), len(mixture), count)
        if self._spec.residual is None:
            return targets
        return np.concatenate([targets, (mixture - np.sum(targets, axis=0))[np.newaxis]])


class _ChannelGroups:
    """Spreads any number of channels over separators of a fixed number.

    Consecutive channels share a separator. Where the last ones do not fill theirs they are repeated, and the
    estimates of the copies averaged.
    """

    def __init__(self, pool: SeparatorPool, channels: int) -> None:
        width = pool.spec.channels
        self._members = [range(start, min(start + width, channels)) for start in range(0, channels, width)]
        self._separators = pool.take(len(self._members))
        self._width, self._targets = width, len(pool.spec.targets)

    def process(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take `(channels, n)`; return the targets as `(targets * channels, n)`, delayed by the model's latency."""
        return self._collect(
            [
                separator.process(mixture[np.resize(members, self._width)])
                for members, separator in zip(self._members, self._separators, strict=True)
            ]
        )

    def flush(self) -> NDArray[np.float32]:
        """Return the last `latency_samples` of the targets, `(targets * channels, latency_samples)`."""
        return self._collect([separator.flush() for separator in self._separators])

    def _collect(self, estimates: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        parts = [
            self._merge(part[: self._targets], len(members))
            for part, members in zip(estimates, self._members, strict=True)
        ]
        merged = np.concatenate(parts, axis=1)
        return merged.reshape(merged.shape[0] * merged.shape[1], merged.shape[2])

    def _merge(self, targets: NDArray[np.float32], members: int) -> NDArray[np.float32]:
        if members == self._width:
            return targets
        return np.stack([targets[:, channel::members].mean(axis=1) for channel in range(members)], axis=1)


class _Resampler:
    """A streaming resampler over `(channels, n)` blocks, aligned with its input; equal rates pass through."""

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, channels, "float32", _QUALITY)

    def __call__(self, block: NDArray[np.float32], last: bool = False) -> NDArray[np.float32]:
        if self._stream is None:
            return block
        return np.ascontiguousarray(self._stream.resample_chunk(np.ascontiguousarray(block.T), last).T)
