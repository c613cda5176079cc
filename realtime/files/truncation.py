"""Finds files that were cut short, where the decoders would silently play what is left."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_SIZE = 0xFFFFFFFF
# What SoX writes into a pipe, rounded down to a whole number of samples in all channels.
_UNKNOWN_SIZES_OF_SOX = range(0x7FFFF000 - 511, 0x7FFFF001)
_OGG_PAGE_BYTES = 65307
_MP3_SYNC_SEARCH_BYTES = 65536


def missing_bytes(path: Path) -> int | None:
    """Return how many bytes a file's own header promises beyond its end, or None if it promises nothing.

    RIFF, RF64, AIFF, and MP3 with a Xing header say their size; an Ogg stream says where it ends, so one that
    does not returns 1.

    Raises:
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] in (b"RIFF", b"RF64") and start[8:12] == b"WAVE":
            return _beyond_end(_chunk_end(file, b"data", "<"), size)
        if start[:4] == b"FORM" and start[8:12] in (b"AIFF", b"AIFC"):
            return _beyond_end(_chunk_end(file, b"SSND", ">"), size)
        if start[:4] == b"OggS":
            return 0 if _ogg_ends(file, size) else 1
        if start[:3] == b"ID3" or start[:1] == b"\xff":
            return _beyond_end(_xing_end(file), size)
    return None


def _beyond_end(end: int | None, size: int) -> int | None:
    return None if end is None else max(0, end - size)


def _chunk_end(file: BinaryIO, wanted: bytes, order: str) -> int | None:
    """Return the position where chunk `wanted` should end; None if it is absent or its size was never filled in."""
    position, long_size = 12, None
    while len(header := _read_at(file, position, 8)) == 8:
        name, size = header[:4], struct.unpack(order + "I", header[4:])[0]
        if name == b"ds64":
            long_size = struct.unpack("<Q", _read_at(file, position + 16, 8).ljust(8, b"\0"))[0]
        if name == wanted:
            if size == _UNKNOWN_SIZE:
                return None if long_size is None else position + 8 + long_size
            if size in _UNKNOWN_SIZES_OF_SOX:
                return None
            return position + 8 + size
        position += 8 + size + size % 2
    return None


def _ogg_ends(file: BinaryIO, size: int) -> bool:
    """Tell whether the last page of an Ogg file carries the end-of-stream flag and is whole."""
    start = max(0, size - 2 * _OGG_PAGE_BYTES)
    tail = _read_at(file, start, size - start)
    page = tail.rfind(b"OggS")
    segments = tail[page + 27 : page + 27 + tail[page + 26]] if 0 <= page < len(tail) - 26 else b""
    return bool(segments) and bool(tail[page + 5] & 4) and page + 27 + len(segments) + sum(segments) <= len(tail)


def _xing_end(file: BinaryIO) -> int | None:
    """Return where an MP3 stream should end by the byte count in its Xing header, if it has one."""
    tag = _read_at(file, 0, 10)
    position = 0
    if tag[:3] == b"ID3" and len(tag) == 10:
        position = 10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    head = _read_at(file, position, _MP3_SYNC_SEARCH_BYTES)
    frame = head.find(b"\xff")
    marker = max(head.find(b"Xing", 0, 4096), head.find(b"Info", 0, 4096))
    if frame < 0 or not 0 < marker - frame <= 40 or len(head) < marker + 16:
        return None
    flags = struct.unpack(">I", head[marker + 4 : marker + 8])[0]
    if not flags & 2:
        return None
    field = marker + 8 + (4 if flags & 1 else 0)
    return position + frame + struct.unpack(">I", head[field : field + 4])[0]


def _read_at(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position, os.SEEK_SET)
    return file.read(count)
