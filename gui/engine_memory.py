"""Remembers devices, model and faders from one day to the next, where the terminal does too."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from gui.engine_bridge import EngineBridge
from realtime.live.client import load_settings, save_settings

_SAVE_AFTER_MS = 500


class EngineMemory(QObject):
    """Gives the bridge what was remembered, and remembers what changes.

    Args:
        bridge: To the engine.
        path: The file. One that makes no sense is kept aside and the defaults are used.

    Attributes:
        damaged: Where the file that made no sense was kept; None where all was well.
        problem: Why nothing can be remembered; empty where it can. `failed` tells it when it comes up later.
    """

    failed = pyqtSignal(str)

    def __init__(self, bridge: EngineBridge, path: Path) -> None:
        super().__init__(bridge)
        self._bridge, self._path = bridge, path
        self.damaged: Path | None = None
        self.problem = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_AFTER_MS)
        self._timer.timeout.connect(self.save)
        self._recall()
        bridge.settings_changed.connect(self._timer.start)
        bridge.parameters_changed.connect(self._timer.start)

    def save(self) -> None:
        """Write the file now."""
        self._timer.stop()
        settings = dataclasses.replace(self._bridge.settings, song="")
        parameters = dataclasses.replace(self._bridge.parameters, bypass=False, solo="")
        try:
            save_settings(self._path, settings, parameters)
        except OSError as error:
            self._fail(error)

    def _recall(self) -> None:
        try:
            was_there = self._path.exists()
            settings, parameters = load_settings(self._path)
        except OSError as error:
            self._fail(error)
            return
        if was_there and not self._path.exists():
            self.damaged = self._path.with_name(f"{self._path.name}.damaged")
        self._bridge.configure(**{**vars(settings), "song": ""})
        self._bridge.set_parameters(dataclasses.replace(parameters, bypass=False, solo=""))

    def _fail(self, error: OSError) -> None:
        problem = f"{self._path}: {(error.strerror or str(error)).lower()}; devices and faders are not kept"
        if problem != self.problem:
            self.problem = problem
            self.failed.emit(problem)
