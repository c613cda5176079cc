"""What comes out of an input device on its way from the callback to the mixer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.live.drift import DriftCorrector
from realtime.live.rings import AudioRing

_RING_S = 1.0


class DirectFeed:
    """An input that shares the output's stream and so its clock.

    Args:
        channels: The two device channels, from 0, that are left and right.
        sample_rate: In Hz.
        block_samples: The longest block.
    """

    drift_ppm = 0.0
    delay_s = 0.0

    def __init__(self, channels: tuple[int, int], sample_rate: int, block_samples: int) -> None:
        self._channels = channels
        self._ring = AudioRing(2, max(int(_RING_S * sample_rate), 4 * block_samples))
        self._picked = np.zeros((2, block_samples), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget what waits; no callback may be connected."""
        self._ring.discard(self._ring.available)
        self.overruns = self.shortages = 0

    def take(self, samples: NDArray[np.float32], at_s: float) -> None:
        """Append PortAudio's `(n, channels)`, which arrived at `at_s` (callback thread)."""
        block = _pick(samples, self._channels, self._picked)
        self.overruns += self._ring.write(block) < block.shape[1]

    def read(self, out: NDArray[np.float32], at_s: float) -> None:
        """Fill `out`, `(2, n)`, with silence for what is missing (mixer thread)."""
        count = self._ring.read(out)
        if count < out.shape[1]:
            out[:, count:] = 0
            self.shortages += 1


class DriftingFeed:
    """An input with a stream, and so a clock, of its own.

    Args:
        channels: The two device channels, from 0, that are left and right.
        source_hz: The device's rate.
        feed_samples: Its block.
        sample_rate: The output's rate.
        block_samples: The output's block.
        reserve_s: How late a block may come without being missed.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        source_hz: int,
        feed_samples: int,
        sample_rate: int,
        block_samples: int,
        reserve_s: float,
    ) -> None:
        self._channels = channels
        self._corrector = DriftCorrector(
            2, source_hz, sample_rate, feed_samples, block_samples, round(reserve_s * source_hz)
        )
        self._picked = np.zeros((2, feed_samples), np.float32)
        self.delay_s = self._corrector.delay_samples / source_hz
        self.overruns = 0

    @property
    def drift_ppm(self) -> float:
        """By how much its clock runs ahead of the output's."""
        return self._corrector.drift_ppm

    @property
    def shortages(self) -> int:
        """How often there was silence or a jump in place of what came too late or too early."""
        return self._corrector.starvations + self._corrector.skips

    def reset(self) -> None:
        """Forget what waits; no callback may be connected."""
        self._corrector.reset()
        self.overruns = 0

    def take(self, samples: NDArray[np.float32], at_s: float) -> None:
        """Append PortAudio's `(n, channels)`, which arrived at `at_s` (callback thread)."""
        self.overruns += not self._corrector.feed(_pick(samples, self._channels, self._picked), at_s)

    def read(self, out: NDArray[np.float32], at_s: float) -> None:
        """Fill `out`, `(2, n)`, with what sounded a constant while before `at_s` (mixer thread)."""
        self._corrector.read(out, at_s)


def _pick(samples: NDArray[np.float32], channels: tuple[int, int], out: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the two `channels` of `(n, channels)` as `(2, n)`, in `out`."""
    picked = out[:, : len(samples)]
    picked[0] = samples[:, channels[0]]
    picked[1] = samples[:, channels[1]]
    return picked
