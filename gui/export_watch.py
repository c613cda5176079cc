"""Writes a song as it is heard into a file, and says how far that is."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from gui.engine_bridge import EngineBridge
from gui.translation import tr
from realtime.live.client import EngineSnapshot, Rendering


class ExportWatch(QObject):
    """Follows one export at a time.

    `progressed` tells a sentence while it runs, `finished` the file, `failed` why there will be none.

    Args:
        bridge: To the engine, which does it.
        parent: Who owns it.
    """

    progressed = pyqtSignal(str)
    finished = pyqtSignal(object)
    failed = pyqtSignal(str)

    def __init__(self, bridge: EngineBridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._path: Path | None = None
        self._shown: Rendering | None = None
        bridge.snapshot_changed.connect(self._look)

    def begin(self, song: Path, path: Path) -> None:
        """Write `song`, with faders and key as they are now, to `path`."""
        self._path, self._shown = path, None
        self._bridge.export(song, path)
        self._show(0.0)

    def cancel(self) -> None:
        """Give it up; nothing is left of it."""
        self._path = None
        self._bridge.cancel_export()

    def _look(self, snapshot: EngineSnapshot) -> None:
        rendering = snapshot.rendering
        if self._path is None or rendering is None or rendering == self._shown or rendering.path != str(self._path):
            return
        self._shown = rendering
        if rendering.error:
            self._path = None
            self.failed.emit(rendering.error)
        elif rendering.finished:
            path, self._path = self._path, None
            self.finished.emit(path)
        else:
            self._show(rendering.share)

    def _show(self, share: float) -> None:
        assert self._path is not None
        self.progressed.emit(tr("Exporting {name}: {share}", name=self._path.name, share=f"{share:.0%}"))
