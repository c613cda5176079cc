"""Matching the clock of an input device to that of the output device."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.live.resampling import half_width, kernel_table, weigh
from realtime.live.rings import AudioRing

_PHASES = 512
_RING_S = 1.0
# The loop is quick until it has found the clocks' difference, and slows down to where nobody hears it work.
_LOCKING_S = 10.0
_SLOWDOWN = 4.0
_SLOWEST_RAD_S, _QUICKEST_RAD_S = 0.1, 0.5
_SMOOTHING_S = 0.5
_MOST_DRIFT = 1000e-6
_MOST_CHANGE_PER_S = 50e-6


class DriftCorrector:
    """A queue that is filled at the pace of one clock and emptied at that of another.

    It resamples by a ratio that keeps the distance between the newest and the wanted sample at `target_samples`. As
    blocks arrive in one piece, that distance is told from when they arrived rather than from how many lie in the
    queue: otherwise the slow beat of the two block clocks would look like drift.

    One thread feeds, one reads; neither waits.

    Args:
        channels: Rows of the blocks.
        source_hz: Nominal rate of what is fed.
        target_hz: Rate of what is read.
        feed_samples: The longest block that is fed at once.
        read_samples: The longest block that is read at once.
        reserve_samples: How late, in source samples, a block may be fed without being missed.

    Attributes:
        target_samples: The distance that is kept, in source samples.
        delay_samples: How late a sample is read after the last one of its block was fed, in source samples, counted
            from the sample's own time.
        fill_samples: The distance at the last reading.
        starvations: How often silence was read for want of samples.
        skips: How often samples were dropped because far too many were waiting.
    """

    def __init__(
        self,
        channels: int,
        source_hz: float,
        target_hz: float,
        feed_samples: int,
        read_samples: int,
        reserve_samples: int,
    ) -> None:
        self._source_hz, self._target_hz = source_hz, target_hz
        self._nominal = source_hz / target_hz
        self._half = half_width(source_hz, target_hz)
        table = kernel_table(source_hz, target_hz, np.arange(_PHASES + 1) / _PHASES)
        self._table, self._slopes = table[:-1], np.diff(table, axis=0)
        most = math.ceil(read_samples * self._nominal * (1 + _MOST_DRIFT)) + 1
        self.delay_samples = most + self._half + reserve_samples
        self.target_samples = feed_samples + self.delay_samples
        self._feed_samples = feed_samples
        capacity = max(math.ceil(_RING_S * source_hz), 4 * self.target_samples)
        self._ring = AudioRing(channels, capacity)
        self._fed = (0, 0.0)
        self._taken = self._held = 0
        self._fraction = 0.0
        self._line = np.zeros((channels, 2 * self._half + most), np.float32)
        self._steps = np.arange(read_samples, dtype=np.float64)
        self._is_primed = False
        self._age_s = 0.0
        self._error = self._integral = self._correction = 0.0
        self.fill_samples = 0.0
        self.starvations = self.skips = 0

    @property
    def drift_ppm(self) -> float:
        """By how much the feeding clock runs ahead of the reading one."""
        return self._integral * 1e6

    @property
    def correction_ppm(self) -> float:
        """By how much more than nominal is drawn now: the drift and what brings the queue to its target."""
        return self._correction * 1e6

    def feed(self, block: NDArray[np.float32], at_s: float) -> bool:
        """Append `(channels, n)` that arrived at `at_s`; return whether there was room for all (feeding thread)."""
        written = self._ring.write(block)
        self._fed = (self._fed[0] + written, at_s)
        return written == block.shape[1]

    def read(self, out: NDArray[np.float32], at_s: float) -> bool:
        """Fill `out`, `(channels, n)`, as of `at_s`; return False where that is silence (reading thread)."""
        count = out.shape[1]
        if not self._is_primed and not self._prime(at_s):
            out[...] = 0
            return False
        self._follow(at_s, count / self._target_hz)
        step = self._nominal * (1 + self._correction)
        positions = self._fraction + step * self._steps[:count]
        if not self._draw(int(positions[-1]) + 2 * self._half):
            self.starvations += 1
            self._is_primed = False
            out[...] = 0
            return False
        self._interpolate(positions, out)
        self._advance(self._fraction + step * count)
        return True

    def reset(self) -> None:
        """Forget what waits, and keep what is known of the clocks; nobody may be feeding."""
        self._taken += self._ring.discard(self._ring.available)
        self._is_primed = False
        self.starvations = self.skips = 0

    def _distance(self, at_s: float) -> float:
        """Return how far the next sample to read lies behind the newest one, had that come by itself."""
        fed, fed_at_s = self._fed
        since = min(max(at_s - fed_at_s, 0.0) * self._source_hz, 2.0 * self._feed_samples)
        return fed + since - (self._taken - self._held + self._fraction + self._half - 1)

    def _prime(self, at_s: float) -> bool:
        """Begin anew at the target distance, once there is enough for it."""
        self._held, self._fraction = 0, 0.0
        excess = self._distance(at_s) - self.target_samples
        if excess < 0 or excess >= self._ring.available:
            return False
        self._taken += self._ring.discard(int(excess))
        self._fraction = excess - int(excess)
        self._error = 0.0
        self._is_primed = True
        return True

    def _follow(self, at_s: float, elapsed_s: float) -> None:
        """Let the ratio follow the distance: a proportional-integral loop, critically damped."""
        self.fill_samples = self._distance(at_s)
        if self.fill_samples > 2 * self.target_samples:
            self.skips += 1
            self._prime(at_s)
            self.fill_samples = self._distance(at_s)
        self._age_s += elapsed_s
        rad_s = min(max(_SLOWDOWN / self._age_s, _SLOWEST_RAD_S), _QUICKEST_RAD_S)
        error = (self.fill_samples - self.target_samples) / self._source_hz
        self._error += (error - self._error) * min(1.0, elapsed_s / _SMOOTHING_S)
        self._integral += rad_s**2 * self._error * elapsed_s
        self._integral = min(max(self._integral, -_MOST_DRIFT), _MOST_DRIFT)
        wanted = min(max(self._integral + 2 * rad_s * self._error, -_MOST_DRIFT), _MOST_DRIFT)
        most = math.inf if self._age_s < _LOCKING_S else _MOST_CHANGE_PER_S * elapsed_s
        self._correction += min(max(wanted - self._correction, -most), most)

    def _draw(self, needed: int) -> bool:
        """Have the first `needed` samples in the line; return False if they have not all been fed."""
        missing = needed - self._held
        if missing > self._ring.available:
            return False
        if missing > 0:
            self._ring.read(self._line[:, self._held : needed])
            self._taken += missing
            self._held = needed
        return True

    def _interpolate(self, positions: NDArray[np.float64], out: NDArray[np.float32]) -> None:
        """Write the line's value at each of `positions`; the weights lie on straight lines between table rows."""
        starts = positions.astype(np.intp)
        phases = (positions - starts) * _PHASES
        rows = phases.astype(np.intp)
        weights = self._slopes[rows]
        weights *= (phases - rows).astype(np.float32)[:, None]
        weights += self._table[rows]
        weigh(self._line, starts, weights, out)

    def _advance(self, position: float) -> None:
        whole = int(position)
        self._held -= whole
        self._line[:, : self._held] = self._line[:, whole : whole + self._held].copy()
        self._fraction = position - whole
