"""Records a take to FLAC files that are whole at any moment, whatever happens to the process."""

from __future__ import annotations

import datetime
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime.files.names import soundfile_name
from realtime.live.errors import LiveError
from realtime.live.parameters import Problem
from realtime.live.rings import AudioRing

TRACKS = {"mix": 2, "vocals": 2, "accompaniment": 2, "microphone": 1}
_BUFFER_S = 4.0
_POLL_S = 0.1
_SEAL_S = 0.5
_CHUNK_SAMPLES = 8192
_STEPS = 2**23  # of 24 bits


class Recorder:
    """A take: a new folder with one 24-bit FLAC file for every track that gets audio.

    Args:
        folder: Where takes are kept; made if missing. Takes are named by date and number.
        sample_rate: In Hz.
        tracks: Names of the tracks and their channels.

    Attributes:
        take: The folder of this take, `DATE take NUMBER`.
        error: Why recording ended early, in one sentence; empty while all is well. What was recorded so far is kept.

    Raises:
        LiveError: The folder cannot be made.
    """

    def __init__(self, folder: Path, sample_rate: int, tracks: Mapping[str, int] = TRACKS) -> None:
        self.error = ""
        try:
            self.take = _new_take(Path(folder))
        except OSError as error:
            text = f"{folder}: recordings cannot be kept there ({error.strerror}); choose another folder"
            raise LiveError(text, Problem.RECORDING_ENDED, str(folder)) from error
        self._tracks = {name: _Track(self.take / f"{name}.flac", sample_rate, tracks[name]) for name in tracks}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def dropped_samples(self) -> int:
        """Samples that the disk was too slow for; they are silent in the files."""
        return sum(track.dropped_samples for track in self._tracks.values())

    def push(self, track: str, block: NDArray[np.float32]) -> None:
        """Append `(channels, n)` to a track; never waits (mixer thread)."""
        if not self.error:
            self._tracks[track].push(block)

    def close(self) -> None:
        """Write what is left and finish the files."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(_POLL_S):
                for track in self._tracks.values():
                    track.drain()
            for track in self._tracks.values():
                track.drain()
                track.close()
        except (soundfile.LibsndfileError, OSError):
            self.error = f"{self.take}: the disk takes no more, so recording has stopped; make room and record again"
            for track in self._tracks.values():
                track.abandon()


class _Track:
    """A ring that the mixer fills, and a file that the recorder's thread moves it to."""

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self.dropped_samples = 0
        self._path, self._rate = path, sample_rate
        self._ring = AudioRing(channels, round(_BUFFER_S * sample_rate))
        self._pushed = self._lost = 0  # mixer thread
        self._gaps: deque[tuple[int, int]] = deque()  # after how many samples of the ring, how long
        self._chunk = np.zeros((channels, _CHUNK_SAMPLES), np.float32)
        self._file: _GrowingFlac | None = None
        self._drained = 0

    def push(self, block: NDArray[np.float32]) -> None:
        samples = block.shape[1]
        if self._ring.space < samples:
            self._lost += samples
            self.dropped_samples += samples
            return
        if self._lost:
            self._gaps.append((self._pushed, self._lost))
            self._lost = 0
        self._pushed += self._ring.write(block)

    def drain(self) -> None:
        """Move what the ring holds to the file, with silence where audio was lost, so that tracks stay aligned."""
        end = self._drained + self._ring.available
        while self._gaps and self._gaps[0][0] <= end:
            start, lost = self._gaps.popleft()
            self._move(start)
            self._chunk.fill(0.0)
            for done in range(0, lost, _CHUNK_SAMPLES):
                self._open().write(self._chunk[:, : min(_CHUNK_SAMPLES, lost - done)])
        self._move(end)

    def _move(self, end: int) -> None:
        while self._drained < end:
            count = self._ring.read(self._chunk[:, : end - self._drained])
            self._open().write(self._chunk[:, :count])
            self._drained += count

    def _open(self) -> _GrowingFlac:
        if self._file is None:
            self._file = _GrowingFlac(self._path, self._rate, len(self._chunk))
        return self._file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def abandon(self) -> None:
        if self._file is not None:
            self._file.abandon()


class _GrowingFlac:
    """A FLAC file whose header says twice a second how long it already is.

    Encoders fill in the length at the very end; without it libsndfile cannot open what a crash left behind. The
    encoder hands over every frame as soon as the next one begins, straight to the operating system.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self._path = path
        self._file = soundfile.SoundFile(
            soundfile_name(path), "x", sample_rate, channels, format="FLAC", subtype="PCM_24"
        )
        self._seal_samples = round(_SEAL_S * sample_rate)
        self._written = self._sealed = 0
        self._steps = np.zeros((_CHUNK_SAMPLES, channels))
        self._integers = np.zeros((_CHUNK_SAMPLES, channels), np.int32)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append `(channels, n)`, clipped to full scale and rounded to the nearest of 24 bits."""
        count = block.shape[1]
        steps, integers = self._steps[:count], self._integers[:count]
        np.multiply(block.T, _STEPS, out=steps)
        np.rint(steps, out=steps)
        np.clip(steps, -_STEPS, _STEPS - 1, out=steps)
        np.multiply(steps, 256, out=integers, casting="unsafe")
        self._file.write(integers)
        self._written += count
        if self._written - self._sealed >= self._seal_samples:
            self._seal()

    def _seal(self) -> None:
        """Write the length of what is surely in the file into its header."""
        with self._path.open("r+b") as file:
            # STREAMINFO, behind 8 bytes of magic and block header (RFC 9639, 8.2): frame sizes first, then the length.
            file.seek(10)
            frame_samples = int.from_bytes(file.read(2), "big")
        self._sealed = max(0, self._written - 1) // frame_samples * frame_samples
        self._write_length()

    def _write_length(self) -> None:
        with self._path.open("r+b") as file:
            file.seek(18)
            fields = int.from_bytes(file.read(8), "big")
            file.seek(18)
            file.write((fields >> 36 << 36 | self._sealed).to_bytes(8, "big"))

    def close(self) -> None:
        """Finish the file and look at its end, because libsndfile does not tell when its last bytes found no room."""
        self._file.close()
        with soundfile.SoundFile(soundfile_name(self._path)) as file:
            file.seek(self._written - 1)
            if len(file.read(1)) != 1:
                raise OSError("the end of the file was not written")

    def abandon(self) -> None:
        """Keep what was there when the header was last written."""
        with suppress(soundfile.LibsndfileError):
            self._file.close()
        with suppress(OSError):
            self._write_length()


def _new_take(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    date = datetime.date.today().isoformat()
    number = 1
    while True:
        take = folder / f"{date} take {number:02d}"
        try:
            take.mkdir()
        except FileExistsError:
            number += 1
        else:
            return take
