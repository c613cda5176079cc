"""Gains that move without a click, and the crossfade between two aligned signals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_RAMP_SAMPLES = 882  # 20 ms at 44.1 kHz


def gain(db: float) -> float:
    """Return the factor of a level in dB; minus infinity is silence."""
    return 0.0 if db == -math.inf else 10.0 ** (db / 20.0)


class _Ramp:
    """A number that follows its target along half a cosine.

    The half cosine starts and ends without a slope; a straight ramp would have two kinks.

    Args:
        samples: How long it takes.
        value: Where it starts.

    Attributes:
        value: Where it stands now.
    """

    def __init__(self, samples: int, value: float) -> None:
        self.value = self._start = self._end = value
        self._curve = (0.5 - 0.5 * np.cos(np.pi * np.arange(1, samples + 1) / samples)).astype(np.float32)
        self._values = np.zeros(samples, np.float32)
        self._position = samples

    def advance(self, target: float, count: int) -> NDArray[np.float32]:
        """Return the next values on the way to `target`, `(m,)` with `m <= count`; after them it rests at `value`."""
        if target != self._end:
            self._start, self._end, self._position = self.value, target, 0
        count = min(count, len(self._curve) - self._position)
        values = self._values[:count]
        if count:
            np.multiply(self._curve[self._position : self._position + count], self._end - self._start, out=values)
            values += self._start
            self._position += count
            self.value = self._end if self._position == len(self._curve) else float(values[-1])
        return values


class Fader:
    """A gain for blocks of audio.

    Args:
        samples: Length of a ramp.
        gain: Where it starts.

    Attributes:
        gain: Where it goes; may be set by any thread at any moment.
    """

    def __init__(self, samples: int = _RAMP_SAMPLES, gain: float = 1.0) -> None:
        self.gain = gain
        self._ramp = _Ramp(samples, gain)

    @property
    def value(self) -> float:
        """The gain that was reached."""
        return self._ramp.value

    @property
    def is_down(self) -> bool:
        """Whether it rests at 0."""
        return self.gain == 0.0 == self._ramp.value

    def apply(self, block: NDArray[np.float32]) -> None:
        """Scale `(channels, n)` in place; at rest at 1 nothing is touched, at rest at 0 all is zero."""
        values = self._ramp.advance(self.gain, block.shape[1])
        if len(values):
            block[:, : len(values)] *= values
        if self.value == 0.0:
            block[:, len(values) :] = 0.0
        elif self.value != 1.0:
            block[:, len(values) :] *= np.float32(self.value)


class Crossfade:
    """Moves between two signals of the same moment.

    Both gains always add up to one. That is right because the two are strongly correlated (stems sum to the dry
    signal): amplitudes add, the level stays, and where they are equal nothing is heard at all. The equal-power law for
    unrelated signals would swell by 3 dB in the middle.

    Args:
        samples: Length of a crossfade.
        towards: The signal it starts at, 0 or 1.
        channels: Rows of the blocks.
    """

    def __init__(self, samples: int = _RAMP_SAMPLES, towards: int = 0, channels: int = 2) -> None:
        self._target = float(towards)
        self._ramp = _Ramp(samples, self._target)
        self._difference = np.zeros((channels, samples), np.float32)

    @property
    def value(self) -> float:
        """The share of the second signal that was reached."""
        return self._ramp.value

    def towards(self, signal: int) -> None:
        """Move to the first signal, 0, or to the second, 1; any thread at any moment."""
        self._target = float(signal)

    def mix(self, a: NDArray[np.float32], b: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Write the mix of `a` and `b`, all `(channels, n)`; `out` may be one of them. At rest it is a copy."""
        values = self._ramp.advance(self._target, out.shape[1])
        count = len(values)
        if count:
            difference = self._difference[:, :count]
            np.subtract(b[:, :count], a[:, :count], out=difference)
            difference *= values
            np.add(a[:, :count], difference, out=out[:, :count])
        rest = b if self.value else a
        if rest is not out:
            out[:, count:] = rest[:, count:]
