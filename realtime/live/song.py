"""Plays a song file in place of the live input."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.files.errors import AudioFileError
from realtime.files.reading import open_audio
from realtime.live.errors import LiveError
from realtime.live.fader import Fader
from realtime.live.rings import AudioRing
from realtime.live.tape import Tape

_AHEAD_S = 0.5
_SWAP_S = 0.1
_FADE_S = 0.01
_CHUNK_SAMPLES = 4096
_POLL_S = 0.01
_SHORTEST_LOOP_S = 0.05
_LONGEST_S = 1e6  # how far a seek may go before the length is known


class SongSource:
    """A song as a stream of stereo blocks.

    A thread decodes the song once, in order, into an unnamed temporary file, and from there fills a short ring. So a
    place in the song has the same samples however it was reached, and memory stays small.

    Args:
        path: The file.
        sample_rate: Of the stream, in Hz; at the file's own rate the samples are the file's.

    Attributes:
        error: Why the song ended early, in one sentence; empty while all is well.

    Raises:
        AudioFileError: The file cannot be read.
        LiveError: It has more channels than can be mixed to two, or there is no room for a temporary file.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        self.path, self.sample_rate, self.error = Path(path), sample_rate, ""
        self._tape = Tape(open_audio(self.path), sample_rate)
        self._is_paused = False
        self._fader = Fader(round(_FADE_S * sample_rate))
        self._loop: tuple[int, int] | None = None
        self._orders: deque[int | tuple[int, int] | None] = deque()  # a place to go to, or a loop
        self._cue = self._make_cue(0)
        # What is heard next, and after how many samples of the cue before; None for at once, which takes a fade.
        self._coming: tuple[_Cue, int | None] = (self._cue, None)
        try:
            while not self._tape.is_whole and not self._fill(self._cue):
                self._tape.extend()
        except (AudioFileError, LiveError):
            self._tape.close()
            raise
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="song", daemon=True)
        self._thread.start()

    @property
    def position_s(self) -> float:
        """Where the song is heard, in its own seconds."""
        coming, at = self._coming
        cue = coming if at is None else self._cue
        return min(cue.frame(cue.heard) / self.sample_rate, self.duration_s)

    @property
    def duration_s(self) -> float:
        """Its length in seconds; until all is decoded it is what the file says, or what is known so far."""
        return self._tape.duration_s

    @property
    def _end_s(self) -> float:
        # Until all is decoded the length may be a guess, or unknown.
        return self.duration_s if self._tape.is_whole else _LONGEST_S

    @property
    def is_paused(self) -> bool:
        """Whether it waits."""
        return self._is_paused

    @property
    def is_finished(self) -> bool:
        """Whether it was heard to its end."""
        return self._cue.at_end and not self._cue.ring.available and self._coming[0] is self._cue

    @property
    def loop_s(self) -> tuple[float, float] | None:
        """The loop in seconds; None where there is none."""
        loop = self._loop
        return None if loop is None else (loop[0] / self.sample_rate, loop[1] / self.sample_rate)

    def pause(self) -> None:
        """Fall silent and stay at this place."""
        self._is_paused = True

    def resume(self) -> None:
        """Go on."""
        self._is_paused = False

    def seek(self, position_s: float) -> None:
        """Go to a place; one behind the loop's end ends the loop."""
        place = round(min(max(0.0, position_s), self._end_s) * self.sample_rate)
        if self._loop is not None and place >= self._loop[1]:
            self._loop = None
        self._orders.append(place)

    def loop(self, start_s: float | None, end_s: float = 0.0) -> None:
        """Repeat what lies from `start_s` up to `end_s`, to the sample and without a fade; None ends that.

        Raises:
            LiveError: The loop is too short.
        """
        if start_s is None:
            self._loop = None
        else:
            end_s = min(end_s, self._end_s)
            if start_s < 0 or end_s - start_s < _SHORTEST_LOOP_S:
                raise LiveError(
                    f"a loop from {start_s:.2f} to {end_s:.2f} s is too short; set its end at least "
                    f"{_SHORTEST_LOOP_S:.2f} s behind its start"
                )
            self._loop = (round(start_s * self.sample_rate), round(end_s * self.sample_rate))
        self._orders.append(self._loop)

    def read(self, out: NDArray[np.float32]) -> None:
        """Fill `(2, n)` with what comes next, silence where nothing does; never waits (mixer thread)."""
        coming, at = self._coming
        jumps = coming is not self._cue and at is None
        if jumps and (self._fader.value == 0.0 or not self._cue.ring.available):
            self._cue, jumps = coming, False
        self._fader.gain = 0.0 if self._is_paused or jumps else 1.0
        if not self._cue.ring.available or self._fader.value == self._fader.gain == 0.0:
            out[...] = 0.0
            return
        count = self._take(out)
        out[:, count:] = 0.0
        self._fader.apply(out)

    def _take(self, out: NDArray[np.float32]) -> int:
        coming, at = self._coming
        if coming is self._cue or at is None:
            return self._cue.take(out)
        count = self._cue.take(out[:, : max(0, at - self._cue.heard)])
        if self._cue.heard < at:
            return count
        coming.skip(self._cue.heard - at)
        self._cue = coming
        return count + coming.take(out[:, count:])

    def close(self) -> None:
        """Stop, and forget the song."""
        self._stop.set()
        self._thread.join()
        self._tape.close()

    # Below: the song's own thread.

    def _run(self) -> None:
        while not self._stop.is_set():
            while self._orders:
                self._obey(self._orders.popleft())
            is_ahead = self._fill(self._coming[0])
            if not self._tape.is_whole:
                try:
                    self._tape.extend()
                except (AudioFileError, LiveError) as error:
                    self.error = str(error)
            if is_ahead:
                self._stop.wait(_POLL_S)

    def _obey(self, order: int | tuple[int, int] | None) -> None:
        """Prepare what is heard next, and let the mixer take it up when it is there."""
        coming, at = self._coming
        if isinstance(order, int):
            at, cue = None, self._make_cue(order)
        elif at is None and coming is not self._cue:
            cue = self._make_cue(coming.start)
        else:
            base = self._cue
            at = base.heard + min(base.ring.available, round(_SWAP_S * self.sample_rate))
            cue = self._make_cue(base.frame(at))
        if cue.loop is not None and cue.start >= cue.loop[1]:
            at, cue = None, self._make_cue(cue.loop[0])
        self._fill(cue)
        self._coming = (cue, at)

    def _make_cue(self, start: int) -> _Cue:
        return _Cue(start, self._loop, round(_AHEAD_S * self.sample_rate))

    def _fill(self, cue: _Cue) -> bool:
        """Move audio from the tape to a cue; return False where more must be decoded first."""
        if self._tape.is_whole:
            cue.end_at(self._tape.frames)
        while cue.ring.space and not cue.at_end:
            frame = cue.frame(cue.filled)
            count = min(cue.ring.space, cue.run(frame), self._tape.frames - frame, _CHUNK_SAMPLES)
            if count <= 0:
                cue.at_end = self._tape.is_whole
                return cue.at_end
            cue.filled += cue.ring.write(self._tape.read(frame, count))
        return True


class _Cue:
    """A way through the song: from one sample on, and perhaps round a loop."""

    def __init__(self, start: int, loop: tuple[int, int] | None, capacity: int) -> None:
        self.start, self.loop = start, loop
        self.ring = AudioRing(2, capacity)
        self.filled = 0
        self.heard = 0
        self.at_end = False  # nothing more will be filled in

    def frame(self, count: int) -> int:
        """Return the song's sample that comes after `count` samples of this way."""
        frame = self.start + count
        if self.loop is None or frame < self.loop[1]:
            return frame
        first, end = self.loop
        return first + (frame - first) % (end - first)

    def run(self, frame: int) -> int:
        """Return how many samples follow one another from `frame` on."""
        return _CHUNK_SAMPLES if self.loop is None else self.loop[1] - frame

    def end_at(self, frames: int) -> None:
        """Move the end of a loop into a song of `frames` samples."""
        if self.loop is not None and self.loop[1] > frames:
            self.loop = (self.loop[0], frames) if self.loop[0] < frames else None

    def take(self, out: NDArray[np.float32]) -> int:
        """Fill the start of `out`; return how much (mixer thread)."""
        count = self.ring.read(out)
        self.heard += count
        return count

    def skip(self, count: int) -> None:
        """Pass over `count` samples (mixer thread)."""
        self.heard += self.ring.discard(count)
