"""A song decoded into a temporary file, where any place of it can be read at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from realtime.files.errors import AudioFileError
from realtime.files.reading import AudioReader
from realtime.live.errors import LiveError

_CHUNK_SAMPLES = 4096
_SAMPLE_BYTES = 2 * 4
# How the channels of WAV and FLAC files go to the left (ITU-R BS.775, without the low-frequency one); right mirrors.
_CENTRE = 0.5**0.5
_TO_LEFT = {
    1: (1.0,),
    2: (1.0, 0.0),
    3: (1.0, 0.0, _CENTRE),
    4: (1.0, 0.0, _CENTRE, 0.0),
    5: (1.0, 0.0, _CENTRE, _CENTRE, 0.0),
    6: (1.0, 0.0, _CENTRE, 0.0, _CENTRE, 0.0),
}
_MIRRORED = {1: (0,), 2: (1, 0), 3: (1, 0, 2), 4: (1, 0, 3, 2), 5: (1, 0, 2, 4, 3), 6: (1, 0, 2, 3, 5, 4)}


class Tape:
    """A song as far as it is decoded, stereo at the stream's rate.

    Args:
        reader: The open file; it then belongs to the tape.
        sample_rate: Of the stream, in Hz.

    Attributes:
        frames: Samples per channel that are there.
        is_whole: Whether nothing will follow.

    Raises:
        LiveError: The file has more channels than can be mixed to two.
    """

    def __init__(self, reader: AudioReader, sample_rate: int) -> None:
        self.frames, self.is_whole = 0, False
        self._reader, self._rate = reader, sample_rate
        self._expected = 0 if reader.frames is None else round(reader.frames * sample_rate / reader.sample_rate)
        if reader.channels not in _TO_LEFT:
            reader.close()
            raise LiveError(f"{reader.path}: it has {reader.channels} channels; convert it to stereo")
        self._blocks = self._decode()
        self._chunk = np.zeros((_CHUNK_SAMPLES, 2), np.float32)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115, for it stays open

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return (self.frames if self.is_whole else max(self.frames, self._expected)) / self._rate

    def extend(self) -> None:
        """Decode a little more; after an error what is there is all.

        Raises:
            AudioFileError: The file is damaged.
            LiveError: The disk is full.
        """
        try:
            block = next(self._blocks)
            self._file.seek(self.frames * _SAMPLE_BYTES)
            self._file.write(np.ascontiguousarray(block))
            self._file.flush()
            self.frames += len(block)
        except StopIteration:
            self.is_whole = True
        except AudioFileError:
            self.is_whole = True
            raise
        except OSError as error:
            self.is_whole = True
            raise LiveError(
                f"{tempfile.gettempdir()}: there is no room for the decoded song ({error.strerror}); make room there"
            ) from error

    def read(self, frame: int, count: int) -> NDArray[np.float32]:
        """Return `(2, count)` from `frame` on, at most 4096 samples, which the next call overwrites."""
        chunk = self._chunk[:count]
        self._file.seek(frame * _SAMPLE_BYTES)
        self._file.readinto(memoryview(chunk).cast("B"))
        return chunk.T

    def close(self) -> None:
        """Forget it."""
        self._file.close()
        self._reader.close()

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        """Yield `(n, 2)`."""
        source = self._reader
        resampler = None
        if source.sample_rate != self._rate:
            resampler = soxr.ResampleStream(source.sample_rate, self._rate, 2, "float32", "VHQ")
        for block in source.blocks(_CHUNK_SAMPLES):
            stereo = _to_stereo(block).T
            yield stereo if resampler is None else resampler.resample_chunk(np.ascontiguousarray(stereo))
        if resampler is not None:
            yield resampler.resample_chunk(np.zeros((0, 2), np.float32), last=True)


def _to_stereo(block: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(block) == 2:
        return block
    left = np.array(_TO_LEFT[len(block)], np.float32)
    return np.stack([left, left[list(_MIRRORED[len(block)])]]) @ block
