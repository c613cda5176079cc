"""Name patterns: how the folder of a song's stems is called, such as `{folder}/{song}`."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from itertools import chain, count
from pathlib import Path

from realtime.files.receipt import read_receipt

FIELDS = ("folder", "song", "model", "format")
DEFAULT_PATTERN = "{folder}/{song}"
_FIELD = re.compile(r"\{(\w*)\}")
_FORBIDDEN = re.compile(r'[<>:"|?*\\\0]')  # in the text between the fields; a song's own name is kept as it is


def pattern_problem(pattern: str) -> str | None:
    """Say why a pattern cannot be used, in one sentence; None where it can."""
    if any(name not in FIELDS for name in _FIELD.findall(pattern)):
        return "Only the fields {folder}, {song}, {model} and {format} can stand in braces."
    text = _FIELD.sub("", pattern)
    if "{" in text or "}" in text:
        return "A brace stands alone; write a field like {song}."
    if _FORBIDDEN.search(text):
        return 'Signs such as : " | ? * < > cannot stand in names; leave them out.'
    if "{song}" not in pattern:
        return "Without {song} all songs would share one folder; add it."
    return None


def expand(pattern: str, source: Path, album: Path, model: str, file_format: str) -> Path:
    """Return the folder a pattern names for a song, relative to the output folder and never above it.

    Args:
        pattern: One without a `pattern_problem`.
        source: The song's file.
        album: The sub-folder it was found in, for `{folder}`.
        model: A model's name or path.
        file_format: Of the stems.
    """
    values = {"folder": album.as_posix(), "song": song_name(source), "model": Path(model).stem, "format": file_format}
    expanded = _FIELD.sub(lambda field: values[field.group(1)], pattern)
    parts = (part.strip() for part in expanded.split("/"))
    return Path(*(part for part in parts if part.strip(".")))


def free_folder(folder: Path, source: Path, taken: Collection[str] = ()) -> Path:
    """Return `folder`, or the first of its numbered neighbours that holds no other song's stems.

    Args:
        folder: The place wanted.
        source: The song's file.
        taken: Case-folded places that other songs have been given.
    """
    places = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(
        place for place in chain([folder], places) if str(place).casefold() not in taken and _is_free(place, source)
    )


def song_name(source: Path) -> str:
    """Return the name of a song without `.stem.mp4` or its suffix, but never one that leads to another folder."""
    name = source.stem.removesuffix(".stem") if source.suffix == ".mp4" else source.stem
    return name if name.strip(". ") else f"song{source.name}"


def _is_free(folder: Path, source: Path) -> bool:
    """Tell whether `folder` holds nothing, this song's own stems, or those of a song that is gone."""
    receipt = read_receipt(folder)
    return receipt is None or receipt.source == os.path.realpath(source) or not os.path.exists(receipt.source)
