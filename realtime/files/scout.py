"""The looking process behind a window: finds songs in what was dropped, and reads waveforms."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from realtime.files.discovery import find_songs
from realtime.files.errors import AudioFileError
from realtime.files.orders import Find, Found, FoundSong, Measure, Measured, Searched, Unreadable
from realtime.files.peaks import measure

_SONGS_PER_REPORT = 50


def run(connection: Connection) -> None:
    """Serve orders until the connection closes; searches do not wait for waveforms."""
    sending = threading.Lock()
    searches: SimpleQueue[Find] = SimpleQueue()
    threading.Thread(target=_search, args=(connection, sending, searches), daemon=True).start()
    measures: SimpleQueue[Measure | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, searches, measures), daemon=True).start()
    while (order := measures.get()) is not None:
        report = _measure(order)
        with sending:
            connection.send(report)


def _listen(connection: Connection, searches: SimpleQueue[Find], measures: SimpleQueue[Measure | None]) -> None:
    try:
        while True:
            order = connection.recv()
            if isinstance(order, Find):
                searches.put(order)
            else:
                measures.put(order)
    except (EOFError, OSError):
        measures.put(None)


def _search(connection: Connection, sending: threading.Lock, searches: SimpleQueue[Find]) -> None:
    while True:
        order = searches.get()
        found = find_songs(order.paths, order.output)
        songs = [
            FoundSong(song.source, song.folder.parent.relative_to(order.output), os.path.realpath(song.source))
            for song in found.songs
        ]
        with sending:
            for start in range(0, len(songs), _SONGS_PER_REPORT):
                connection.send(Found(tuple(songs[start : start + _SONGS_PER_REPORT])))
            connection.send(Searched(found.ignored, found.empty_folders))


def _measure(order: Measure) -> Measured | Unreadable:
    try:
        return Measured(order.key, order.part, measure(order.path))
    except AudioFileError as error:
        return Unreadable(order.key, order.part, str(error))
    except OSError as error:
        return Unreadable(order.key, order.part, f"{order.path}: {(error.strerror or str(error)).lower()}")
