"""The audio process: it does what the client says and tells it how things are."""

from __future__ import annotations

from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray

SNAPSHOTS_PER_S = 30


def run(connection: Connection, scope_memory: RawArray) -> None:
    """Serve one client until it says so or is gone (the process's entry)."""
    import signal

    # Ctrl-C in a terminal reaches the whole group; the client decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # All that is heavy is imported here, because the window's process imports this module too.
    from realtime.live.server import Server

    Server(connection, scope_memory).serve()
