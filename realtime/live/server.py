"""Answers the client's messages in the audio process."""

from __future__ import annotations

import contextlib
import gc
import pickle
import queue
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from typing import Any

from realtime.catalog import shipped_models
from realtime.contract import ModelSpec
from realtime.live import messages
from realtime.live.benchmark import known_timings
from realtime.live.devices import list_devices, refresh
from realtime.live.engine import Engine
from realtime.live.errors import LiveError
from realtime.live.parameters import EngineState
from realtime.live.priority import Priority, ask_for_priority
from realtime.live.process import SNAPSHOTS_PER_S
from realtime.live.scope import Scope
from realtime.plugin import PluginError, read_spec


class Server:
    """One client's engine.

    Args:
        connection: To the client.
        scope_memory: Shared with the client.
    """

    def __init__(self, connection: Connection, scope_memory: RawArray) -> None:
        self._connection = connection
        self._engine = Engine(Scope(scope_memory))
        # To wait for the connection itself with a time limit makes a selector thirty times a second.
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, name="unsing listener", daemon=True)

    def serve(self) -> None:
        """Listen and report until the client quits or is gone."""
        ask_for_priority(Priority.CONTROL)
        gc.freeze()
        self._listener.start()
        period_s = 1 / SNAPSHOTS_PER_S
        due = time.monotonic()
        try:
            while True:
                try:
                    message = self._messages.get(timeout=max(0.0, due - time.monotonic()))
                except queue.Empty:
                    self._report()
                    due = time.monotonic() + period_s
                    continue
                if isinstance(message, messages.Quit):
                    break
                self._obey(message)
        except OSError:
            pass  # the client is gone
        self._engine.stop()

    def _listen(self) -> None:
        message: Any = None
        while not isinstance(message, messages.Quit):
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                message = messages.Quit()  # the client is gone
            self._messages.put(message)

    def _report(self) -> None:
        # What `send` would do, without its way of looking for objects that belong to a process.
        self._connection.send_bytes(pickle.dumps(self._engine.snapshot()))

    def _obey(self, message: Any) -> None:
        engine = self._engine
        match message:
            case messages.Start(settings):
                engine.prepare(settings)
                self._report()
                engine.start()
            case messages.Stop():
                engine.stop()
            case messages.Set(parameters):
                engine.set(parameters)
            case messages.Load(model):
                engine.load(model)
            case messages.Record(folder):
                engine.record(folder)
            case messages.Question():
                self._connection.send(messages.Answer(message, self._answer(message)))
            case _:
                try:
                    self._steer(message)
                except LiveError as error:
                    engine.tell(error.trouble)
        self._report()

    def _steer(self, message: Any) -> None:
        song = self._engine.song
        if song is None:
            return
        match message:
            case messages.Pause(True):
                song.pause()
            case messages.Pause(False):
                song.resume()
            case messages.Seek(position_s):
                song.seek(position_s)
            case messages.Loop(None):
                song.loop(None)
            case messages.Loop((start_s, end_s)):
                song.loop(start_s, end_s)

    def _answer(self, question: messages.Question) -> Any:
        match question:
            case messages.Devices():
                try:
                    if self._engine.state in (EngineState.STOPPED, EngineState.FAILED):
                        refresh()
                    return tuple(list_devices())
                except LiveError as error:
                    return str(error)
            case messages.Models(path):
                return _models(path)
            case messages.Probe(path):
                return known_timings(path)
        raise ValueError(f"unknown question {question}")


def _models(path: str) -> tuple[tuple[str, ModelSpec], ...]:
    shipped = {model.stem: read_spec(model) for model in shipped_models()}
    if path and path not in shipped:
        with contextlib.suppress(PluginError):  # which a start will tell
            shipped[path] = read_spec(path)
    return tuple(shipped.items())
