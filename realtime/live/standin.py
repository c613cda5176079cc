"""What is heard for vocals that come late: nothing of them, so that the mixture stays whole, and no click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FADE_S = 0.012


class StandIn:
    """Bridges blocks of vocals that are missing.

    The stand-in is silence, or the whole dry signal where the vocals are what one listens to; either way what is heard
    is the dry signal. Nobody knows the missing vocals, so the last sample of the true ones is held and faded out under
    the stand-in, and the true ones are faded in again when they come.

    Args:
        sample_rate: In Hz.
        channels: Rows of the blocks.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._fade_samples = round(_FADE_S * sample_rate)
        self._last = np.zeros((channels, 1), np.float32)
        self._held = np.zeros((channels, 1), np.float32)
        self._holding = 0.0  # how much of the held sample is still heard
        self._true = 1.0  # how much of the true vocals is heard
        self._missing = False
        self._scale = 0.0

    def bridge(self, vocals: NDArray[np.float32], dry: NDArray[np.float32], on_time: bool, alone: bool) -> None:
        """Make `vocals` `(channels, n)` fit to be heard, in place; exact where they are on time and have been.

        Args:
            vocals: The separated vocals, undefined where late.
            dry: What they were separated from.
            on_time: Whether `vocals` are there.
            alone: Whether vocals are heard more than accompaniment.
        """
        if on_time and self._true == 1 and not self._holding:
            self._last[:, 0] = vocals[:, -1]
            self._missing = False
            return
        if not on_time and not self._missing:
            self._scale = float(alone)
            self._held[:, 0] = self._last[:, 0] - self._scale * dry[:, 0]
            self._holding, self._true = 1.0, 0.0
        self._missing = not on_time
        if on_time:
            share, self._true = self._ramp(self._true, 1.0, vocals.shape[1])
            np.multiply(vocals, share, out=vocals)
            vocals += self._scale * (1 - share) * dry
        else:
            np.multiply(dry, self._scale, out=vocals)
        share, self._holding = self._ramp(self._holding, 0.0, vocals.shape[1])
        vocals += self._held * share
        self._last[:, 0] = vocals[:, -1]

    def _ramp(self, start: float, end: float, length: int) -> tuple[NDArray[np.float32], float]:
        """Return a ramp of `length` samples from `start` towards `end`, and where it stands then."""
        step = np.sign(end - start) / self._fade_samples
        ramp = np.clip(start + step * np.arange(1, length + 1), 0.0, 1.0).astype(np.float32)
        return ramp, float(ramp[-1])
