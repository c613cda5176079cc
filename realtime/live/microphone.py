"""The singer's own voice: made fit for the mix without any delay, and kept from howling.

High-pass, compressor and reverb are those of pedalboard (JUCE, in C++): blocks of 256 samples take 20 us, come out
without delay and equal to the bit what a single call would give. It is licensed under the GPL 3, as PyQt6 is.
"""

from __future__ import annotations

import math

import numpy as np
import pedalboard
from numpy.typing import NDArray

from realtime.live.fader import Fader

_HIGH_PASS_HZ = 80.0
_COMPRESSOR = {"threshold_db": -20.0, "ratio": 3.0, "attack_ms": 5.0, "release_ms": 120.0}
_MAKE_UP_DB = 4.0
_ROOM = {"room_size": 0.55, "damping": 0.5, "width": 1.0}
_DRY_LEVEL = 0.5  # JUCE doubles it
_HOLD_FADE_S = 0.02
_RETURN_S = 2.0


class MicrophoneChain:
    """High-pass, feedback guard, compressor and reverb.

    Args:
        sample_rate: In Hz.

    Attributes:
        reverb: Share of room, 0 to 1; may be set by any thread at any moment.
    """

    def __init__(self, sample_rate: int, reverb: float = 0.15) -> None:
        self.reverb = reverb
        self._rate = sample_rate
        self._reverb = pedalboard.Reverb(**_ROOM, dry_level=_DRY_LEVEL, wet_level=0.0)
        self._board = pedalboard.Pedalboard(
            [
                pedalboard.HighpassFilter(_HIGH_PASS_HZ),
                pedalboard.HighpassFilter(_HIGH_PASS_HZ),
                pedalboard.Compressor(**_COMPRESSOR),
                pedalboard.Gain(_MAKE_UP_DB),
                self._reverb,
            ]
        )
        self._guard = FeedbackGuard(sample_rate)
        self._stereo = np.zeros((2, 0), np.float32)

    @property
    def feedback(self) -> bool:
        """Whether the microphone howls and is held down."""
        return self._guard.is_holding

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `(2, n)` for the microphone's `(1, n)`, without delay; NaN and infinity become silence."""
        if self._stereo.shape[1] != block.shape[1]:
            self._stereo = np.zeros((2, block.shape[1]), np.float32)
        stereo = self._stereo
        stereo[...] = block
        if not math.isfinite(float(np.dot(stereo[0], stereo[0]))):
            stereo[...] = 0.0
        self._guard.apply(stereo)
        if self._reverb.wet_level != np.float32(self.reverb):
            self._reverb.wet_level = self.reverb
        return self._board.process(stereo, self._rate, reset=False)


class FeedbackGuard:
    """Hears a loudspeaker howl into the microphone, and turns that down until it is over.

    A howl is one narrow tone without overtones that keeps its pitch and grows by the same number of dB in the same
    time: loop gain over loop delay. A sung note has overtones, a whistle grows for a moment but not steadily. If the
    tone stays although the microphone is held down, it was no howl, and the guard lets go. Not every howl is caught:
    one that is at full level within some 0.15 s, that grows by less than some 15 dB a second, or whose many modes beat
    over a long delay may pass.

    Args:
        sample_rate: In Hz.

    Attributes:
        is_holding: Whether the microphone is held down.
    """

    def __init__(self, sample_rate: int) -> None:
        self.is_holding = False
        self._watch = _ToneWatch(sample_rate)
        self._fader = Fader(round(_HOLD_FADE_S * sample_rate))
        self._return_samples = _RETURN_S * sample_rate

    def apply(self, block: NDArray[np.float32]) -> None:
        """Scale `(channels, n)` in place, as its first channel demands (mixer thread)."""
        self.is_holding = self._watch.is_howling(block[0])
        if self.is_holding:
            self._fader.gain = 0.0
        elif self._fader.gain < 1.0:
            self._fader.gain = min(1.0, self._fader.gain + block.shape[1] / self._return_samples)
        self._fader.apply(block)


class _ToneWatch:
    """Follows the strongest tone through short spectra, four to a window of some 46 ms."""

    FRAMES = 48
    # Frames that a growth is watched for, dB that it must have made, and frames in each of which it must have grown;
    # longer than a loop's delay, in which a howl grows step by step.
    GROWTHS = ((8, 20.0, 6), (14, 12.0, 6), (23, 4.0, 8), (46, 3.0, 8), (46, 3.0, 14))
    STEADY = 0.4  # the slowest of these, relative to their mean
    STRAIGHT = 0.65  # the growth of the second half, relative to the first
    REACH_BINS = 4  # a howl may be of several modes of a room that lie side by side
    NARROW = 0.25  # share of the tone in all power
    IN_TUNE = 0.008  # how far the pitch may wander, an eighth of a tone
    OVERTONES = 1e-3
    AUDIBLE = 1e-6  # -60 dB of full scale
    GONE = 0.03  # 15 dB down
    PATIENCE_FRAMES = 45
    SHORTEST_HOLD_FRAMES = 20

    def __init__(self, sample_rate: int) -> None:
        self._window_samples = 2 ** round(math.log2(0.046 * sample_rate))
        self._hop_samples = self._window_samples // 4
        window = np.hanning(self._window_samples + 1)[:-1]
        self._window = window / window.sum() * 2.0
        self._low, self._high = (round(hz * self._window_samples / sample_rate) for hz in (150.0, 12000.0))
        self._history = np.zeros(self._window_samples)
        self._frame = np.zeros(self._window_samples)
        self._spectrum = np.zeros(self._window_samples // 2 + 1, np.complex128)
        self._power = np.zeros(self._window_samples // 2 + 1)
        self._imaginary = np.zeros(self._window_samples // 2 + 1)
        self._fresh = 0
        self._bins = np.zeros(self.FRAMES, np.intp)  # newest last
        self._levels_db = np.zeros(self.FRAMES)
        self._held: tuple[int, float] | None = None  # bin and power when the hold began
        self._held_frames = 0

    def is_howling(self, audio: NDArray[np.float32]) -> bool:
        """Take the next `(n,)` and return whether it howls now."""
        done = 0
        while done < len(audio):
            count = min(len(audio) - done, self._hop_samples - self._fresh)
            place = self._window_samples - self._hop_samples + self._fresh
            self._history[place : place + count] = audio[done : done + count]
            self._fresh += count
            done += count
            if self._fresh == self._hop_samples:
                self._look()
                self._history[: -self._hop_samples] = self._history[self._hop_samples :]
                self._fresh = 0
        return self._held is not None

    def _look(self) -> None:
        np.multiply(self._history, self._window, out=self._frame)
        np.fft.rfft(self._frame, out=self._spectrum)
        np.square(self._spectrum.real, out=self._power)
        np.square(self._spectrum.imag, out=self._imaginary)
        self._power += self._imaginary
        if self._held is None:
            self._look_for_growth()
        else:
            self._look_for_the_end(*self._held)

    def _tone(self, peak: int) -> float:
        return float(self._power[peak - self.REACH_BINS : peak + self.REACH_BINS + 1].sum())

    def _look_for_growth(self) -> None:
        peak = self._low + int(np.argmax(self._power[self._low : self._high]))
        tone = self._tone(peak)
        is_candidate = tone > self.AUDIBLE and tone > self.NARROW * self._power[self._low : self._high].sum()
        self._bins[:-1] = self._bins[1:]
        self._levels_db[:-1] = self._levels_db[1:]
        self._bins[-1] = peak if is_candidate and not self._has_overtones(peak, tone) else -1
        self._levels_db[-1] = 10.0 * math.log10(max(tone, 1e-30))
        if self._bins[-1] > 0 and any(self._grew(*growth) for growth in self.GROWTHS):
            self._held, self._held_frames = (peak, tone), 0

    def _has_overtones(self, peak: int, tone: float) -> bool:
        return any(
            self._tone(multiple * peak) > self.OVERTONES * tone
            for multiple in (2, 3)
            if multiple * peak + self.REACH_BINS < len(self._power)
        )

    def _grew(self, frames: int, growth_db: float, step: int) -> bool:
        levels, bins = self._levels_db[-frames - 1 :], self._bins[-frames - 1 :]
        grown_db = levels[-1] - levels[0]
        if grown_db < growth_db or np.abs(bins - bins[-1]).max() > max(1.0, self.IN_TUNE * bins[-1]):
            return False
        first_half = levels[frames // 2] - levels[0]
        slowest = float((levels[step:] - levels[:-step]).min())
        return slowest > self.STEADY * grown_db * step / frames and grown_db - first_half > self.STRAIGHT * first_half

    def _look_for_the_end(self, peak: int, power: float) -> None:
        self._held_frames += 1
        tone = self._tone(peak)
        is_gone = tone < self.GONE * power and self._held_frames > self.SHORTEST_HOLD_FRAMES
        is_innocent = tone > 0.25 * power and self._held_frames > self.PATIENCE_FRAMES
        if is_gone or is_innocent or self._held_frames > 4 * self.PATIENCE_FRAMES:
            self._held = None
            self._bins[:] = -1
