"""Songs with known stems: MUSDB18 STEMS files, MUSDB18-HQ folders, and folders with vocals and accompaniment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from trainer.data.decoding import as_float
from trainer.errors import TrainerError

STEMS_SUFFIXES = (".stem.mp4", ".stem.m4a")
STEMS_STREAMS = ("mixture", "drums", "bass", "other", "vocals")
INSTRUMENTS = frozenset({"drums", "bass", "other"})
FOLDER_PARTS = ("mixture", "vocals", "accompaniment", *sorted(INSTRUMENTS))
FOLDER_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff")
LENGTH_TOLERANCE_S = 0.1

Audio = NDArray[np.float32]


class SongError(TrainerError):
    """A folder holds no songs, or a song cannot be read as one."""


@dataclass(frozen=True)
class References:
    """One song, or a passage of it, as float32 `(channels, samples)` arrays of one shape."""

    mixture: Audio
    vocals: Audio
    accompaniment: Audio
    sample_rate: int


@dataclass(frozen=True)
class Song:
    """A song on disk.

    Attributes:
        name: File or folder name without suffix.
        parts: `(part, file)` pairs; the STEMS layout has one pair, `("stems", file)`.
    """

    name: str
    parts: tuple[tuple[str, Path], ...]

    def load(self, start_s: float = 0.0, seconds: float | None = None) -> References:
        """Read the song, or `seconds` of it from `start_s` on (fewer where the song ends before).

        The accompaniment is its own file, else the sum of the instruments, else mixture - vocals. The mixture is its
        own file, else vocals + accompaniment. The latter holds for STEMS files too: their streams are lossy each for
        itself, so the mixture stream is not what its stems sum to.

        Raises:
            SongError: A file is missing or unreadable, or the parts do not belong together.
        """
        parts, sample_rate = self.load_parts(start_s, seconds)
        if self.is_stems_file:
            del parts["mixture"]
        vocals, mixture, accompaniment = (parts.get(part) for part in ("vocals", "mixture", "accompaniment"))
        if accompaniment is None:
            accompaniment = (
                sum(parts[part] for part in INSTRUMENTS) if parts.keys() >= INSTRUMENTS else mixture - vocals
            )
        if mixture is None:
            mixture = vocals + accompaniment
        return References(mixture, vocals, accompaniment, sample_rate)

    def load_parts(self, start_s: float = 0.0, seconds: float | None = None) -> tuple[dict[str, Audio], int]:
        """Read every part the song has, aligned and of one shape.

        Returns:
            `{part: (channels, samples)}` and the sample rate in Hz.

        Raises:
            SongError: As for `load`.
        """
        if self.is_stems_file:
            source = self.parts[0][1]
            parts, sample_rate = _decode_stems(source)
            passage = slice(*_passage(sample_rate, start_s, seconds))
            parts = {part: audio[:, passage] for part, audio in parts.items()}
        else:
            source = self.parts[0][1].parent
            loaded = {part: _read_file(path, start_s, seconds) for part, path in self.parts}
            rates = {rate for _, rate in loaded.values()}
            if len(rates) > 1:
                raise SongError(f"{source}: mixes sample rates {sorted(rates)}; resample its files to one rate")
            parts, sample_rate = {part: audio for part, (audio, _) in loaded.items()}, rates.pop()
        return _of_one_shape(source, parts, sample_rate), sample_rate

    def seconds(self) -> float:
        """Return the length by the header of the song's first file.

        Raises:
            SongError: The file is unreadable.
        """
        path = self.parts[0][1]
        with _readable(path):
            if not self.is_stems_file:
                return soundfile.info(path).duration
            with av.open(str(path)) as container:
                return (container.duration or 0) / av.time_base

    @property
    def names(self) -> frozenset[str]:
        """The parts the song has."""
        return frozenset(STEMS_STREAMS if self.is_stems_file else (part for part, _ in self.parts))

    @property
    def is_stems_file(self) -> bool:
        """Whether one STEMS file holds all parts."""
        return self.parts[0][0] == "stems"

    def digest(self) -> str:
        """Return the SHA-256 of what the song's files contain."""
        total = hashlib.sha256()
        for part, path in self.parts:
            with _readable(path), path.open("rb") as file:
                total.update(part.encode() + hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()


def find_songs(folder: Path) -> list[Song]:
    """Return every song at or below `folder`, by name.

    Raises:
        SongError: There is none.
    """
    folder = Path(folder)
    if not folder.exists():
        raise SongError(f"{folder}: does not exist; name a folder of songs with known stems")
    paths = [folder] if folder.is_file() else [folder, *folder.rglob("*")]
    songs = [song for path in paths if (song := _song_at(path)) is not None]
    if not songs:
        raise SongError(
            f"{folder}: holds no songs; expected *.stem.mp4 files, or folders with vocals.* and "
            "accompaniment.*, mixture.* or drums.*, bass.* and other.*"
        )
    return sorted(songs, key=lambda song: (song.name, song.parts))


def _song_at(path: Path) -> Song | None:
    if not path.is_dir():
        suffix = next((s for s in STEMS_SUFFIXES if path.name.lower().endswith(s)), None)
        return Song(path.name[: -len(suffix)], (("stems", path),)) if suffix else None
    with _readable(path):
        children = sorted(path.iterdir())
    files = {child.stem.lower(): child for child in children if child.suffix.lower() in FOLDER_SUFFIXES}
    parts = tuple((part, files[part]) for part in FOLDER_PARTS if part in files)
    names = {part for part, _ in parts}
    whole = "vocals" in names and (names & {"accompaniment", "mixture"} or names >= INSTRUMENTS)
    return Song(path.resolve().name, parts) if whole else None


def _of_one_shape(source: Path, parts: Mapping[str, Audio], sample_rate: int) -> dict[str, Audio]:
    channels = {audio.shape[0] for audio in parts.values()}
    shortest, *_, longest = sorted(audio.shape[1] for audio in parts.values())
    if len(channels) > 1:
        raise SongError(f"{source}: mixes channel counts {sorted(channels)}; convert its stems to one of them")
    if shortest == 0:
        raise SongError(f"{source}: has no samples in the passage asked for; check the file or start earlier")
    if longest - shortest > LENGTH_TOLERANCE_S * sample_rate:
        raise SongError(
            f"{source}: has stems of {shortest} to {longest} samples; stems of one song must be equally long"
        )
    return {part: np.ascontiguousarray(audio[:, :shortest]) for part, audio in parts.items()}


def _read_file(path: Path, start_s: float, seconds: float | None) -> tuple[Audio, int]:
    with _readable(path), soundfile.SoundFile(path) as file:
        start, stop = _passage(file.samplerate, start_s, seconds)
        file.seek(min(start, file.frames))
        audio = file.read(-1 if stop is None else stop - start, dtype="float32", always_2d=True)
        return audio.T, file.samplerate


def _decode_stems(path: Path) -> tuple[dict[str, Audio], int]:
    with _readable(path), av.open(str(path)) as container:
        streams = container.streams.audio
        if len(streams) < len(STEMS_STREAMS):
            raise SongError(
                f"{path}: has {len(streams)} audio streams, but a STEMS file has {len(STEMS_STREAMS)} "
                f"({', '.join(STEMS_STREAMS)}); give it the suffix of an ordinary file"
            )
        streams = streams[: len(STEMS_STREAMS)]
        rates = {stream.rate for stream in streams}
        if len(rates) > 1:
            raise SongError(f"{path}: mixes sample rates {sorted(rates)}; encode its streams at one rate")
        frames = {stream.index: [] for stream in streams}
        for packet in container.demux(list(streams)):
            frames[packet.stream.index] += packet.decode()
        return {
            part: _on_timeline(path, stream, frames[stream.index])
            for part, stream in zip(STEMS_STREAMS, streams, strict=True)
        }, rates.pop()


def _on_timeline(path: Path, stream: av.AudioStream, frames: list[av.AudioFrame]) -> Audio:
    """Join decoded frames so that sample 0 is time 0 in every stream.

    The AAC encoder's priming lies before time 0 and its padding behind the stream's duration: kept, they would shift
    streams of different encoders against each other.
    """
    if not frames:
        raise SongError(f"{path}: has an audio stream without sound; fetch the file again")
    audio = np.concatenate([as_float(frame) for frame in frames], axis=1)
    start = round(frames[0].pts * frames[0].time_base * stream.rate) if frames[0].pts is not None else 0
    audio = audio[:, -start:] if start < 0 else np.pad(audio, ((0, 0), (start, 0)))
    if stream.duration is None:
        return audio
    return audio[:, : round(((stream.start_time or 0) + stream.duration) * stream.time_base * stream.rate)]


def _passage(sample_rate: int, start_s: float, seconds: float | None) -> tuple[int, int | None]:
    start = round(start_s * sample_rate)
    return start, None if seconds is None else start + round(seconds * sample_rate)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the codecs and the system raise into one sentence about the file."""
    try:
        yield
    except (OSError, soundfile.LibsndfileError, av.FFmpegError) as error:
        raise SongError(f"{path}: cannot be read ({error}); check its permissions or fetch it again") from error
