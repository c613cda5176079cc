"""Writes audio files block by block, beside their final name, and renames them when whole."""

from __future__ import annotations

import errno
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime.files.errors import AudioFileError
from realtime.files.formats import StemFormat
from realtime.files.names import av_name, soundfile_name
from realtime.files.truncation import missing_bytes

_SUBTYPES = {"flac": "FLAC", "mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}
# Near-transparent settings of the lossy encoders: Vorbis quality 8, MP3 V0, AAC at 128 kbit/s a channel.
_COMPRESSION = {"ogg": (0.2, None), "mp3": (0.0, "VARIABLE")}
_AAC_BITS_PER_SECOND = 128000
_AAC_MOST_BITS_PER_SAMPLE = 6
_AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1"}


class DiskFullError(OSError):
    """The disk took no more; whoever knows how much is still to come says so to the user."""


class AudioWriter:
    """One audio file being written under a temporary name.

    Args:
        path: The final name.
        stem_format: Format and bit depth.
        sample_rate: In Hz.
        channels: Channels.
        frames: Samples per channel to come, None if unknown.

    Attributes:
        path: The final name.
        clipped_samples: How many samples lay beyond full scale and were clipped; 0 in floating point.

    Raises:
        AudioFileError: The encoder refuses such audio; `StemFormat.problem` says so beforehand.
        DiskFullError: The disk has no room even for the header.
        OSError: The file cannot be created.
    """

    def __init__(
        self, path: Path, stem_format: StemFormat, sample_rate: int, channels: int, frames: int | None
    ) -> None:
        self.path = path
        self.clipped_samples = 0
        self._format = stem_format
        self._temporary = path.with_name(f".{path.name}.part")
        self._temporary.write_bytes(b"")
        self._encoder: _Encoder
        try:
            if stem_format.name == "m4a":
                self._encoder = _AacEncoder(self._temporary, sample_rate, channels)
            else:
                self._encoder = _SoundFileEncoder(self._temporary, stem_format, sample_rate, channels, frames)
        except AudioFileError:
            self._temporary.unlink()
            raise
        except (soundfile.LibsndfileError, av.FFmpegError) as error:
            self._temporary.unlink()
            problem = stem_format.problem(sample_rate, channels)
            if problem is None:
                raise DiskFullError(errno.ENOSPC, "the disk is full") from error
            raise AudioFileError(f"{path}: {problem}") from error

    @property
    def bytes_written(self) -> int:
        """Bytes on the disk so far."""
        return self._temporary.stat().st_size

    def write(self, block: NDArray[np.float32]) -> None:
        """Append float32 `(channels, n)`.

        Raises:
            DiskFullError: The disk took no more.
        """
        if not self._format.is_float:
            self.clipped_samples += int(np.count_nonzero(np.abs(block) > 1))
            block = np.clip(block, -1, 1)
        self._encoder.write(block)

    def finish(self) -> None:
        """Complete the file under its temporary name.

        Raises:
            DiskFullError: The disk took no more.
        """
        self._encoder.close()

    def commit(self) -> None:
        """Give the finished file its name."""
        self._temporary.replace(self.path)

    def discard(self) -> None:
        """Remove what was written, unless it has its name already."""
        self._encoder.abandon()
        self._temporary.unlink(missing_ok=True)


class _Encoder(Protocol):
    def write(self, block: NDArray[np.float32]) -> None: ...
    def close(self) -> None: ...
    def abandon(self) -> None: ...


class _SoundFileEncoder:
    """Everything libsndfile writes."""

    def __init__(
        self, path: Path, stem_format: StemFormat, sample_rate: int, channels: int, frames: int | None
    ) -> None:
        self._bits = None if stem_format.is_float else stem_format.bit_depth
        subtype = _SUBTYPES.get(stem_format.name)
        if stem_format.bit_depth is not None:
            subtype = "FLOAT" if stem_format.is_float else f"PCM_{stem_format.bit_depth}"
        container = stem_format.name.upper()
        if container == "WAV" and stem_format.is_long_wav(frames, channels):
            container = "RF64"
        self._path = path
        level, mode = _COMPRESSION.get(stem_format.name, (None, None))
        self._file = soundfile.SoundFile(
            soundfile_name(path),
            "w",
            sample_rate,
            channels,
            format=container,
            subtype=subtype,
            compression_level=level,
            bitrate_mode=mode,
        )

    def write(self, block: NDArray[np.float32]) -> None:
        try:
            self._file.write(block.T if self._bits is None else _to_integers(block, self._bits).T)
        except soundfile.LibsndfileError as error:
            raise DiskFullError(errno.ENOSPC, "the disk is full") from error

    def close(self) -> None:
        """Close the file and look at its end, because libsndfile does not tell when its last bytes found no room."""
        frames = self._file.frames
        try:
            self._file.close()
            if missing_bytes(self._path) or not _reaches(self._path, frames):
                raise DiskFullError(errno.ENOSPC, "the disk is full")
        except soundfile.LibsndfileError as error:
            raise DiskFullError(errno.ENOSPC, "the disk is full") from error

    def abandon(self) -> None:
        with suppress(soundfile.LibsndfileError):
            self._file.close()


class _AacEncoder:
    """AAC in an MPEG-4 container, whose edit list gives the exact length back."""

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        # In its default milliseconds the edit list could not name a length to the sample.
        self._container = av.open(av_name(path), "w", format="ipod", options={"movie_timescale": str(sample_rate)})
        self._stream = self._container.add_stream("aac", rate=sample_rate, layout=_AAC_LAYOUTS[channels])
        self._stream.bit_rate = channels * min(_AAC_BITS_PER_SECOND, _AAC_MOST_BITS_PER_SAMPLE * sample_rate)
        self._rate, self._layout = sample_rate, _AAC_LAYOUTS[channels]
        self._position = 0

    def write(self, block: NDArray[np.float32]) -> None:
        if not block.shape[1]:
            return
        interleaved = np.ascontiguousarray(block.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._position, Fraction(1, self._rate)
        self._position += block.shape[1]
        self._encode(frame)

    def close(self) -> None:
        self._encode(None)
        try:
            self._container.close()
        except av.FFmpegError as error:
            raise DiskFullError(error.errno, error.strerror) from error

    def abandon(self) -> None:
        with suppress(av.FFmpegError):
            self._container.close()

    def _encode(self, frame: av.AudioFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            raise DiskFullError(error.errno, error.strerror) from error


def _reaches(path: Path, frames: int) -> bool:
    with soundfile.SoundFile(soundfile_name(path)) as file:
        return file.frames == frames and file.seek(frames - 1) == frames - 1 and len(file.read(1)) == 1


def _to_integers(block: NDArray[np.float32], bits: int) -> NDArray[np.int16] | NDArray[np.int32]:
    """Round to `bits`-bit integers, which read back as the nearest steps of 2**(1 - bits).

    libsndfile's own conversion rounds down, which would shift everything by half a step.
    """
    top = 2 ** (bits - 1)
    steps = np.clip(np.rint(block.astype(np.float64) * top), -top, top - 1)
    return steps.astype(np.int16) if bits == 16 else steps.astype(np.int32) << (32 - bits)
