"""The only holder of an EngineClient: polls what the engine says and tells the window what changed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from realtime.live.client import EngineClient, EngineSnapshot, EngineState, Parameters, StreamSettings, messages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_POLL_MS = 33
_DEVICES_EVERY_MS = 3000


class EngineBridge(QObject):
    """The engine as the window sees it: calls go in at once, changes come out as signals.

    The process is started by `open`, so that the window can be seen before.

    Attributes:
        settings: What the next start opens.
    """

    snapshot_changed = pyqtSignal(object)
    state_changed = pyqtSignal(object)
    playback_changed = pyqtSignal(object)
    parameters_changed = pyqtSignal(object)
    settings_changed = pyqtSignal(object)
    answered = pyqtSignal(object, object)
    """The kind of question, and the answer; only when it is another than before."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client: EngineClient | None = None
        self._snapshot = EngineSnapshot()
        self._parameters = Parameters()
        self.settings = StreamSettings()
        self._asked: set[type[messages.Question]] = set()
        self._answers: dict[type[messages.Question], Any] = {}
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(self._look)
        self._refresh = QTimer(self)
        self._refresh.setInterval(_DEVICES_EVERY_MS)
        self._refresh.timeout.connect(self._ask_for_devices)

    @property
    def snapshot(self) -> EngineSnapshot:
        """How the engine was when last looked at."""
        return self._snapshot

    @property
    def parameters(self) -> Parameters:
        """Faders and switches as they were last set."""
        return self._parameters

    @property
    def active(self) -> bool:
        """Whether the engine was started and neither stopped nor failed."""
        return self._snapshot.state not in (EngineState.STOPPED, EngineState.FAILED)

    @property
    def process_id(self) -> int | None:
        """The audio process; None before `open`."""
        return self._client.process_id if self._client else None

    def open(self) -> None:
        """Start the audio process and ask what there is."""
        self._client = EngineClient()
        self._client.set(self._parameters)
        self.ask(messages.Devices())
        self.ask(messages.Models(self.settings.model))
        self._poll.start()
        self._refresh.start()

    def close(self) -> None:
        """End the audio process."""
        self._poll.stop()
        self._refresh.stop()
        if self._client is not None:
            self._client.close()
            self._client = None

    def configure(self, **fields: Any) -> None:
        """Change fields of the `settings`; a model takes effect at once, devices with a start that follows at once."""
        changed = dataclasses.replace(self.settings, **fields)
        if changed == self.settings:
            return
        self.settings = changed
        self.settings_changed.emit(changed)
        if self.active and self._client is not None:
            if set(fields) == {"model"}:
                self._client.load(changed.model)
            else:
                self._client.start(changed)

    def start(self, song: str = "") -> None:
        """Open devices and model; a `song` is played in place of the input."""
        self.settings = dataclasses.replace(self.settings, song=song)
        if self._client is not None:
            self._client.start(self.settings)

    def stop(self) -> None:
        """Close the devices and end a recording."""
        if self._client is not None:
            self._client.stop()

    def change(self, **fields: Any) -> None:
        """Move faders and switches: fields of `Parameters`."""
        self.set_parameters(dataclasses.replace(self._parameters, **fields))

    def set_parameters(self, parameters: Parameters) -> None:
        """Move all faders and switches."""
        if parameters != self._parameters:
            self._parameters = parameters
            if self._client is not None:
                self._client.set(parameters)
            self.parameters_changed.emit(parameters)

    def record(self, folder: Path | None) -> None:
        """Begin a take in `folder`; None ends it."""
        if self._client is not None:
            self._client.record(folder)

    def pause(self, paused: bool) -> None:
        """Hold the song, or let it go on."""
        if self._client is not None:
            self._client.pause(paused)

    def seek(self, position_s: float) -> None:
        """Go to a place in the song."""
        if self._client is not None:
            self._client.seek(position_s)

    def loop(self, span_s: tuple[float, float] | None) -> None:
        """Repeat a part of the song; None ends that."""
        if self._client is not None:
            self._client.loop(span_s)

    def export(self, song: Path, path: Path) -> None:
        """Write a song as it is heard now into a file; the snapshot's `rendering` tells how far it is."""
        if self._client is not None:
            self._client.export(song, self.settings.model, self._parameters, path)

    def cancel_export(self) -> None:
        """End the export; nothing is left of it."""
        if self._client is not None:
            self._client.cancel_export()

    def ask(self, question: messages.Question) -> None:
        """Ask for a list; `answered` tells it when it has come."""
        if self._client is not None:
            self._asked.add(type(question))
            self._client.ask(question)

    def answer(self, question: type[messages.Question]) -> Any | None:
        """Return the last answer to a kind of question; None before there was one."""
        return self._answers.get(question)

    def scope(self, since: int) -> tuple[NDArray[np.float32], int] | None:
        """Return mixture and result after the count `since`, `(2, n)`, and the count now; None before `open`."""
        return self._client.scope(since) if self._client else None

    def _look(self) -> None:
        assert self._client is not None  # the timer runs between `open` and `close` only
        before, self._snapshot = self._snapshot, self._client.snapshot()
        if self._snapshot.state is not before.state:
            self.state_changed.emit(self._snapshot.state)
        if self._snapshot.playback != before.playback:
            self.playback_changed.emit(self._snapshot.playback)
        if self._snapshot != before:
            self.snapshot_changed.emit(self._snapshot)
        for question in tuple(self._asked):
            self._take_answer(self._client, question)

    def _take_answer(self, client: EngineClient, question: type[messages.Question]) -> None:
        content = client.answer(question)
        if content is None:
            return
        self._asked.discard(question)
        if content != self._answers.get(question):
            self._answers[question] = content
            self.answered.emit(question, content)

    def _ask_for_devices(self) -> None:
        """Follow devices that come and go; while audio runs the list would disturb it."""
        if not self.active:
            self.ask(messages.Devices())
