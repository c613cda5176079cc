"""Finds the songs a user named, and gives each its own folder for the stems."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from realtime.files.pattern import free_folder, song_name
from realtime.files.receipt import RECEIPT_NAME, read_receipt

AUDIO_SUFFIXES = frozenset(
    (
        ".wav",
        ".wave",
        ".rf64",
        ".w64",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".caf",
        ".m4a",
        ".m4b",
        ".aac",
        ".mp4",
        ".mov",
        ".mkv",
        ".mka",
        ".webm",
        ".wma",
    )
)


@dataclass(frozen=True)
class Song:
    """A song to separate.

    Attributes:
        source: The file as the user named it.
        folder: Where its stems go.
    """

    source: Path
    folder: Path


@dataclass(frozen=True)
class Discovery:
    """What lies behind the paths a user named.

    Attributes:
        songs: In the order named, folders sorted.
        ignored: How many files in folders are not audio.
        empty_folders: Folders named that hold no audio.
    """

    songs: tuple[Song, ...]
    ignored: int
    empty_folders: tuple[Path, ...]


def find_songs(paths: Iterable[Path], output: Path) -> Discovery:
    """Return the songs at `paths`, folders searched to the bottom, with folders below `output` for their stems.

    Sub-folders are kept. Stems that this program wrote are left out. A path that does not exist is a song
    too, so that it is reported in its turn.
    """
    found: dict[Path, Path] = {}
    seen: set[str] = set()
    ignored, empty = 0, []
    for path in paths:
        is_folder = os.path.isdir(path)
        files, others = _search(path) if is_folder else ([path], 0)
        ignored += others
        if not files:
            empty.append(path)
        for file in files:
            if (place := os.path.realpath(file)) not in seen:
                seen.add(place)
                found[file] = file.parent.relative_to(path) if is_folder else Path()
    return Discovery(_assign_folders(found, output), ignored, tuple(empty))


def _search(folder: Path) -> tuple[list[Path], int]:
    """Return the audio files below `folder`, sorted, and how many files are something else."""
    audio, others = [], 0
    for parent, folders, names in os.walk(folder):
        receipt = read_receipt(Path(parent))
        stems = receipt.targets if receipt else ()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name == RECEIPT_NAME or Path(name).stem in stems:
                continue
            if name.startswith(".") or Path(name).suffix.lower() not in AUDIO_SUFFIXES:
                others += 1
            else:
                audio.append(Path(parent, name))
    return audio, others


def _assign_folders(found: dict[Path, Path], output: Path) -> tuple[Song, ...]:
    """Name a folder after each song, songs of one name numbered in the order of their paths."""
    folders: dict[Path, Path] = {}
    taken: set[str] = set()
    for source in sorted(found, key=lambda path: (str(found[path] / song_name(path)).casefold(), str(path.absolute()))):
        folders[source] = free_folder(output / found[source] / song_name(source), source, taken)
        taken.add(str(folders[source]).casefold())
    return tuple(Song(source, folders[source]) for source in found)
