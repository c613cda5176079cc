"""The separating process behind a window: one song after another, to be held or cancelled at any block."""

from __future__ import annotations

import threading
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue

from realtime.catalog import find_model
from realtime.files.batch import Batch, Event, SongDone, SongFailed, SongProgress, SongSkipped, SongStarted
from realtime.files.discovery import Song
from realtime.files.errors import AudioFileError, CancelledError
from realtime.files.formats import StemFormat
from realtime.files.orders import Advanced, Cancel, Cancelled, Failed, Finished, Hold, Order, Separate, Started
from realtime.files.pattern import expand, free_folder
from realtime.plugin import PluginError

_REPORT_EVERY_S = 0.05


def run(connection: Connection) -> None:
    """Serve orders until the connection closes; a song under way is given up then."""
    gate = _Gate()
    orders: SimpleQueue[Separate | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, gate, orders), daemon=True).start()
    while (order := orders.get()) is not None:
        _separate(order, gate, connection)


def _listen(connection: Connection, gate: _Gate, orders: SimpleQueue[Separate | None]) -> None:
    try:
        while True:
            order: Order = connection.recv()
            match order:
                case Separate():
                    gate.admit(order.key)
                    orders.put(order)
                case Hold():
                    gate.hold(order.held)
                case Cancel():
                    gate.cancel(order.key)
    except (EOFError, OSError):
        gate.cancel_all()
        orders.put(None)


def _separate(order: Separate, gate: _Gate, connection: Connection) -> None:
    settings = order.settings
    reporter = _Reporter(order.key, gate, connection)
    try:
        gate.pass_through(order.key)
        stem_format = StemFormat(settings.format, settings.bit_depth)
        wanted = settings.folder / expand(settings.pattern, order.source, order.album, settings.model, settings.format)
        song = Song(order.source, free_folder(wanted, order.source))
        batch = Batch([song], find_model(settings.model), settings.targets, stem_format, reporter.show)
        summary = batch.run()
    except CancelledError:
        connection.send(Cancelled(order.key))
    except (AudioFileError, PluginError) as error:
        connection.send(Failed(order.key, str(error)))
    except OSError as error:
        connection.send(
            Failed(order.key, f"{error.filename or order.source}: {(error.strerror or str(error)).lower()}")
        )
    else:
        if summary.cancelled:
            connection.send(Cancelled(order.key))
        elif not summary.failed:
            stems = tuple((name, song.folder / f"{name}.{settings.format}") for name in batch.targets)
            connection.send(Finished(order.key, song.folder, stems, reporter.clipped_samples))


class _Reporter:
    """Turns the batch's events into reports, and holds the batch where the gate is shut."""

    def __init__(self, key: int, gate: _Gate, connection: Connection) -> None:
        self.clipped_samples = 0
        self._key, self._gate, self._connection = key, gate, connection
        self._start = self._last = time.monotonic()

    def show(self, event: Event) -> None:
        match event:
            case SongStarted():
                self._start = time.monotonic()
                self._connection.send(Started(self._key, event.seconds))
            case SongProgress():
                self._start += self._gate.pass_through(self._key)
                now = time.monotonic()
                if now - self._last >= _REPORT_EVERY_S:
                    self._last = now
                    self._connection.send(Advanced(self._key, event.seconds, now - self._start))
            case SongDone():
                self.clipped_samples = sum(event.clipped_samples.values())
                self._connection.send(Advanced(self._key, event.seconds, event.elapsed_s))
            case SongFailed():
                self._connection.send(Failed(self._key, event.message))
            case SongSkipped():
                pass


class _Gate:
    """Where the separating thread waits while it is held, and learns that its song is cancelled."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held = self._all_cancelled = False
        self._cancelled: set[int] = set()

    def hold(self, held: bool) -> None:
        with self._condition:
            self._held = held
            self._condition.notify_all()

    def admit(self, key: int) -> None:
        with self._condition:
            self._cancelled.discard(key)

    def cancel(self, key: int) -> None:
        with self._condition:
            self._cancelled.add(key)
            self._condition.notify_all()

    def cancel_all(self) -> None:
        with self._condition:
            self._all_cancelled = True
            self._condition.notify_all()

    def pass_through(self, key: int) -> float:
        """Return how many seconds were spent waiting.

        Raises:
            CancelledError: The song is not wanted any more.
        """
        start = time.monotonic()
        with self._condition:
            self._condition.wait_for(lambda: not self._held or self._is_cancelled(key))
            if self._is_cancelled(key):
                raise CancelledError
        return time.monotonic() - start

    def _is_cancelled(self, key: int) -> bool:
        return self._all_cancelled or key in self._cancelled
