"""How loud it is, and how much of the accompaniment the model takes for singing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.live.parameters import Level
from realtime.live.scope import Scope

SIGNALS = ("input", "vocals", "accompaniment", "output")
# About as often as a window asks for them. To look at every block would cost as much as to mix it.
_BATCH_SAMPLES = 1024

_HOLD_S = 1.0
_FALL_DB_PER_S = 24.0
_RMS_S = 0.3
_SILENCE_DB = -120.0

_WINDOW_S = 0.1
_AUDIBLE_DB = -60.0
_NOT_SINGING_DB = -20.0
_SETTLED_WINDOWS = 10
_MEMORY_WINDOWS = 100


class MeterBridge:
    """The meters and the scope above a mix. They look at several blocks at a time.

    Args:
        sample_rate: In Hz.
        block_samples: The longest block.
        scope: Where mixture and result are shown; None where nobody looks.

    Attributes:
        meters: One for each of `SIGNALS`, and for the microphone, which is pushed by whoever mixes it.
        leakage: Of the model that is heard.
    """

    def __init__(self, sample_rate: int, block_samples: int, scope: Scope | None) -> None:
        self.meters = {name: Meter(sample_rate) for name in (*SIGNALS, "microphone")}
        self.leakage = LeakageMeter(sample_rate)
        self._scope = scope
        self._signals = np.zeros((len(SIGNALS), 2, max(_BATCH_SAMPLES, block_samples)), np.float32)
        self._filled = 0

    def room(self, samples: int) -> NDArray[np.float32]:
        """Return where the next block of `SIGNALS` belongs, `(4, 2, samples)`; it stays until the next call."""
        if self._filled + samples > self._signals.shape[2]:
            self._look()
        start, self._filled = self._filled, self._filled + samples
        return self._signals[..., start : self._filled]

    def _look(self) -> None:
        blocks = dict(zip(SIGNALS, self._signals[..., : self._filled], strict=True))
        for name, block in blocks.items():
            self.meters[name].push(block)
        self.leakage.push(blocks["input"], blocks["vocals"])
        if self._scope is not None:
            self._scope.write(blocks["input"], blocks["output"])
        self._filled = 0


def _power(block: NDArray[np.float32]) -> float:
    return sum(float(np.dot(channel, channel)) for channel in block)


def _db(power: float) -> float:
    return 10.0 * math.log10(power) if power > 10.0 ** (_SILENCE_DB / 10.0) else -math.inf


class Meter:
    """Peak and mean power of one signal.

    The peak stays for a second, then falls by 24 dB a second. The mean forgets with a time constant of 0.3 s.

    Args:
        sample_rate: In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._peak = self._mean_square = 0.0
        self._held_samples = 0

    def push(self, block: NDArray[np.float32]) -> None:
        """Take the next `(channels, n)` (mixer thread)."""
        channels, samples = block.shape
        peak = max(float(block.max()), -float(block.min()))
        self._held_samples += samples
        if self._held_samples > _HOLD_S * self._rate:
            self._peak *= 10.0 ** (-_FALL_DB_PER_S / 20.0 * samples / self._rate)
        if peak >= self._peak:
            self._peak, self._held_samples = peak, 0
        kept = math.exp(-samples / (_RMS_S * self._rate))
        self._mean_square = kept * self._mean_square + (1.0 - kept) * _power(block) / (channels * samples)

    def level(self) -> Level:
        """Return where it stands (any thread); below -120 dB it is silence."""
        return Level(_db(self._peak**2), _db(self._mean_square))


class LeakageMeter:
    """How loud the vocals are, relative to the mixture, while the model hears no singing.

    Nobody tells a live engine when there is singing, so the model itself is asked: in windows of 0.1 s in which the
    mixture is above -60 dBFS, vocals at least 20 dB below it count as no singing. When that has lasted for a second
    (the echo of a phrase is over by then), every further such window counts, the last 10 s or so most. The figure
    tells good separation from mediocre; it cannot exceed -20 dB, and louder leakage passes for singing.

    Args:
        sample_rate: In Hz.

    Attributes:
        false_vocals_db: Vocals relative to the mixture in such passages; None before there was one.
    """

    def __init__(self, sample_rate: int) -> None:
        self.false_vocals_db: float | None = None
        self._window_samples = round(_WINDOW_S * sample_rate)
        self._samples = self._quiet_windows = 0
        self._mixture = self._vocals = 0.0
        self._passages_mixture = self._passages_vocals = 0.0

    def push(self, mixture: NDArray[np.float32], vocals: NDArray[np.float32]) -> None:
        """Take the next `(channels, n)` of the mixture and of the model's vocals for it (mixer thread)."""
        self._mixture += _power(mixture)
        self._vocals += _power(vocals)
        self._samples += mixture.shape[1]
        if self._samples >= self._window_samples:
            self._close_window(self._mixture / (len(mixture) * self._samples))
            self._samples, self._mixture, self._vocals = 0, 0.0, 0.0

    def _close_window(self, mean_square: float) -> None:
        if _db(mean_square) < _AUDIBLE_DB:
            return
        if self._vocals > self._mixture * 10.0 ** (_NOT_SINGING_DB / 10.0):
            self._quiet_windows = 0
            return
        self._quiet_windows += 1
        if self._quiet_windows > _SETTLED_WINDOWS:
            kept = 1.0 - 1.0 / _MEMORY_WINDOWS
            self._passages_mixture = kept * self._passages_mixture + self._mixture
            self._passages_vocals = kept * self._passages_vocals + self._vocals
            self.false_vocals_db = max(_SILENCE_DB, _db(self._passages_vocals / self._passages_mixture))
