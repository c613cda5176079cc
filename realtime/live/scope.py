"""What the window draws, in memory that the two processes share: mixture and result of the last seconds."""

from __future__ import annotations

from multiprocessing.context import SpawnContext
from multiprocessing.sharedctypes import RawArray

import numpy as np
from numpy.typing import NDArray

SCOPE_SAMPLES = 1 << 17
_COUNT_BYTES = 8


def make_scope_memory(context: SpawnContext) -> RawArray:
    """Return memory for a `Scope` that can be handed to another process at its start."""
    return context.RawArray("b", _COUNT_BYTES + 2 * 4 * SCOPE_SAMPLES)


class Scope:
    """The newest samples of mixture and result, first channels, with a count of all; one process writes, one reads."""

    def __init__(self, memory: RawArray) -> None:
        self._count = np.frombuffer(memory, np.int64, 1)
        self._audio = np.frombuffer(memory, np.float32, 2 * SCOPE_SAMPLES, _COUNT_BYTES).reshape(2, SCOPE_SAMPLES)

    @property
    def count(self) -> int:
        """Samples written since the start."""
        return int(self._count[0])

    def write(self, mixture: NDArray[np.float32], result: NDArray[np.float32]) -> None:
        """Append the first channels of two blocks `(channels, n)` (mixer thread)."""
        length = mixture.shape[1]
        at = self.count % SCOPE_SAMPLES
        first = min(length, SCOPE_SAMPLES - at)
        for row, block in zip(self._audio, (mixture, result), strict=True):
            row[at : at + first] = block[0, :first]
            row[: length - first] = block[0, first:]
        self._count[0] += length

    def read(self, since: int) -> tuple[NDArray[np.float32], int]:
        """Return what came after the count `since`, `(2, n)`, mixture and result, and the count now."""
        count = self.count
        # Half at most, for the other half may be written meanwhile.
        length = min(max(0, count - since), SCOPE_SAMPLES // 2)
        return self._audio[:, np.arange(count - length, count) % SCOPE_SAMPLES], count
