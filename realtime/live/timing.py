"""How long calls took, counted without allocation."""

from __future__ import annotations

import math

import numpy as np

from realtime.live.parameters import Timing

_SHORTEST_MS = 0.001
_STEPS_PER_OCTAVE = 24  # 3 % apart
_STEPS = 24 * _STEPS_PER_OCTAVE  # up to 17 s


class Durations:
    """Counts of durations on a logarithmic scale, since the start: percentiles are right to 3 %.

    One thread adds, any may look.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_STEPS, np.int64)
        self.count = 0
        self.max_ms = 0.0
        self.total_ms = 0.0

    def add(self, ms: float) -> None:
        """Count one duration."""
        step = int(_STEPS_PER_OCTAVE * math.log2(ms / _SHORTEST_MS)) if ms > _SHORTEST_MS else 0
        self._counts[min(step, _STEPS - 1)] += 1
        self.count += 1
        self.total_ms += ms
        self.max_ms = max(self.max_ms, ms)

    def percentile_ms(self, percent: float) -> float:
        """Return the duration that `percent` of all stayed below; 0 where there was none."""
        if not self.count:
            return 0.0
        below = np.cumsum(self._counts)
        step = int(np.searchsorted(below, percent / 100 * below[-1]))
        return min(_SHORTEST_MS * 2 ** ((step + 1) / _STEPS_PER_OCTAVE), self.max_ms)

    def timing(self) -> Timing:
        """Return the percentiles that are shown."""
        return Timing(self.percentile_ms(50), self.percentile_ms(99), self.max_ms)
