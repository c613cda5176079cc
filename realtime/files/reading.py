"""Reads any audio file as a stream of blocks: soundfile first, PyAV for what it cannot open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime.files.errors import AudioFileError
from realtime.files.names import av_name, soundfile_name
from realtime.files.truncation import missing_bytes

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1000, 768000
MOST_CHANNELS = 64
_AV_SLACK_S = 0.1


def open_audio(path: Path) -> AudioReader:
    """Open an audio file, or the audio track of a video.

    Raises:
        AudioFileError: It is missing, empty, cut short, not audio, or outside the supported rates and channels.
    """
    _check_whole(path)
    if path.suffix.lower() == ".raw":
        raise AudioFileError(f"{path}: headerless audio does not say its sample rate; convert it to WAV first")
    if path.suffix.lower() == ".mp3":
        # FFmpeg refuses what is no MP3 in silence, libsndfile's decoder prints its own complaints.
        _AvReader(path).close()
    reader: AudioReader
    try:
        reader = _SoundFileReader(path)
    except soundfile.LibsndfileError:
        reader = _AvReader(path)
    try:
        _check_supported(reader)
    except AudioFileError:
        reader.close()
        raise
    return reader


class AudioReader(ABC):
    """An open audio file.

    Attributes:
        path: Where it lies.
        sample_rate: In Hz.
        channels: Channels.
        frames: Samples per channel; an estimate where the file is vague, None where nothing is known.
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int | None

    def blocks(self, block_samples: int) -> Iterator[NDArray[np.float32]]:
        """Yield the audio as float32 `(channels, n)`, `0 < n`; only soundfile keeps `n` to `block_samples`.

        Raises:
            AudioFileError: The audio is damaged, shorter than the file says, has no samples, or holds NaN or infinity.
        """
        done = 0
        for block in self._decode(block_samples):
            self._check_finite(block, done)
            done += block.shape[1]
            yield block
        if done == 0:
            raise AudioFileError(f"{self.path}: its header says it has no sound; export it again")
        if self._is_short(done):
            raise AudioFileError(
                f"{self.path}: it is cut short ({done / self.sample_rate:.2f} of "
                f"{(self.frames or 0) / self.sample_rate:.2f} s are there); get a whole copy"
            )

    def _check_finite(self, block: NDArray[np.float32], start: int) -> None:
        finite = np.isfinite(block)
        if not finite.all():
            sample = int(np.argmin(finite.all(axis=0)))
            channel = int(np.argmin(finite[:, sample]))
            place = f"{(start + sample) / self.sample_rate:.4f} s in channel {channel + 1}"
            raise AudioFileError(
                f"{self.path}: the sample at {place} is {block[channel, sample]}, not a sound; "
                "repair the file or export it again"
            )

    @abstractmethod
    def _decode(self, block_samples: int) -> Iterator[NDArray[np.float32]]: ...

    @abstractmethod
    def _is_short(self, done: int) -> bool: ...

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _ForwardSoundFile(soundfile.SoundFile):
    """A sound file read from front to end.

    python-soundfile seeks after every read of a seekable file, and libsndfile loses its place when it seeks in an
    MP3 file of variable bit rate.
    """

    def seekable(self) -> bool:
        """Deny it."""
        return False


class _SoundFileReader(AudioReader):
    """What libsndfile opens: its frame count is exact, but for MP3 files that do not say their length."""

    def __init__(self, path: Path) -> None:
        self._file = _ForwardSoundFile(soundfile_name(path))
        self.path, self.sample_rate, self.channels = path, self._file.samplerate, self._file.channels
        self.frames = None if self._file.frames >= np.iinfo(np.int64).max else self._file.frames
        self._is_exact = self._file.format != "MP3"
        if self._file.format == "MP3" and missing_bytes(path) is None:
            self.frames = _count_by_packets(path, self.sample_rate)

    def _decode(self, block_samples: int) -> Iterator[NDArray[np.float32]]:
        try:
            while len(block := self._file.read(block_samples, dtype="float32", always_2d=True)):
                yield np.ascontiguousarray(block.T)
        except soundfile.LibsndfileError as error:
            raise AudioFileError(f"{self.path}: it is damaged or cut short; get a whole copy") from error

    def _is_short(self, done: int) -> bool:
        return self._is_exact and self.frames is not None and done < self.frames

    def close(self) -> None:
        self._file.close()


class _AvReader(AudioReader):
    """What FFmpeg's libraries open: the first audio track; its frame count comes from the container's times."""

    def __init__(self, path: Path) -> None:
        unreadable = f"{path}: it is not audio, or it is damaged; get a whole copy or choose another file"
        try:
            self._container = _open_av(path)
        except av.FFmpegError as error:
            raise AudioFileError(unreadable) from error
        if not self._container.streams.audio:
            self._container.close()
            raise AudioFileError(f"{path}: it has no audio track; choose a file with sound")
        self._stream = self._container.streams.audio[0]
        if self._stream.codec_context is None:
            self._container.close()
            raise AudioFileError(f"{path}: its audio is of an unknown kind; convert it to WAV or FLAC")
        if not self._stream.rate:  # FFmpeg took the name's word for it and found no header
            self._container.close()
            raise AudioFileError(unreadable)
        self._layout = self._stream.layout.name
        self._track_ends_exactly = "mov" in self._container.format.name and bool(self._stream.duration)
        self._last_packet_s = 0.0
        self.path, self.sample_rate, self.channels = path, self._stream.rate, self._stream.channels
        self.frames = self._declared_frames()

    def _declared_frames(self) -> int | None:
        if self._stream.duration:
            return round(self._stream.duration * self._stream.time_base * self.sample_rate)
        if self._container.duration:
            return round(self._container.duration * self.sample_rate / av.time_base)
        return _count_by_packets(self.path, self.sample_rate)

    def _decode(self, block_samples: int) -> Iterator[NDArray[np.float32]]:
        # Interleaved, because PyAV crashes on eight planes and more.
        resampler = av.AudioResampler(format="flt", layout=self._layout, rate=self.sample_rate)
        left = self.frames if self._track_ends_exactly else None
        try:
            for frame in self._frames():
                for interleaved in resampler.resample(frame):
                    block = np.ascontiguousarray(interleaved.to_ndarray().reshape(-1, self.channels)[:left].T)
                    left = None if left is None else left - block.shape[1]
                    if block.shape[1]:
                        yield block
        except av.FFmpegError as error:
            raise AudioFileError(f"{self.path}: its audio is damaged ({error.strerror}); get a whole copy") from error

    def _frames(self) -> Iterator[av.AudioFrame]:
        for packet in self._container.demux(audio=0, video=list(range(len(self._container.streams.video)))):
            if packet.pts is not None:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self._last_packet_s = max(self._last_packet_s, end_s)
            if packet.stream.index == self._stream.index:
                yield from packet.decode()

    def _is_short(self, done: int) -> bool:
        slack = _AV_SLACK_S * self.sample_rate
        if self._track_ends_exactly:
            return self.frames is not None and done < self.frames - slack
        if "matroska" in self._container.format.name and self._container.duration:
            return self._last_packet_s < self._container.duration / av.time_base - _AV_SLACK_S
        return False

    def close(self) -> None:
        self._container.close()


def _open_av(path: Path) -> av.container.InputContainer:
    # Tags may be in any encoding, and a playlist that calls itself a song must not reach the network.
    return av.open(av_name(path), metadata_errors="ignore", options={"protocol_whitelist": "file"})


def _count_by_packets(path: Path, sample_rate: int) -> int | None:
    """Add up what the packets of a file without a length say, which takes reading it but not decoding it."""
    try:
        with _open_av(path) as container:
            end_s = max(
                (
                    float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    for packet in container.demux(audio=0)
                    if packet.pts is not None
                ),
                default=0.0,
            )
    except av.FFmpegError:
        return None
    return round(end_s * sample_rate) or None


def _check_whole(path: Path) -> None:
    try:
        if not path.exists():
            raise AudioFileError(f"{path}: there is no such file; check the path")
        if not path.is_file():
            raise AudioFileError(f"{path}: it is not a file; name an audio file or a folder of them")
        if path.stat().st_size == 0:
            raise AudioFileError(f"{path}: it is empty (0 bytes); get a whole copy")
        missing = missing_bytes(path)
    except OSError as error:
        raise AudioFileError(f"{path}: it cannot be read ({error.strerror}); check its permissions") from error
    if missing:
        raise AudioFileError(f"{path}: it is cut short, its end is missing; get a whole copy")


def _check_supported(reader: AudioReader) -> None:
    if not LOWEST_RATE_HZ <= reader.sample_rate <= HIGHEST_RATE_HZ:
        raise AudioFileError(
            f"{reader.path}: its sample rate is {reader.sample_rate} Hz; "
            f"convert it to one between {LOWEST_RATE_HZ} and {HIGHEST_RATE_HZ} Hz"
        )
    if not 1 <= reader.channels <= MOST_CHANNELS:
        raise AudioFileError(
            f"{reader.path}: it has {reader.channels} channels; split it into files of at most {MOST_CHANNELS}"
        )
