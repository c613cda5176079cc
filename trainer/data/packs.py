"""Packs: recordings of any sources as compressed audio, in pieces that travel one by one.

A pack is a folder with `pack.json`, which lists sources, pieces and items, and the pieces, zip files of Ogg Vorbis.
Every item says where it comes from (source, files, their SHA-256), its licence and kind, and what was measured on the
original; every piece is listed with its size and SHA-256.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from trainer.data.decoding import Audio
from trainer.data.sources import PACK_INDEX, Facts, Original, Source
from trainer.errors import TrainerError
from trainer.outputs import written_whole

_FORMAT = "unsing-pack-1"


@dataclass(frozen=True)
class Piece:
    """One file of a pack: its name, size and SHA-256."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Item:
    """One recording in a pack.

    Attributes:
        source: The name of the source it came from.
        files: What it was made of, `(path within the source, SHA-256)`.
        vocals, accompaniment: Stems, each the Ogg files `PIECE/NAME` to be played one after the other.
    """

    name: str
    source: str
    kind: str
    licence: str
    files: tuple[tuple[str, str], ...]
    sample_rate: int
    bandwidth_hz: float
    tempo_bpm: float | None
    vocals: tuple[str, ...] | None
    accompaniment: tuple[tuple[str, ...], ...]

    @property
    def pieces(self) -> tuple[str, ...]:
        """The pieces that hold its audio."""
        stems = (*self.accompaniment, *(() if self.vocals is None else (self.vocals,)))
        return tuple(sorted({part.partition("/")[0] for stem in stems for part in stem}))


@dataclass(frozen=True)
class PackedSource:
    """A source of a pack: `documents` are the licences and notes found in it, `(file, text)`."""

    name: str
    folder: str
    kind: str
    weight: float
    licence: str
    documents: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Index:
    """What stands in `pack.json`; `whole` once everything is packed."""

    sources: tuple[PackedSource, ...]
    pieces: tuple[Piece, ...] = ()
    items: tuple[Item, ...] = ()
    whole: bool = False

    def write(self, folder: Path) -> None:
        """Put the index into the folder of its pack."""
        with written_whole(folder / PACK_INDEX) as beside:
            beside.write_text(
                json.dumps({"format": _FORMAT, **dataclasses.asdict(self)}, indent=1, ensure_ascii=False),
                encoding="utf-8",
            )

    @classmethod
    def read(cls, folder: Path) -> Index:
        """Read the index of the pack in `folder`.

        Raises:
            TrainerError: It is not readable or not one of ours.
        """
        path = folder / PACK_INDEX
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("format") != _FORMAT:
                raise ValueError("made by another version")
            return cls(
                tuple(PackedSource(**_tuples(entry)) for entry in values["sources"]),
                tuple(Piece(**entry) for entry in values["pieces"]),
                tuple(Item(**_tuples(entry)) for entry in values["items"]),
                values["whole"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainerError(
                f"{path}: cannot be read as the index of a pack ({error}); copy it again or pack again"
            ) from error


def fault(folder: Path, piece: Piece) -> str | None:
    """Return what is wrong with a piece; None where it is whole."""
    path = folder / piece.file
    try:
        if path.stat().st_size != piece.bytes:
            return f"has {path.stat().st_size} bytes instead of {piece.bytes}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if digest == piece.sha256 else "is damaged (its SHA-256 is not the one in the index)"


def read_pack(source: Source) -> list[Original]:
    """Return the recordings of a pack, whose pieces are all verified.

    Raises:
        TrainerError: The pack is unfinished, or one of its pieces missing or damaged.
    """
    index = Index.read(source.folder)
    if not index.whole:
        raise TrainerError(f"{source.folder}: is not whole yet; run the command that packs it again to the end")
    for piece in index.pieces:
        if wrong := fault(source.folder, piece):
            raise TrainerError(
                f"{source.folder / piece.file}: {wrong}; copy it again, or pack again, which makes only what is missing"
            )
    weights = {packed.name: source.weight * packed.weight for packed in index.sources}
    return [_original(item, source.folder, weights[item.source]) for item in index.items]


def _original(item: Item, folder: Path, weight: float) -> Original:
    # The name of a stem's first part is unlike that of any other stem in the same piece.
    vocals = None if item.vocals is None else item.vocals[0]
    stems = {stem[0]: stem for stem in (*item.accompaniment, *(() if item.vocals is None else (item.vocals,)))}
    return Original(
        item.name,
        Source(folder / item.source, item.kind, weight),
        tuple(folder / piece for piece in item.pieces),
        item.sample_rate,
        vocals,
        tuple(stem[0] for stem in item.accompaniment),
        functools.partial(_load, folder, stems),
        Facts(item.bandwidth_hz, item.tempo_bpm),
    )


def _load(folder: Path, stems: dict[str, Sequence[str]]) -> dict[str, Audio]:
    return {name: np.concatenate([_read_part(folder, part) for part in parts], 1) for name, parts in stems.items()}


def _read_part(folder: Path, part: str) -> Audio:
    piece, _, member = part.partition("/")
    try:
        with zipfile.ZipFile(folder / piece) as archive:
            audio, _ = soundfile.read(io.BytesIO(archive.read(member)), dtype="float32", always_2d=True)
    except (OSError, KeyError, zipfile.BadZipFile, soundfile.LibsndfileError) as error:
        raise TrainerError(f"{folder / piece}: {member} cannot be read ({error}); pack again") from error
    return np.ascontiguousarray(audio.T)


def _tuples(value: Any) -> Any:
    """Turn the lists that JSON makes of tuples back into tuples."""
    if isinstance(value, list):
        return tuple(_tuples(entry) for entry in value)
    return {key: _tuples(entry) for key, entry in value.items()} if isinstance(value, dict) else value
