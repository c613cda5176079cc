"""File names as the two audio libraries take them."""

from __future__ import annotations

import os
from pathlib import Path

from realtime.files.errors import AudioFileError


def soundfile_name(path: Path) -> str | bytes:
    """Return the name for python-soundfile, which fails on text that is not Unicode; only Windows needs text."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def av_name(path: Path) -> str:
    """Return the name for PyAV: a full path, which is never taken for an address.

    Raises:
        AudioFileError: The name is not Unicode, and PyAV takes nothing else.
    """
    name = os.path.abspath(path)
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise AudioFileError(f"{path}: its name is not valid Unicode; rename it")
    return name
