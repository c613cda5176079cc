"""The line in the terminal that says how live playing goes."""

from __future__ import annotations

import math
import sys

from realtime.live.parameters import EngineSnapshot


class StatusLine:
    """One line that is written over; without a terminal only what changes in words."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._said = ""

    def show(self, snapshot: EngineSnapshot, passed: float, seconds: float) -> None:
        """Write how it goes after `passed` of `seconds`."""
        message = f"{snapshot.state}{': ' if snapshot.message else ''}{snapshot.message}"
        if message != self._said:
            self._said = message
            parts = ", ".join(f"{part.name} {part.ms:.1f}" for part in snapshot.latency)
            latency = f"; latency {snapshot.latency_ms:.1f} ms ({parts})" if parts else ""
            recording = f"; recording to {snapshot.recording}" if snapshot.recording else ""
            print(f"{chr(13) * self._is_terminal}{message}{latency}{recording}".ljust(79), flush=True)
        if self._is_terminal:
            left = "" if math.isinf(seconds) else f" {max(0, seconds - passed):.0f} s left"
            text = (
                f"\r{snapshot.model} in {snapshot.input.rms_db:6.1f} out {snapshot.output.rms_db:6.1f} dB, call "
                f"{snapshot.call.p99_ms:.1f} of {snapshot.deadline_ms:.1f} ms, {snapshot.misses} missed{left}"
            )
            print(text.ljust(79)[:79], end="", flush=True)

    def close(self) -> None:
        """Let what is printed next begin on a line of its own."""
        if self._is_terminal:
            print()
