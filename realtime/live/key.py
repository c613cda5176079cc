"""Changes the key of music while it plays, with a phase vocoder of our own.

Every peak of the spectrum is moved as a whole, with all bins around it and with the same rotation in both channels, so
peaks keep their shape (phase locking) and the stereo image stays (Laroche and Dolson, 1999). The rotation grows by the
shift in frequency times the hop, from the frequency that the phases measure.

Judged on six songs against Rubber Band 3 (pylibrb, finer engine): tones equally exact (0.0 cents) with all else 51 dB
below instead of 57, band levels 3.4 dB off instead of 3.5 to 3.6, envelope correlation 0.83 instead of 0.76 to 0.79,
46 ms late instead of 59 (short window) to 94, and 0.17 ms of CPU instead of 0.27 to 0.59 for 256 samples. pylibrb says
GPL 2 without "or later", which cannot go with PyQt6's GPL 3.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.live.fader import Crossfade
from realtime.stft import shift_in

_WINDOW_S = 0.0464
_OVERLAP = 4
_FADE_S = 0.02
# A frame of which more than this share is new is an attack: its phases are left as they are, which keeps it sharp.
_ATTACK = 0.5
_SEMITONES_PER_OCTAVE = 12


class KeyChange:
    """A pitch shift of whole semitones.

    Args:
        sample_rate: In Hz.
        channels: Rows of the blocks.

    Attributes:
        semitones: Minus 6 to 6; may be set by any thread at any moment.
    """

    def __init__(self, sample_rate: int, channels: int = 2) -> None:
        self.semitones = 0
        self._shifter = _PeakShifter(2 ** round(math.log2(_WINDOW_S * sample_rate)), channels)
        self._fade = Crossfade(round(_FADE_S * sample_rate), channels=channels)
        self._input, self._output = (np.zeros((channels, self._shifter.hop_length), np.float32) for _ in range(2))
        self._shifted = np.zeros((channels, 0), np.float32)
        self._filled = self._taken = 0
        self._rests = True

    @property
    def delay_samples(self) -> int:
        """How late the music is: nothing in its own key, a window otherwise."""
        return self._shifter.n_fft if self.semitones else 0

    def process(self, block: NDArray[np.float32]) -> None:
        """Shift `(channels, n)` in place; at 0 semitones, once faded over, nothing is touched (mixer thread)."""
        semitones = self.semitones
        if semitones:
            self._shifter.ratio = 2.0 ** (semitones / _SEMITONES_PER_OCTAVE)
        elif self._fade.value == 0.0:
            self._rests = True
            return
        if self._rests:
            self._start()
        if self._shifted.shape[1] != block.shape[1]:
            self._shifted = np.zeros_like(block)
        self._shift(block)
        # What comes out in the first two windows begins with a step.
        self._fade.towards(1 if semitones and self._taken >= 2 * self._shifter.n_fft else 0)
        self._fade.mix(block, self._shifted, block)

    def _start(self) -> None:
        self._shifter.reset()
        self._input[...] = 0.0
        self._output[...] = 0.0
        self._filled = self._taken = 0
        self._rests = False

    def _shift(self, block: NDArray[np.float32]) -> None:
        done, total, hop_length = 0, block.shape[1], self._shifter.hop_length
        self._taken += total
        while done < total:
            count = min(total - done, hop_length - self._filled)
            hop = slice(self._filled, self._filled + count)
            self._input[:, hop] = block[:, done : done + count]
            self._shifted[:, done : done + count] = self._output[:, hop]
            done += count
            self._filled += count
            if self._filled == hop_length:
                self._shifter.process(self._input, self._output)
                self._filled = 0


class _PeakShifter:
    """A phase vocoder that takes and gives one hop at a time.

    Args:
        n_fft: Window length; four hops.
        channels: Rows of a hop.

    Attributes:
        ratio: Of the frequencies, after to before.
    """

    def __init__(self, n_fft: int, channels: int) -> None:
        self.n_fft, self.hop_length, self.ratio = n_fft, n_fft // _OVERLAP, 1.0
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)
        self._analysis = np.tile(window, (channels, 1))
        self._synthesis = np.tile(window / (window**2).reshape(_OVERLAP, -1).sum(axis=0).mean(), (channels, 1))
        self._advance = 2.0 * np.pi / _OVERLAP  # of the phase of bin 1 from frame to frame
        self._bins = np.arange(n_fft // 2 + 1)
        self._history, self._tail, self._frame, self._windowed = (np.zeros((channels, n_fft)) for _ in range(4))
        self._silence = np.zeros((channels, self.hop_length))
        self._spectrum, self._before, self._moved = (
            np.zeros((channels, n_fft // 2 + 1), np.complex128) for _ in range(3)
        )
        self._rotation = np.zeros(n_fft // 2 + 1)
        self._magnitudes = np.zeros(n_fft // 2 + 1)

    def reset(self) -> None:
        """Forget the past, as if newly made."""
        for state in (self._history, self._tail, self._spectrum, self._rotation, self._magnitudes):
            state[...] = 0

    def process(self, hop: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Take the next `(channels, hop_length)`; write to `out` those of `n_fft - hop_length` samples before."""
        self._spectrum, self._before = self._before, self._spectrum
        shift_in(self._history, hop)
        np.multiply(self._history, self._analysis, out=self._windowed)
        # Time zero is the middle of the frame, for there the phases of a peak's bins agree.
        _swap_halves(self._windowed, self._frame)
        np.fft.rfft(self._frame, out=self._spectrum)
        self._move_peaks()
        np.fft.irfft(self._moved, self.n_fft, out=self._frame)
        _swap_halves(self._frame, self._windowed)
        self._windowed *= self._synthesis
        shift_in(self._tail, self._silence)
        self._tail += self._windowed
        out[...] = self._tail[:, : self.hop_length]

    def _move_peaks(self) -> None:
        magnitudes = np.abs(self._spectrum).sum(axis=0)
        peaks = _peaks(magnitudes)
        shifts = self._frequencies(peaks) * (self.ratio - 1.0)
        rotations = self._rotation[peaks] + self._advance * shifts
        if self._is_attack(magnitudes):
            rotations[...] = 0.0
        self._rotation[...] = rotations[self._nearest(peaks)]
        nearest = self._nearest(peaks + shifts)
        sources = self._bins - shifts[nearest]
        below = np.floor(sources).astype(np.intp)
        share = sources - below
        is_inside = (below >= 0) & (below < len(self._bins) - 1)
        np.clip(below, 0, len(self._bins) - 2, out=below)
        turn = np.exp(1j * rotations)[nearest] * is_inside
        np.multiply(self._spectrum[:, below], (1.0 - share) * turn, out=self._moved)
        self._moved += self._spectrum[:, below + 1] * (share * turn)

    def _frequencies(self, peaks: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the frequencies of the peaks in bins, by how far their phases have moved since the last frame."""
        cross = (self._spectrum[:, peaks] * self._before[:, peaks].conj()).sum(axis=0)
        deviation = np.angle(cross) - self._advance * peaks
        deviation = np.remainder(deviation + np.pi, 2.0 * np.pi) - np.pi
        return peaks + np.clip(deviation / self._advance, -1.0, 1.0)

    def _is_attack(self, magnitudes: NDArray[np.float64]) -> bool:
        risen = np.maximum(magnitudes - self._magnitudes, 0.0).sum()
        self._magnitudes[...] = magnitudes
        return bool(risen > _ATTACK * magnitudes.sum())

    def _nearest(self, peaks: NDArray[np.floating] | NDArray[np.intp]) -> NDArray[np.intp]:
        """Return for every bin which peak it belongs to."""
        return np.searchsorted((peaks[1:] + peaks[:-1]) / 2.0, self._bins)


def _peaks(magnitudes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bins that stand out from two on either side, at least one."""
    middle = magnitudes[2:-2]
    stands_out = (
        (middle > magnitudes[1:-3])
        & (middle > magnitudes[:-4])
        & (middle >= magnitudes[3:-1])
        & (middle >= magnitudes[4:])
    )
    peaks = np.flatnonzero(stands_out) + 2
    return peaks if len(peaks) else np.array([2])


def _swap_halves(source: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    half = source.shape[1] // 2
    out[:, :half], out[:, half:] = source[:, half:], source[:, :half]
