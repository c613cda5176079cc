"""EngineClient: what a window or a terminal holds; it starts, watches and restarts the audio process."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.live import messages
from realtime.live.fader import gain
from realtime.live.jobs import Job, probe, render
from realtime.live.parameters import (
    KEY_RANGE_SEMITONES,
    EngineSnapshot,
    EngineState,
    LatencyPart,
    Level,
    Parameters,
    Playback,
    Problem,
    Rendering,
    StreamSettings,
    Trouble,
)
from realtime.live.scope import Scope, make_scope_memory
from realtime.live.settings import default_path, load_settings, save_settings

__all__ = [
    "KEY_RANGE_SEMITONES",
    "EngineClient",
    "EngineSnapshot",
    "EngineState",
    "LatencyPart",
    "Level",
    "Parameters",
    "Playback",
    "Problem",
    "Rendering",
    "StreamSettings",
    "default_path",
    "gain",
    "load_settings",
    "messages",
    "save_settings",
]

_HANG_S = 5.0  # longer than any load; the process speaks thirty times a second otherwise
_START_S = 60.0  # until its first word; a busy machine may take long to read all that it imports
_RETRY_S = 2.0
_QUIT_S = 5.0
# What a replacement goes through before the devices are back.
_SILENT = (EngineState.STOPPED, EngineState.LOADING, EngineState.FAILED)


class EngineClient:
    """The engine of another process, as if it were here; survives the death of that process.

    Every call returns at once. `snapshot` is to be called many times a second: it takes in what the process said, and
    sees to it that a process that died, hangs or lost its devices is replaced, with settings, parameters, recording and
    place in the song as they were. Lost devices are tried again until they are back, and told as lost meanwhile.
    """

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._scope_memory = make_scope_memory(self._context)
        self._scope = Scope(self._scope_memory)
        self._wanted: StreamSettings | None = None
        self._parameters = Parameters()
        self._recording: Path | None = None
        self._playback: Playback | None = None
        self._snapshot = EngineSnapshot()
        self._answers: dict[type, Any] = {}
        self._restarts = 0
        self._retry_at, self._is_retrying = math.inf, False
        self._notice = Trouble()
        self._render: Job | None = None
        self._render_path = Path()
        self._probe: Job | None = None
        self._process: BaseProcess
        self._connection: Connection
        self._launch()

    @property
    def process_id(self) -> int | None:
        """The audio process."""
        return self._process.pid

    def start(self, settings: StreamSettings) -> None:
        """Open devices and model and let it sound; the snapshot tells how it went."""
        self._cancel_probe()
        self._wanted, self._notice = settings, Trouble()
        self._recording = self._playback = None
        self._retry_at, self._is_retrying = math.inf, False
        self._send(messages.Set(self._parameters))
        self._send(messages.Start(settings))

    def stop(self) -> None:
        """Close the devices and end a recording."""
        self._wanted, self._recording, self._is_retrying = None, None, False
        self._send(messages.Stop())

    def set(self, parameters: Parameters) -> None:
        """Move faders and switches."""
        self._parameters = parameters
        self._send(messages.Set(parameters))

    def load(self, model: str) -> None:
        """Change to another model, without a gap if music plays."""
        if self._wanted is not None:
            self._wanted = dataclasses.replace(self._wanted, model=model)
        self._send(messages.Load(model))

    def record(self, folder: Path | None) -> None:
        """Record mix, microphone and stems into a new take in `folder`; None ends the recording."""
        self._recording = folder
        self._send(messages.Record(folder))

    def pause(self, paused: bool) -> None:
        """Hold the song, or let it go on."""
        self._send(messages.Pause(paused))

    def seek(self, position_s: float) -> None:
        """Go to a place in the song."""
        self._send(messages.Seek(position_s))

    def loop(self, span_s: tuple[float, float] | None) -> None:
        """Repeat the song from one place to another; None ends that."""
        self._send(messages.Loop(span_s))

    def export(self, song: Path, model: str, parameters: Parameters, path: Path) -> None:
        """Write a song to a file as it would be heard; the snapshot's `rendering` tells how far it is."""
        self.cancel_export()
        self._render_path = path
        self._render = Job(self._context, render, song, model, parameters, path)

    def cancel_export(self) -> None:
        """Give the export up; nothing is left of it."""
        if self._render is not None:
            self._render.cancel()
            self._render = None

    def ask(self, question: messages.Question) -> None:
        """Ask for a list; `answer` has it when it has come."""
        self._answers.pop(type(question), None)
        self._send(question)

    def answer(self, question: type[messages.Question]) -> Any | None:
        """Return the answer to the last question of this kind; None until it has come."""
        return self._answers.get(question)

    def snapshot(self) -> EngineSnapshot:
        """Return how the engine is now."""
        self._listen()
        self._watch()
        self._look_at_probe()
        told = {} if self._snapshot.message else vars(self._notice)
        return dataclasses.replace(self._snapshot, restarts=self._restarts, rendering=self._rendering(), **told)

    def scope(self, since: int) -> tuple[NDArray[np.float32], int]:
        """Return mixture and result that came after the count `since`, `(2, n)`, and the count now."""
        return self._scope.read(since)

    def close(self) -> None:
        """End the process, by force if it does not listen, and whatever else is at work."""
        self.cancel_export()
        self._cancel_probe()
        self._send(messages.Quit())
        self._process.join(_QUIT_S)
        self._kill()

    def _launch(self) -> None:
        from realtime.live.process import run  # only its name travels; the window never needs what it imports

        self._connection, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=run, args=(theirs, self._scope_memory), name="unsing-audio", daemon=True
        )
        self._process.start()
        theirs.close()
        self._heard_at, self._patience_s = time.monotonic(), _START_S

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _send(self, message: object) -> None:
        try:
            self._connection.send(message)
        except OSError:
            self._heard_at = -math.inf  # it is gone, and the watch will find so

    def _listen(self) -> None:
        try:
            while self._connection.poll():
                message = self._connection.recv()
                self._heard_at, self._patience_s = time.monotonic(), _HANG_S
                if isinstance(message, EngineSnapshot):
                    self._take_in(message)
                elif message.content is not None:
                    self._answers[type(message.question)] = message.content
                elif isinstance(message.question, messages.Probe):
                    self._measure_models(message.question.path)
        except (EOFError, OSError):
            self._heard_at = -math.inf

    def _take_in(self, snapshot: EngineSnapshot) -> None:
        if snapshot.state is EngineState.FAILED and (snapshot.lost or self._is_retrying):
            self._retry_at = min(self._retry_at, time.monotonic() + _RETRY_S)
        else:
            self._retry_at = math.inf
        if self._is_retrying and snapshot.state in _SILENT:
            return  # what was lost is still the news
        self._is_retrying = False
        if snapshot.recording:
            self._recording = Path(snapshot.recording).parent
        elif self._snapshot.recording and snapshot.state is not EngineState.FAILED:
            self._recording = None  # a start or a full disk ended it
        self._playback = snapshot.playback or self._playback
        self._snapshot = snapshot

    def _rendering(self) -> Rendering | None:
        job = self._render
        if job is None:
            return None
        job.look()
        return Rendering(str(self._render_path), job.progress, job.is_done and not job.error, job.error)

    def _measure_models(self, path: Path) -> None:
        # Beside music both would suffer, and the figures be wrong for ever.
        if self._probe is None and self._wanted is None:
            self._probe = Job(self._context, probe, path)

    def _look_at_probe(self) -> None:
        if self._probe is None:
            return
        self._probe.look()
        if self._probe.is_done:
            if self._probe.result is not None:
                self._answers[messages.Probe] = self._probe.result
            self._cancel_probe()

    def _cancel_probe(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _watch(self) -> None:
        now = time.monotonic()
        if not self._process.is_alive() or now - self._heard_at > self._patience_s:
            died = not self._process.is_alive()
            text = f"the audio engine {'stopped' if died else 'hung'} and was started again"
            self._notice = Trouble(text, Problem.ENGINE_RESTARTED)
            self._restart()
        elif self._snapshot.lost and self._wanted is not None and now > self._retry_at:
            self._restart()

    def _restart(self) -> None:
        self._kill()
        self._restarts += 1
        self._retry_at = math.inf
        self._is_retrying = self._snapshot.lost and self._wanted is not None
        if not self._is_retrying:
            self._snapshot = EngineSnapshot()
        self._launch()
        if self._wanted is not None:
            self._send(messages.Set(self._parameters))
            self._send(messages.Start(self._wanted))
            playback = self._playback
            if playback is not None and playback.song == self._wanted.song:
                self._send(messages.Loop(playback.loop))
                self._send(messages.Seek(playback.position_s))
                self._send(messages.Pause(playback.paused))
            if self._recording is not None:
                self._send(messages.Record(self._recording))
