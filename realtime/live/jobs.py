"""Work that takes long and must not disturb the music: in a process of its own, beside the audio process."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any

from realtime.live.parameters import Parameters

_NICENESS = 5


class Job:
    """A function at work in another process, which is to report and to return.

    Args:
        context: To make the process.
        work: Called there with a connection to report to, then `arguments`.
        arguments: Plain values.

    Attributes:
        progress: What was reported last, 0 to 1.
        is_done: Whether it has ended.
        result: What it returned; None before, or where it failed.
        error: Why it failed, in one sentence; empty where it did not.
    """

    def __init__(self, context: SpawnContext, work: Callable[..., Any], *arguments: Any) -> None:
        self.progress, self.is_done, self.result, self.error = 0.0, False, None, ""
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, work, arguments), name="unsing-job", daemon=True)
        self._process.start()
        theirs.close()

    def look(self) -> None:
        """Take in what it said; never waits."""
        try:
            while not self.is_done and self._connection.poll():
                kind, value = self._connection.recv()
                if kind == "progress":
                    self.progress = value
                else:
                    self.is_done = True
                    setattr(self, kind, value)
        except (EOFError, OSError):
            self.is_done, self.error = True, "it ended unexpectedly; try again"

    def cancel(self) -> None:
        """End it at once."""
        self._process.terminate()
        self._process.join()
        self._connection.close()
        self.is_done = True


def _work(connection: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    import signal

    from realtime.files.errors import AudioFileError
    from realtime.live.errors import LiveError
    from realtime.plugin import PluginError

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unwinds, so that unfinished files are removed.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(1)))
    try:
        connection.send(("result", work(lambda share: connection.send(("progress", share)), *arguments)))
    except (AudioFileError, LiveError, PluginError) as error:
        connection.send(("error", str(error)))


def render(report: Callable[[float], None], song: Path, model: str, parameters: Parameters, path: Path) -> None:
    """Write a song as it would be heard; see `rendering.render_song`."""
    from realtime.live.rendering import render_song

    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    render_song(song, model, parameters, path, report)


def probe(report: Callable[[float], None], path: Path) -> tuple[Any, ...]:
    """Measure the models; see `benchmark.probe`."""
    from realtime.live.benchmark import probe

    return probe(path, report)
