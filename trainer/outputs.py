"""Files that are either whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from trainer.errors import TrainerError


def make_folder(path: Path) -> None:
    """Make sure that `path` is a folder.

    Raises:
        TrainerError: The file system refuses.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainerError(
            f"{path}: cannot be a folder for results ({error.strerror}); choose another place"
        ) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, renamed to it at the end and removed if anything goes wrong.

    Raises:
        TrainerError: The file system refuses.
    """
    make_folder(path.parent)
    try:
        # The suffix stays last: it tells the writers of pictures and audio which format to write.
        beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        try:
            yield beside
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise TrainerError(f"{path}: cannot be written ({error}); choose another place or free some space") from error
