"""The receipt beside a song's stems: what they were made from and how, so that a rerun can skip them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from realtime.contract import ModelSpec
from realtime.files.formats import StemFormat

RECEIPT_NAME = "unsing.json"


@dataclass(frozen=True)
class ModelIdentity:
    """Which model made the stems: its name and version, and the SHA-256 of its file."""

    name: str
    version: str
    sha256: str

    @classmethod
    def of(cls, model: Path, spec: ModelSpec) -> ModelIdentity:
        """Return the identity of the model file whose spec is given."""
        with model.open("rb") as file:
            return cls(spec.name, spec.version, hashlib.file_digest(file, "sha256").hexdigest())


@dataclass(frozen=True)
class Receipt:
    """All that decides what a song's stems sound like.

    Attributes:
        source: Absolute path of the song.
        source_bytes: Its size.
        source_mtime_ns: When it last changed.
        model: What separated it.
        targets: The stems, in order.
        format, bit_depth: How they are stored.
    """

    source: str
    source_bytes: int
    source_mtime_ns: int
    model: ModelIdentity
    targets: tuple[str, ...]
    format: str
    bit_depth: int | None

    @classmethod
    def of(cls, source: Path, model: ModelIdentity, targets: tuple[str, ...], stem_format: StemFormat) -> Receipt:
        """Return the receipt that separating `source` now would leave.

        Raises:
            OSError: The file cannot be looked at.
        """
        stat = source.stat()
        return cls(
            os.path.realpath(source),
            stat.st_size,
            stat.st_mtime_ns,
            model,
            targets,
            stem_format.name,
            stem_format.bit_depth,
        )


def read_receipt(folder: Path) -> Receipt | None:
    """Return the receipt in `folder`; None if there is none, or none that this version wrote."""
    try:
        values = json.loads((folder / RECEIPT_NAME).read_text(encoding="utf-8"))
        model, targets = ModelIdentity(**values["model"]), tuple(values["targets"])
        return Receipt(**{**values, "source": os.fspath(values["source"]), "model": model, "targets": targets})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write the receipt to the file `path`.

    Raises:
        OSError: It cannot be written.
    """
    path.write_text(json.dumps(asdict(receipt), indent=2) + "\n", encoding="utf-8")
