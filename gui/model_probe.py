"""Finds out, once for every computer and model, which model suits it: while nothing else is going on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer

from gui.engine_bridge import EngineBridge
from realtime.live.client import EngineState, messages

_QUIET_MS = 3000  # the start of the program is over by then


class ModelProbe(QObject):
    """Asks the engine a while after the start, and whenever music has stopped, until there is an answer.

    Args:
        bridge: To the engine; its `answered` tells what was found.
        path: Where it is remembered.
        is_busy: Whether something else needs the processor.
    """

    def __init__(self, bridge: EngineBridge, path: Path, is_busy: Callable[[], bool]) -> None:
        super().__init__(bridge)
        self._bridge, self._path, self._is_busy = bridge, path, is_busy
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_QUIET_MS)
        self._timer.timeout.connect(self._ask)
        bridge.answered.connect(self._take_answer)
        bridge.state_changed.connect(self._follow)

    def _take_answer(self, question: type[messages.Question]) -> None:
        if question is messages.Models:
            self._timer.start()

    def _follow(self, state: EngineState) -> None:
        if state is EngineState.STOPPED and self._bridge.answer(messages.Probe) is None:
            self._timer.start()

    def _ask(self) -> None:
        if self._bridge.active:
            return
        if self._is_busy():
            self._timer.start()
        else:
            self._bridge.ask(messages.Probe(self._path))
