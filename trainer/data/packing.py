"""Make a pack: encode recordings on all cores and fill pieces with them; what is whole already is kept."""

from __future__ import annotations

import dataclasses
import io
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from trainer.data.decoding import Audio, require_usable, sha256_of
from trainer.data.packs import Index, Item, PackedSource, Piece, fault
from trainer.data.sources import PACK_INDEX, Facts, Original
from trainer.errors import TrainerError
from trainer.outputs import written_whole

PIECE_BYTES = 60_000_000
_MEMBER_BYTES = 400  # what a zip file needs beside the data of a member
_PART_S = 300  # even at the highest rates a part is far smaller than a piece
_PROVENANCE = ("licence", "license", "copying", "copyright", "readme", "provenance")
_DOCUMENT_BYTES = 64_000
# Ogg Vorbis quality 6. On songs, voices and instrumental music it keeps 24-27 dB SNR, far above what separators reach,
# at 60-180 kbit/s a stem, a quarter of FLAC; quality 4 gives 21-24 dB at 50-125 kbit/s.
_FORMAT = {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.4}


def describe_source(name: str, originals: Sequence[Original], licence: str | None) -> PackedSource:
    """Say what a source is, with the licences and notes that lie in its folder or, else, where that lies.

    Args:
        name: What the pack calls it.
        originals: Its recordings.
        licence: As the user states it; None leaves it to the documents.
    """
    source = originals[0].source
    documents = next(filter(None, map(_documents, (source.folder, source.folder.resolve().parent))), ())
    stated = licence or (f"see {', '.join(file for file, _ in documents)}" if documents else "not stated")
    return PackedSource(name, str(source.folder), source.kind, source.weight, stated, documents)


def _documents(folder: Path) -> tuple[tuple[str, str], ...]:
    found = sorted(path for path in folder.iterdir() if path.stem.lower().startswith(_PROVENANCE) and path.is_file())
    return tuple((path.name, path.read_bytes()[:_DOCUMENT_BYTES].decode("utf-8", errors="replace")) for path in found)


def make_pack(
    folder: Path, sources: Mapping[PackedSource, Sequence[Original]], threads: int, advance: Callable[[Original], None]
) -> Index:
    """Pack recordings into `folder` and return the index.

    Args:
        folder: New, or an earlier pack of the same sources, of which whole pieces are kept.
        sources: What to pack.
        threads: How many recordings to encode at a time.
        advance: Called for each recording that has been dealt with.

    Raises:
        TrainerError: The folder holds another pack, or a recording cannot be read.
    """
    begun = _begun(folder, tuple(sources))
    known = {(item.source, item.name, item.files): item for item in begun.items}
    filler = _Filler(folder, begun)
    stop = threading.Event()

    def make(number: int, packed: PackedSource, original: Original) -> _Encoded | Item:
        files = tuple((_within(path, original.source.folder), sha256_of(path)) for path in original.files)
        kept = known.get((packed.name, original.name, files))
        return kept or _encode(number, packed, original, files, stop)

    tasks = [(packed, original) for packed, originals in sources.items() for original in originals]
    with ThreadPoolExecutor(threads) as pool:
        try:
            made = pool.map(lambda task: make(task[0], *task[1]), enumerate(tasks))
            for (packed, original), item in zip(tasks, made, strict=True):
                if isinstance(item, Item):
                    filler.keep(dataclasses.replace(item, licence=packed.licence))
                else:
                    filler.add(item)
                advance(original)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return filler.finish()


def _begun(folder: Path, sources: tuple[PackedSource, ...]) -> Index:
    """Return what there is already, less damaged pieces, what they held, and what is of no use without them."""
    if not (folder / PACK_INDEX).is_file():
        return Index(sources)
    begun = Index.read(folder)
    if [(source.name, source.kind) for source in begun.sources] != [(source.name, source.kind) for source in sources]:
        held = ", ".join(f"{source.kind}={source.name}" for source in begun.sources)
        raise TrainerError(f"{folder}: is a pack of other sources ({held}); choose another place with -o")
    whole = {piece.file for piece in begun.pieces if fault(folder, piece) is None}
    items = tuple(item for item in begun.items if whole >= set(item.pieces))
    needed = {piece for item in items for piece in item.pieces}
    return Index(sources, tuple(piece for piece in begun.pieces if piece.file in needed), items)


@dataclass(frozen=True)
class _Encoded:
    """An item whose stems are not in a piece yet: `(name, Ogg file)` of their parts in place of `PIECE/NAME`."""

    item: Item
    vocals: tuple[tuple[str, bytes], ...] | None
    accompaniment: tuple[tuple[tuple[str, bytes], ...], ...]


class _Filler:
    """Fills one piece after the other and writes the index after each, so that a stopped run can be gone on with."""

    def __init__(self, folder: Path, begun: Index) -> None:
        self.folder, self.sources = folder, begun.sources
        self.pieces = {piece.file: piece for piece in begun.pieces}
        self._items: list[Item] = []
        self._members: dict[str, bytes] = {}
        self._bytes = 0
        self._earlier = begun.items

    def keep(self, item: Item) -> None:
        """Take up an item of an earlier run."""
        self._items.append(item)

    def add(self, encoded: _Encoded) -> None:
        """Put an item into the piece that is being filled, or into the next where it does not fit."""
        stems = (*encoded.accompaniment, *((encoded.vocals,) if encoded.vocals else ()))
        size = sum(len(data) + _MEMBER_BYTES for stem in stems for _, data in stem)
        if self._bytes + size > PIECE_BYTES:
            self._close()
        vocals = None if encoded.vocals is None else self._store(encoded.vocals)
        accompaniment = tuple(map(self._store, encoded.accompaniment))
        self._items.append(dataclasses.replace(encoded.item, vocals=vocals, accompaniment=accompaniment))

    def finish(self) -> Index:
        """Write what is left and return the index of the whole pack."""
        self._close()
        pieces = tuple(self.pieces[name] for name in sorted({name for item in self._items for name in item.pieces}))
        index = Index(self.sources, pieces, tuple(self._items), whole=True)
        index.write(self.folder)
        return index

    def _store(self, parts: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
        places = []
        for name, data in parts:
            if self._bytes + len(data) + _MEMBER_BYTES > PIECE_BYTES:
                self._close()
            self._members[name] = data
            self._bytes += len(data) + _MEMBER_BYTES
            places.append(f"{self._next_piece()}/{name}")
        return tuple(places)

    def _next_piece(self) -> str:
        numbers = range(1, len(self.pieces) + 2)
        return next(name for number in numbers if (name := f"piece-{number:04d}.zip") not in self.pieces)

    def _close(self) -> None:
        if not self._members:
            return
        path = self.folder / self._next_piece()
        with written_whole(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
            for name, data in self._members.items():
                archive.writestr(name, data)
        self.pieces[path.name] = Piece(path.name, path.stat().st_size, sha256_of(path))
        self._members, self._bytes = {}, 0
        # What an earlier run made is only lost once this one has made it anew.
        done = {(item.source, item.name, item.files): item for item in (*self._earlier, *self._items)}
        items = tuple(item for item in done.values() if self.pieces.keys() >= set(item.pieces))
        Index(self.sources, tuple(self.pieces.values()), items).write(self.folder)


def _encode(
    number: int,
    packed: PackedSource,
    original: Original,
    files: tuple[tuple[str, str], ...],
    stop: threading.Event,
) -> _Encoded:
    stems = original.load()
    rate = original.sample_rate
    for audio in stems.values():
        require_usable(original.files[0], audio)
    music = tuple(stems[name] for name in original.accompaniment)
    facts = Facts.measure(None if original.vocals is None else stems[original.vocals], music, rate)

    def parts(label: str, audio: Audio) -> tuple[tuple[str, bytes], ...]:
        starts = range(0, audio.shape[1], _PART_S * rate)
        return tuple(
            (f"{number:05d}-{label}-{part:02d}.ogg", _vorbis(audio[:, start : start + _PART_S * rate], rate, stop))
            for part, start in enumerate(starts)
        )

    item = Item(
        original.name,
        packed.name,
        packed.kind,
        packed.licence,
        files,
        rate,
        facts.bandwidth_hz,
        facts.tempo_bpm,
        None,
        (),
    )
    vocals = None if original.vocals is None else parts("vocals", stems[original.vocals])
    return _Encoded(item, vocals, tuple(parts(f"music{index}", audio) for index, audio in enumerate(music)))


def _vorbis(audio: Audio, sample_rate: int, stop: threading.Event) -> bytes:
    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", sample_rate, audio.shape[0], **_FORMAT) as file:
        for start in range(0, audio.shape[1], sample_rate):  # libsndfile overflows its stack on minutes at once
            if stop.is_set():
                raise TrainerError("stopped")
            file.write(np.ascontiguousarray(audio[:, start : start + sample_rate].T))
    return encoded.getvalue()


def _within(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
