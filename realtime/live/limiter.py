"""Keeps the output below full scale without delaying it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.live.fader import gain

CEILING_DB = -0.3
_RELEASE_S = 0.15
_ATTACK_S = 0.0015
_JOIN_S = 0.0005
_INAUDIBLE = 1e-5


class Limiter:
    """A peak limiter for whole blocks.

    It turns down before a peak as early as the block allows, at the latest along the peak itself, and comes back
    exponentially. What never passes the ceiling is returned bit for bit.

    Args:
        sample_rate: In Hz.

    Attributes:
        reduction_db: How far the last block was turned down at most, 0 or below.
    """

    def __init__(self, sample_rate: int) -> None:
        self.reduction_db = 0.0
        self._ceiling = np.float32(gain(CEILING_DB))
        self._rates = [1.0 / (seconds * sample_rate) for seconds in (_RELEASE_S, _ATTACK_S, _JOIN_S)]
        self._reduction = 0.0  # 1 minus the gain at the end of the last block
        self._make_room(0)

    def process(self, block: NDArray[np.float32]) -> None:
        """Limit `(channels, n)` in place. NaN and infinity, which no ear should meet, become silence."""
        if block.shape[1] != len(self._peaks):
            self._make_room(block.shape[1])
        top = max(float(block.max()), -float(block.min()))
        if not math.isfinite(top):
            np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            top = float(np.abs(block).max())
        if top <= self._ceiling and self._reduction < _INAUDIBLE:
            self._reduction = self.reduction_db = 0.0
            return
        reduction = self._reductions(block)
        self._reduction = float(reduction[-1])
        self.reduction_db = 20.0 * math.log10(1.0 - float(reduction.max()))
        np.subtract(1.0, reduction, out=self._gain, casting="same_kind")
        block *= self._gain
        # A gain rounded up may leave a peak one step above.
        np.clip(block, -self._ceiling, self._ceiling, out=block)

    def _reductions(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return 1 minus the gain for every sample, `(n,)`."""
        needed, ahead = self._needed, self._ahead
        np.abs(block, out=self._magnitudes[: len(block)])
        np.maximum.reduce(self._magnitudes[: len(block)], axis=0, out=self._peaks)
        np.maximum(self._peaks, self._ceiling, out=self._peaks)
        np.divide(self._ceiling, self._peaks, out=needed)
        np.subtract(1.0, needed, out=needed)
        # A decaying maximum is a running maximum of values that were raised by as much as they will have decayed.
        np.multiply(needed[::-1], self._attack_raise, out=ahead)
        np.maximum.accumulate(ahead, out=ahead)
        ahead *= self._attack_fall
        early = ahead[::-1]
        needed *= self._release_raise
        needed[0] = max(needed[0], self._reduction)
        np.maximum.accumulate(needed, out=needed)
        needed *= self._release_fall
        # The early turn-down grows out of where the last block ended, so that blocks join without a step.
        np.multiply(self._join_fall, max(0.0, early[0] - needed[0]), out=self._joined)
        np.subtract(early, self._joined, out=self._joined)
        np.maximum(needed, self._joined, out=needed)
        return needed

    def _make_room(self, samples: int) -> None:
        steps = np.arange(samples, dtype=np.float64)
        release, attack, join = self._rates
        self._release_raise, self._release_fall = np.exp(steps * release), np.exp(-steps * release)
        self._attack_raise, self._attack_fall = np.exp(steps * attack), np.exp(-steps * attack)
        self._join_fall = np.exp(-steps * join)
        self._magnitudes = np.zeros((2, samples), np.float32)
        self._peaks, self._gain = np.zeros(samples, np.float32), np.zeros(samples, np.float32)
        self._needed, self._ahead, self._joined = np.zeros(samples), np.zeros(samples), np.zeros(samples)
