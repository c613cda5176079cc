"""The Files view: the queue with its output panel above, the player below; no logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from gui.engine_bridge import EngineBridge
from gui.files_output import OutputPanel
from gui.files_presenter import FilesPresenter, remembered_output
from gui.settings import Settings
from gui.shortcuts import Shortcut
from gui.theme import GRID
from gui.translation import Phrases, mark
from gui.widgets.buttons import IconButton
from gui.widgets.elided import ElidedLabel
from gui.widgets.empty_queue import EmptyQueue
from gui.widgets.player_bar import PlayerBar
from gui.widgets.queue_list import QueueList

_SIDE_WIDTH = 304
_SHORTCUTS = (
    Shortcut("Return", mark("Play the selected song")),
    Shortcut("Space", mark("Play or pause")),
    Shortcut("Del", mark("Cancel a song, or remove it from the list")),
    Shortcut("F5", mark("Separate a song again")),
    Shortcut("Ctrl+E", mark("Show the stems in their folder")),
    Shortcut("Alt+Up", mark("Move a song up")),
    Shortcut("Alt+Down", mark("Move a song down")),
    Shortcut("Ctrl+P", mark("Pause the queue, or go on")),
    Shortcut("Left", mark("5 s back in the song; with Shift 1 s")),
    Shortcut("Right", mark("5 s on in the song; with Shift 1 s")),
    Shortcut("[", mark("Repeat from here")),
    Shortcut("]", mark("Repeat up to here")),
    Shortcut("Esc", mark("Repeat no longer")),
)


class FilesView(QWidget):
    """Songs may be dropped anywhere on it; `dropped` tells their paths.

    `pause_pressed` and `play_pressed` tell the keys for the queue and the player, `notice` a sentence for the user and
    its kind, `export_requested` a song and the file that is to hold it as it is heard.

    Args:
        bridge: To the engine.
        settings: Where the output settings are remembered.
        parent: The window.
    """

    SHORTCUTS = _SHORTCUTS

    dropped = pyqtSignal(object)
    pause_pressed = pyqtSignal()
    play_pressed = pyqtSignal()
    notice = pyqtSignal(str, str)
    export_requested = pyqtSignal(object, object)

    def __init__(self, bridge: EngineBridge, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.output, self.player = OutputPanel(remembered_output(settings)), PlayerBar()
        self.songs, self.empty = QueueList(), EmptyQueue()
        self.add_files = IconButton("add", "Add songs", "accent")
        self.add_folder = IconButton("folder", "Add a folder")
        self.pause = IconButton("pause", "Pause")
        self.clear = IconButton("remove", "Clear finished")
        self.summary, self.progress = ElidedLabel(), QProgressBar()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._queue())
        body = QHBoxLayout()
        body.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        body.setSpacing(2 * GRID)
        body.addWidget(self._stack, 1)
        body.addWidget(self._scrolled(self.output))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(body, 1)
        column.addWidget(self.player)
        self.presenter = FilesPresenter(self, bridge, settings)

    def add_paths(self, paths: Sequence[Path]) -> None:
        """Put files and folders into the queue."""
        self.presenter.add(paths)

    def choose_files(self) -> None:
        """Let the user choose songs."""
        self.presenter.ask_for_files()

    def close_down(self) -> None:
        """End the helper processes; an unfinished song leaves nothing behind."""
        self.presenter.close()

    @property
    def is_empty(self) -> bool:
        """Whether the invitation is shown."""
        return self._stack.currentIndex() == 0

    def show_queue(self, shown: bool) -> None:
        """Show the queue, or the invitation to fill it."""
        if self.is_empty is shown:
            self._stack.setCurrentIndex(int(shown))
            if shown:
                self.songs.setFocus()

    def set_summary(self, text: str, progress: float) -> None:
        """Show how the whole queue stands; progress from 0 to 1."""
        self.summary.set_text(text)
        self.progress.setValue(round(1000 * progress))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Welcome files."""
        if event is not None and local_paths(event):
            event.acceptProposedAction()
            self.empty.set_lifted(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent | None) -> None:  # noqa: N802
        """See them go."""
        self.empty.set_lifted(False)

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Take them."""
        self.empty.set_lifted(False)
        if event is not None and (paths := local_paths(event)):
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Take the keys that no control wanted."""
        if event is not None and event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.play_pressed.emit()
        elif (
            event is not None
            and event.key() == Qt.Key.Key_P
            and event.modifiers() == Qt.KeyboardModifier.ControlModifier
        ):
            self.pause_pressed.emit()
        else:
            super().keyPressEvent(event)

    def _queue(self) -> QWidget:
        queue = QWidget()
        Phrases(self).bind(self.progress.setAccessibleName, "Progress of the whole queue")
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.summary.setProperty("role", "caption")
        state = QVBoxLayout()
        state.setSpacing(GRID)
        state.addStretch()
        state.addWidget(self.summary)
        state.addWidget(self.progress)
        state.addStretch()
        tools = QHBoxLayout()
        tools.setSpacing(GRID)
        tools.addWidget(self.add_files)
        tools.addWidget(self.add_folder)
        tools.addSpacing(GRID)
        tools.addLayout(state, 1)
        tools.addSpacing(GRID)
        tools.addWidget(self.pause)
        tools.addWidget(self.clear)
        column = QVBoxLayout(queue)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(tools)
        column.addWidget(self.songs, 1)
        return queue

    @staticmethod
    def _scrolled(widget: QWidget) -> QScrollArea:
        """Let a small screen scroll what a large one shows whole."""
        area = QScrollArea()
        area.setWidget(widget)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFixedWidth(_SIDE_WIDTH)
        return area


def local_paths(event: QDropEvent) -> Sequence[Path]:
    """Return the files and folders that are being dragged."""
    data = event.mimeData()
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()] if data is not None else []
