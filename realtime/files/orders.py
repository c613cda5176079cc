"""What a window and its two helper processes say to each other: frozen, of plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from realtime.files.pattern import DEFAULT_PATTERN
from realtime.files.waveform import Waveform

# The best that ships, for of files nobody minds how late it answers.
DEFAULT_MODEL = "guided-lite-93"


@dataclass(frozen=True)
class OutputSettings:
    """How and where stems are written.

    Attributes:
        folder: Below it every song has its own folder.
        model: A shipped model's name, or the path of a plug-in.
        targets: The stems to write; empty for all the model offers.
        format: One of `formats.FORMATS`.
        bit_depth: Bits of a sample; None for the format's best.
        pattern: How the songs' folders are named, see `pattern`.
    """

    folder: Path
    model: str = DEFAULT_MODEL
    targets: tuple[str, ...] = ()
    format: str = "wav"
    bit_depth: int | None = None
    pattern: str = DEFAULT_PATTERN


@dataclass(frozen=True)
class Separate:
    """Separate one song after those ordered before; `album` is the sub-folder it was found in."""

    key: int
    source: Path
    album: Path
    settings: OutputSettings


@dataclass(frozen=True)
class Hold:
    """Stand still, or go on."""

    held: bool


@dataclass(frozen=True)
class Cancel:
    """Stop a song at the next block and remove what is unfinished."""

    key: int


@dataclass(frozen=True)
class Started:
    """A song's turn has come; `seconds` is its length if it is known."""

    key: int
    seconds: float | None


@dataclass(frozen=True)
class Advanced:
    """`seconds` of the song have been separated in `elapsed_s`, pauses left out."""

    key: int
    seconds: float
    elapsed_s: float


@dataclass(frozen=True)
class Finished:
    """A song's stems lie in `folder`, made now or before.

    Attributes:
        key: The song.
        folder: Where the stems are.
        stems: Their names and files.
        clipped_samples: How many samples of all stems were clipped.
    """

    key: int
    folder: Path
    stems: tuple[tuple[str, Path], ...]
    clipped_samples: int


@dataclass(frozen=True)
class Failed:
    """A song cannot be read or separated; `message` is one sentence for the user."""

    key: int
    message: str


@dataclass(frozen=True)
class Cancelled:
    """A song was given up as ordered; nothing of it is left."""

    key: int


@dataclass(frozen=True)
class Find:
    """Search paths for songs; `output` is left out of the search."""

    paths: tuple[Path, ...]
    output: Path


@dataclass(frozen=True)
class FoundSong:
    """A song, the sub-folder it was found in, and its real place, by which doubles are told."""

    source: Path
    album: Path
    place: str


@dataclass(frozen=True)
class Found:
    """Some of the songs of a search."""

    songs: tuple[FoundSong, ...]


@dataclass(frozen=True)
class Searched:
    """A search is over: how many files were not audio, and which folders held none at all."""

    ignored: int
    empty_folders: tuple[Path, ...]


@dataclass(frozen=True)
class Measure:
    """Read a file for its waveform; `part` is `mixture` or a stem's name."""

    key: int
    part: str
    path: Path


@dataclass(frozen=True)
class Measured:
    """A file's waveform and length."""

    key: int
    part: str
    waveform: Waveform


@dataclass(frozen=True)
class Unreadable:
    """A file has no waveform; `message` is one sentence for the user."""

    key: int
    part: str
    message: str


@dataclass(frozen=True)
class Died:
    """A helper process ended by itself; what it was doing is lost."""


Order = Separate | Hold | Cancel | Find | Measure
Report = Started | Advanced | Finished | Failed | Cancelled | Found | Searched | Measured | Unreadable | Died
