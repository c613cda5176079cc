"""The stems of one song: written together, named together, or not left behind at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.files.errors import AudioFileError
from realtime.files.formats import StemFormat
from realtime.files.receipt import RECEIPT_NAME, Receipt, write_receipt
from realtime.files.writing import AudioWriter, DiskFullError

_DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_SMALLEST_SIZE = 1e5  # below this an estimate would print as nothing


class StemSet:
    """The files of one song being written.

    Args:
        folder: Where they go; made if needed.
        names: The stems.
        stem_format: How to write them.
        sample_rate: In Hz.
        channels: Channels of each.
        frames: Samples per channel to come, None if unknown.
        keep: Files that must not be written over.

    Attributes:
        frames: Samples per channel written so far.

    Raises:
        AudioFileError: A stem would fall on one of `keep`, on a folder or on a file of the user's, or cannot be made.
        OSError: The folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        stem_format: StemFormat,
        sample_rate: int,
        channels: int,
        frames: int | None,
        keep: Sequence[Path],
    ) -> None:
        self.frames = 0
        self._folder, self._count, self._expected_frames = folder, len(names), frames
        self._receipt, self._receipt_draft = folder / RECEIPT_NAME, folder / f".{RECEIPT_NAME}.part"
        self._payload_bytes = stem_format.payload_bytes(frames, channels) if frames else None
        self._new_folders = _make_folders(folder)
        self._writers: dict[str, AudioWriter] = {}
        try:
            self._check_room()
            protected = {place for path in keep for place in (os.path.realpath(path), _place(path))}
            for name in names:
                path = folder / f"{name}.{stem_format.name}"
                _check_place(path, protected, self._receipt.exists())
                self._writers[name] = AudioWriter(path, stem_format, sample_rate, channels, frames)
        except AudioFileError:
            self.discard_unfinished()
            raise
        except OSError as error:
            explained = self._explain(error)
            self.discard_unfinished()
            raise explained from error

    @property
    def clipped_samples(self) -> dict[str, int]:
        """How many samples of each stem were clipped, for those where any was."""
        return {name: writer.clipped_samples for name, writer in self._writers.items() if writer.clipped_samples}

    def write(self, blocks: Mapping[str, NDArray[np.float32]]) -> None:
        """Append `(channels, n)` to every stem; names that are not stems here are passed over.

        Raises:
            AudioFileError: The disk is full.
        """
        try:
            for name, writer in self._writers.items():
                writer.write(blocks[name])
        except DiskFullError as error:
            raise self._explain(error) from error
        self.frames += next(iter(blocks.values())).shape[1]

    def commit(self, receipt: Receipt) -> None:
        """Complete every stem and the receipt, then give all of them their names; an older receipt is void.

        Raises:
            AudioFileError: The disk is full.
        """
        try:
            for writer in self._writers.values():
                writer.finish()
            write_receipt(self._receipt_draft, receipt)
        except OSError as error:
            raise self._explain(error) from error
        self._receipt.unlink(missing_ok=True)
        for writer in self._writers.values():
            writer.commit()
        self._receipt_draft.replace(self._receipt)
        self._new_folders.clear()

    def discard_unfinished(self) -> None:
        """Remove every stem that has not got its name, and the folders that were made for them."""
        for writer in self._writers.values():
            writer.discard()
        self._receipt_draft.unlink(missing_ok=True)
        for folder in self._new_folders:
            if not any(folder.iterdir()):
                folder.rmdir()

    def _check_room(self) -> None:
        """Refuse at once what cannot end well; compressed files have to be tried."""
        missing = (self._payload_bytes or 0) * self._count - shutil.disk_usage(self._folder).free
        if missing > 0:
            raise AudioFileError(
                f"{self._folder}: the disk has too little room, {_size(missing)} more are needed; "
                "free some or choose another -o"
            )

    def _explain(self, error: OSError) -> AudioFileError:
        if error.errno not in _DISK_FULL:
            return AudioFileError(f"{self._folder}: the stems cannot be written ({error.strerror}); choose another -o")
        needed = self._expected_bytes()
        missing = "" if needed is None else f", about {_size(needed)} more are needed"
        return AudioFileError(f"{self._folder}: the disk is full{missing}; free some room or choose another -o")

    def _expected_bytes(self) -> float | None:
        """Estimate what is still to be written, from the bytes a sample took so far where compression is at work."""
        written = sum(writer.bytes_written for writer in self._writers.values())
        if self._payload_bytes:
            return max(_SMALLEST_SIZE, self._payload_bytes * self._count - written)
        if self._expected_frames and self.frames:
            return max(_SMALLEST_SIZE, written * (self._expected_frames / self.frames - 1))
        return None


def _make_folders(folder: Path) -> list[Path]:
    """Make `folder` and return those that were missing, innermost first."""
    missing = []
    for parent in (folder, *folder.parents):
        if parent.exists():
            if not parent.is_dir():
                raise AudioFileError(
                    f"{parent}: it is a file, but the stems need a folder of that name; choose another -o"
                )
            break
        missing.append(parent)
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _place(path: Path) -> str:
    """Return where a name really lies, without following it if it is a link itself."""
    return os.path.join(os.path.realpath(path.parent), path.name)


def _check_place(path: Path, protected: set[str], has_receipt: bool) -> None:
    if _place(path) in protected:
        raise AudioFileError(f"{path}: it is one of the songs to separate and would be overwritten; choose another -o")
    if path.is_dir():
        raise AudioFileError(f"{path}: a stem goes here, but it is a folder; move it away or choose another -o")
    if os.path.lexists(path) and not has_receipt:
        raise AudioFileError(
            f"{path}: a file of that name is there that Unsing did not write; move it away or choose another -o"
        )


def _size(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
