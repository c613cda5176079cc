"""The queue in front of the output device: the mixer fills it, the callback empties it and asks for more."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from realtime.live.rings import AudioRing
from realtime.live.wake import Wake

_BLOCKS = 32
_FADE_SAMPLES = 64
# A sound server may ask for several blocks at once; what it takes to serve that shows in the first seconds.
_SETTLING_S = 2.0
_MOST_PREFILL_BLOCKS = 8


class Outlet:
    """Plays what the mixer wrote, a block later; silence where it came late, which is then dropped when it comes.

    So the latency stays as it is. Only in the first seconds it grows, for a device that asks for several blocks at
    once. The callback neither waits nor takes a lock that anyone holds.

    Args:
        channels: The device channels, from 0, that play left and right; the same one twice for mono.
        sample_rate: In Hz.
        block_samples: The longest block, and the mixer's.
        settles: Whether the device may ask for several blocks at once.

    Attributes:
        prefill_samples: How many samples wait in the queue when all is well.
        waiting: How many waited when the device last took some.
        underruns: Blocks that came too late.
        overruns: Blocks the device did not take.
    """

    def __init__(self, channels: tuple[int, int], sample_rate: int, block_samples: int, settles: bool) -> None:
        self._left, self._right = channels
        self._rate, self._block = sample_rate, block_samples
        self._settling_s = _SETTLING_S if settles else 0.0
        self._planes = np.zeros((2, block_samples), np.float32)
        fade = min(_FADE_SAMPLES, block_samples)
        self._ramp = np.linspace(1, 0, fade, endpoint=False, dtype=np.float32)[:, None]
        self._is_connected = False
        self._clear()

    def connect(self) -> None:
        """Begin with one silent block in the queue; the mixer is to be ready."""
        self._clear()
        self._is_connected = True

    def disconnect(self) -> None:
        """Play silence and ask for nothing."""
        self._is_connected = False

    def wait(self, timeout_s: float) -> bool:
        """Wait until a block is asked for; return False if none was in that time (mixer thread)."""
        end = time.perf_counter() + timeout_s
        while self._asked[0] - self._served < self._block:
            left = end - time.perf_counter()
            if left <= 0:
                return False
            self._wake.wait(left)
        self._served += self._block
        return True

    def asked_at(self) -> float:
        """Return when the block that is served now was asked for, on `time.perf_counter` (mixer thread)."""
        asked, at_s = self._asked
        return at_s - (asked - self._served) / self._rate

    def deadline(self) -> float:
        """Return when the block that is served now will be taken (mixer thread)."""
        blocks = self._queue.available // self._block
        return self._asked[1] + (blocks + 1) * self._block / self._rate

    def write(self, block: NDArray[np.float32]) -> None:
        """Append `(2, n)`, less what should have been played before (mixer thread)."""
        if self._left == self._right:
            block = np.broadcast_to(block.mean(axis=0, dtype=np.float32), block.shape)
        late = min(self._missed - self._dropped, block.shape[1])
        self._dropped += late
        block = block[:, late:]
        self.overruns += self._queue.write(block) < block.shape[1]

    def play(self, out: NDArray[np.float32], now: float) -> None:
        """Fill PortAudio's `(n, channels)` at time `now` and ask for as much (callback thread)."""
        out.fill(0)
        if not self._is_connected:
            return
        self.waiting = self._queue.available
        count = self._queue.read(self._planes[:, : len(out)])
        out[:count, self._left] = self._planes[0, :count]
        out[:count, self._right] = self._planes[1, :count]
        if self._is_dry and count:
            fade = min(len(self._ramp), count)
            out[:fade] *= 1 - self._ramp[:fade]
            self._is_dry = False
        if count < len(out):
            self._run_dry(out, count, now)
        self._asked = (self._asked[0] + len(out), now)
        self._wake.set()

    def _run_dry(self, out: NDArray[np.float32], count: int, now: float) -> None:
        """Count what is missing, and let what was playing fade instead of click."""
        missing = len(out) - count
        is_burst = now - self._asked[1] < 0.5 * self._block / self._rate
        may_grow = now < self._settled_s and self.prefill_samples < _MOST_PREFILL_BLOCKS * self._block
        if is_burst and may_grow:
            self.prefill_samples += missing
        else:
            self._missed += missing
            self.underruns += 1
        fade = min(len(self._ramp), missing)
        last = self._planes[:, (count or len(out)) - 1]
        out[count : count + fade, self._left] = last[0] * self._ramp[:fade, 0]
        out[count : count + fade, self._right] = last[1] * self._ramp[:fade, 0]
        self._planes[...] = 0
        self._is_dry = True

    def _clear(self) -> None:
        now = time.perf_counter()
        self._queue = AudioRing(2, _BLOCKS * self._block)
        self._queue.write(np.zeros((2, self._block), np.float32))
        self._wake = Wake()
        self._settled_s = now + self._settling_s
        # Count and time of what the device asked for change together.
        self._asked, self._served = (0, now), 0
        self._missed = self._dropped = 0
        self._is_dry = False
        self.prefill_samples = self._block
        self.waiting = self.underruns = self.overruns = 0
