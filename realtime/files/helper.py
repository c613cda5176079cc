"""A helper process: takes orders, sends reports, is started when needed and again when it died."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from realtime.files.orders import Died, Order, Report

_NICENESS = 5  # music that plays comes first
_QUIT_S = 3.0


class Helper:
    """The window's end of a helper process.

    Args:
        module: The module whose `run(connection)` serves; it is imported over there only.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def process_id(self) -> int | None:
        """The process, None while there is none."""
        return None if self._process is None else self._process.pid

    def send(self, order: Order) -> None:
        """Give an order, to a new process if there is none."""
        if self._connection is None:
            self._start()
        with suppress(OSError):  # it just died; `reports` will say so
            self._connection.send(order)

    def reports(self, most: int) -> Iterator[Report]:
        """Yield what has come, `most` at once; `Died` is the last report of a process."""
        try:
            while most and self._connection is not None and self._connection.poll():
                most -= 1
                yield self._connection.recv()
        except (EOFError, OSError):
            self.close()
            yield Died()

    def close(self) -> None:
        """End the process; it gives up what it is doing and cleans up."""
        if self._process is None:
            return
        self._connection.close()
        self._process.join(_QUIT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = self._connection = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._module, theirs), name=self._module, daemon=True)
        self._process.start()
        theirs.close()


def _serve(module: str, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the window hears Ctrl-C and closes the connection
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    with suppress(BrokenPipeError, ConnectionResetError):  # the window is gone
        importlib.import_module(module).run(connection)
