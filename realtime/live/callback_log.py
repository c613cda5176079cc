"""What an audio callback notes about itself: allocated once, written by its thread, read by any other."""

from __future__ import annotations

import numpy as np

from realtime.live.parameters import Timing
from realtime.live.timing import Durations

_RECENT = 1024


class CallbackLog:
    """Notes of one stream's callback.

    Attributes:
        callbacks: How often it came.
        last_s: When it came last, on `time.perf_counter`.
        xruns: How often PortAudio said that the device's stream had a gap, in whatever direction.
    """

    def __init__(self) -> None:
        self.callbacks = 0
        self.last_s = 0.0
        self.xruns = 0
        self._durations = Durations()
        self._input_s = np.zeros(_RECENT)
        self._output_s = np.zeros(_RECENT)

    def note(self, began_s: float, ended_s: float, times: object, status: object) -> None:
        """Note one callback: when it began and ended, and PortAudio's times and flags (callback thread)."""
        self._durations.add(1e3 * (ended_s - began_s))
        now = times.currentTime
        self._input_s[self.callbacks % _RECENT] = now - times.inputBufferAdcTime
        self._output_s[self.callbacks % _RECENT] = times.outputBufferDacTime - now
        self.xruns += (
            status.input_overflow or status.input_underflow or status.output_underflow or status.output_overflow
        )
        self.callbacks += 1
        self.last_s = began_s

    def timing(self) -> Timing:
        """Return how long the callback took since the start."""
        return self._durations.timing()

    def input_latency_s(self) -> float:
        """Return how long before the callback its first sample reached the device, the median of late."""
        return self._median(self._input_s)

    def output_latency_s(self) -> float:
        """Return how long after the callback its first sample leaves the device, the median of late."""
        return self._median(self._output_s)

    def _median(self, values: np.ndarray) -> float:
        count = min(self.callbacks, _RECENT)
        return float(np.median(values[:count])) if count else 0.0
