"""Changing the sample rate of a stream with a short, constant and exactly known delay."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

# Zero crossings of the kernel on either side. 32 of them at 44.1 kHz are 0.7 ms of delay, flat to 19 kHz, with images
# below -90 dB; libsoxr is steeper still, but holds back up to 20 ms in each direction.
_ZERO_CROSSINGS = 32
_CUTOFF = 0.97
_KAISER_BETA = 9.0


def half_width(source_hz: float, target_hz: float) -> int:
    """Return how many source samples the kernel needs on either side of a point."""
    return math.ceil(_ZERO_CROSSINGS * max(1.0, source_hz / target_hz))


def kernel_table(source_hz: float, target_hz: float, fractions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the windowed sinc that interpolates between two source samples, one row for each fraction of the way.

    Args:
        source_hz: Rate of the samples that are weighted.
        target_hz: Rate of the points; where it is lower, what it cannot hold is taken out.
        fractions: `(phases,)`, 0 to 1.

    Returns:
        `(phases, 2 * half)`: weights of the samples `half - 1` before to `half` after the one at fraction 0.
    """
    half = half_width(source_hz, target_hz)
    cutoff = _CUTOFF * min(1.0, target_hz / source_hz)
    distance = np.arange(1 - half, half + 1) - fractions[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None)))
    rows = np.sinc(cutoff * distance) * window
    return np.float32(rows / rows.sum(axis=1, keepdims=True))


def weigh(
    line: NDArray[np.float32], starts: NDArray[np.intp], weights: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Write to `out`, `(channels, n)`, what the rows of `weights`, `(n, taps)`, make of `line` from `starts` on."""
    windows = sliding_window_view(line, weights.shape[1], axis=1)
    np.einsum("cnk,nk->cn", windows[:, starts], weights, out=out)


class Resampler:
    """A stream from one fixed rate to another; equal rates pass through untouched.

    The sample that entered as number `m` leaves at `m * target_hz / source_hz + delay_samples`, and as soon as `n`
    samples have entered, `ceil(n * target_hz / source_hz)` have left, however they were cut into blocks.

    Args:
        source_hz: Rate of what goes in.
        target_hz: Rate of what comes out.
        channels: Rows of the blocks.

    Attributes:
        delay_samples: By how much the output trails the input, in samples at `target_hz`.
    """

    def __init__(self, source_hz: int, target_hz: int, channels: int) -> None:
        if source_hz <= 0 or target_hz <= 0:
            raise ValueError(f"cannot resample from {source_hz} Hz to {target_hz} Hz: rates must be above 0")
        divisor = math.gcd(source_hz, target_hz)
        self._source, self._target = source_hz // divisor, target_hz // divisor
        self._channels = channels
        self._passes = source_hz == target_hz
        self._half = half_width(source_hz, target_hz)
        self.delay_samples = 0 if self._passes else _divide_up(self._half * self._target, self._source)
        if not self._passes:
            self._table = kernel_table(source_hz, target_hz, np.arange(self._target) / self._target)
        self.reset()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples, `(channels, n)`, and return those that are due, `(channels, m)`."""
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise ValueError(f"block has shape {block.shape}, expected ({self._channels}, n)")
        if self._passes:
            return block
        line = np.concatenate((self._line, block), axis=1)
        first = self._received - self._line.shape[1]
        self._received += block.shape[1]
        due = _divide_up(self._received * self._target, self._source)
        places, phases = np.divmod(
            np.arange(self._returned - self.delay_samples, due - self.delay_samples) * self._source, self._target
        )
        result = np.empty((self._channels, due - self._returned), np.float32)
        weigh(line, places + (1 - self._half - first), self._table[phases], result)
        self._returned = due
        self._line = line[:, line.shape[1] - self._line.shape[1] :].copy()
        return result

    def wanted(self, count: int) -> int:
        """Return how many samples have to be taken until `count` more are due, 1 or more."""
        if self._passes:
            return count
        return (self._returned + count - 1) * self._source // self._target + 1 - self._received

    def reset(self) -> None:
        """Forget the past, as if newly made."""
        self._received = self._returned = 0
        reach = self._half + _divide_up(self.delay_samples * self._source, self._target) + 1
        self._line = np.zeros((self._channels, reach), np.float32)


def _divide_up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
