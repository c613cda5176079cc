"""The command `python -m trainer pack`: sources become one pack that can be sent to another machine piece by piece."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from trainer.data.packing import describe_source, make_pack
from trainer.data.packs import PackedSource
from trainer.data.sources import Original, Source, originals_in_folder
from trainer.errors import TrainerError
from trainer.outputs import make_folder

DESCRIPTION = """Pack sources, named as for fit --data, into the folder PACK: compressed audio (Ogg Vorbis) in pieces of
at most 60 MB, and pack.json with the checksums of the pieces and the provenance and licence of every recording. The
pack is used as fit --data PACK. Stopped, or with pieces lost, the same command makes only what is missing. Licences and
notes that lie in a source (LICENSE, COPYING, README) are kept in the index."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.usage = "python -m trainer pack [KIND=]FOLDER[@WEIGHT]... -o PACK [--licence SOURCE=TEXT ...]"
    parser.description = DESCRIPTION
    parser.add_argument("sources", nargs="+", metavar="[KIND=]FOLDER[@WEIGHT]")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PACK")
    parser.add_argument(
        "--licence",
        nargs="+",
        action="extend",
        default=[],
        metavar="SOURCE=TEXT",
        help="the licence of a source, named by its folder, its folder's name or its kind",
    )


def run(args: argparse.Namespace) -> int:
    """Pack, say what came out, and return the exit code.

    Raises:
        TrainerError: Something the user can put right.
    """
    sources = _describe([Source.parse(word) for word in args.sources], args.licence)
    total = sum(map(_bytes, (original for originals in sources.values() for original in originals)))
    try:
        make_folder(args.output)
        with tqdm(total=total, desc=f"packing {args.output.name}", unit="B", unit_scale=True, disable=None) as bar:
            index = make_pack(args.output, sources, os.cpu_count() or 1, lambda original: bar.update(_bytes(original)))
    except KeyboardInterrupt:
        print(f"{args.output}: not whole; the same command goes on with what is missing", file=sys.stderr)
        raise
    size = sum(piece.bytes for piece in index.pieces) / 1e6
    print(f"{args.output}: {len(index.items)} recordings in {len(index.pieces)} pieces, {size:.1f} MB")
    for packed, originals in sources.items():
        print(f"  {packed.kind}={packed.name}: {len(originals)} recordings, licence: {packed.licence}")
    return 0


def _describe(sources: Sequence[Source], licences: Sequence[str]) -> dict[PackedSource, list[Original]]:
    """Return every source with its recordings, under names of their own.

    Raises:
        TrainerError: A source is a pack already or holds nothing, or a licence belongs to none.
    """
    names: list[str] = []
    described = {}
    stated = {source: text for label, text in map(_read_licence, licences) for source in _named(label, sources)}
    for source in sources:
        if source.is_pack:
            raise TrainerError(f"{source.folder}: is a pack already; give the folders it was made of")
        name = source.folder.resolve().name
        count = names.count(name)
        names.append(name)
        originals = originals_in_folder(source)
        described[describe_source(name if not count else f"{name}-{count + 1}", originals, stated.get(source))] = (
            originals
        )
    return described


def _named(label: str, sources: Sequence[Source]) -> list[Source]:
    found = [
        source
        for source in sources
        if label in (source.kind, source.folder.resolve().name) or Path(label).resolve() == source.folder.resolve()
    ]
    if not found:
        raise TrainerError(f"--licence {label}: names none of the sources; give the folder, its name or the kind")
    return found


def _read_licence(text: str) -> tuple[str, str]:
    label, separator, licence = text.partition("=")
    if not separator or not licence:
        raise TrainerError(f"--licence {text}: give SOURCE=TEXT, for example vocals=CC-BY-4.0")
    return label, licence


def _bytes(original: Original) -> int:
    return sum(path.stat().st_size for path in original.files)
