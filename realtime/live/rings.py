"""A queue of audio between two threads, without locks and without allocation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class AudioRing:
    """One thread writes, one reads; neither ever waits.

    The two counters only grow, each is changed by one thread alone, and the audio is in place before the counter says
    so; under the interpreter lock nothing more is needed.

    Args:
        channels: Rows of the blocks that pass through.
        capacity: Samples it can hold.
    """

    def __init__(self, channels: int, capacity: int) -> None:
        self.capacity = capacity
        self._audio = np.zeros((channels, capacity), np.float32)
        self._written = self._read = 0

    @property
    def available(self) -> int:
        """Samples that can be read."""
        return self._written - self._read

    @property
    def space(self) -> int:
        """Samples that can be written."""
        return self.capacity - self.available

    def write(self, block: NDArray[np.float32]) -> int:
        """Append `(channels, n)`, as much of it as there is room for; return how much (writing thread)."""
        count = min(block.shape[1], self.space)
        at = self._written % self.capacity
        first = min(count, self.capacity - at)
        self._audio[:, at : at + first] = block[:, :first]
        if first < count:
            self._audio[:, : count - first] = block[:, first:count]
        self._written += count
        return count

    def read(self, out: NDArray[np.float32]) -> int:
        """Fill the start of `out`, `(channels, n)`, with what there is; return how much (reading thread)."""
        count = min(out.shape[1], self.available)
        at = self._read % self.capacity
        first = min(count, self.capacity - at)
        out[:, :first] = self._audio[:, at : at + first]
        if first < count:
            out[:, first:count] = self._audio[:, : count - first]
        self._read += count
        return count

    def discard(self, count: int) -> int:
        """Drop the oldest `count` samples, as many as there are; return how many (reading thread)."""
        count = min(count, self.available)
        self._read += count
        return count
