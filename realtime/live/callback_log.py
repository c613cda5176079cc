"""What an audio callback notes about itself: allocated once, written by its thread, read by any other."""

from __future__ import annotations

import numpy as np

from realtime.live.parameters import Timing

_BIN_S = 10e-6
_BINS = 2000
_RECENT = 1024


class CallbackLog:
    """Notes of one stream's callback.

    Attributes:
        callbacks: How often it came.
        last_s: When it came last, on `time.perf_counter`.
        input_xruns, output_xruns: How often PortAudio said that the device's stream had a gap.
    """

    def __init__(self) -> None:
        self.callbacks = 0
        self.last_s = 0.0
        self.input_xruns = self.output_xruns = 0
        self._durations = np.zeros(_BINS + 1, np.int64)
        self._longest_s = 0.0
        self._input_s = np.zeros(_RECENT)
        self._output_s = np.zeros(_RECENT)

    def note(self, began_s: float, ended_s: float, times: object, status: object) -> None:
        """Note one callback: when it began and ended, and PortAudio's times and flags (callback thread)."""
        duration = ended_s - began_s
        self._durations[min(int(duration / _BIN_S), _BINS)] += 1
        if duration > self._longest_s:
            self._longest_s = duration
        now = times.currentTime
        self._input_s[self.callbacks % _RECENT] = now - times.inputBufferAdcTime
        self._output_s[self.callbacks % _RECENT] = times.outputBufferDacTime - now
        if status:
            self.input_xruns += status.input_overflow or status.input_underflow
            self.output_xruns += status.output_underflow or status.output_overflow
        self.callbacks += 1
        self.last_s = began_s

    def timing(self) -> Timing:
        """Return how long the callback took since the start."""
        counts = self._durations.cumsum()
        if not counts[-1]:
            return Timing()
        p50, p99 = (np.searchsorted(counts, share * counts[-1]) + 1 for share in (0.5, 0.99))
        longest = self._longest_s * 1e3
        return Timing(min(float(p50 * _BIN_S * 1e3), longest), min(float(p99 * _BIN_S * 1e3), longest), longest)

    def input_latency_s(self) -> float:
        """Return how long before the callback its first sample reached the device, the median of late."""
        return self._median(self._input_s)

    def output_latency_s(self) -> float:
        """Return how long after the callback its first sample leaves the device, the median of late."""
        return self._median(self._output_s)

    def _median(self, values: np.ndarray) -> float:
        count = min(self.callbacks, _RECENT)
        return float(np.median(values[:count])) if count else 0.0
