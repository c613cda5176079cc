"""The window: two views, the bar above them, the menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QByteArray, QSize, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut, QShowEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from gui.appearance import Appearance
from gui.engine_bridge import EngineBridge
from gui.engine_memory import EngineMemory
from gui.export_watch import ExportWatch
from gui.live_presenter import LivePresenter, open_folder
from gui.live_view import LiveView
from gui.menu import MenuButton
from gui.settings import Settings
from gui.theme import GRID
from gui.translation import Language, mark, tr
from gui.widgets.buttons import Segments
from gui.widgets.icons import logo
from gui.widgets.notice import Notice

if TYPE_CHECKING:
    from gui.files_view import FilesView

_VIEWS = ("live", "files")
_SMALLEST = QSize(960, 560)
_USUAL = QSize(1280, 800)
_PREPARE_MS = 500


class MainWindow(QMainWindow):
    """The one window of the program.

    Args:
        settings: What is remembered.
        bridge: To the engine.
        language, appearance: What the menu changes.
    """

    def __init__(self, settings: Settings, bridge: EngineBridge, language: Language, appearance: Appearance) -> None:
        super().__init__()
        self._settings, self._bridge = settings, bridge
        self._help: Callable[[], object] = lambda: None  # what the notice's button does
        self._files_view: FilesView | None = None
        self.live_view = LiveView()
        self.presenter = LivePresenter(self.live_view, bridge, settings)
        self.presenter.recorded.connect(self._tell_recorded)
        self.notice = Notice()
        self.notice.acted.connect(lambda: self._help())
        self._export = ExportWatch(bridge, self)
        self._export.progressed.connect(lambda text: self._tell(text, "info", tr("Cancel"), self._cancel_export))
        self._export.finished.connect(self._tell_exported)
        self._export.failed.connect(lambda text: self._tell(text, "error"))
        self.menu = MenuButton(settings, bridge, language, appearance, self)
        self.segments = Segments((mark("Live"), mark("Files")))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.live_view)
        self._build()
        self.segments.chosen.connect(self._show_view)
        self._connect_keys()
        self.setWindowTitle("Unsing")
        self.setAcceptDrops(True)
        self._restore()
        self._tell_damage(settings)

    @property
    def files_view(self) -> FilesView:
        """The Files view, built when it is first wanted."""
        if self._files_view is None:
            from gui.files_view import FilesView  # heavy: the window is seen before

            self._files_view = FilesView(self._bridge, self._settings, self)
            self._files_view.notice.connect(lambda text, kind: self.notice.show_text(text, kind, brief=kind == "good"))
            self._files_view.export_requested.connect(self._export.begin)
            self._stack.addWidget(self._files_view)
        return self._files_view

    @property
    def is_separating(self) -> bool:
        """Whether songs of the queue are at work or wait for it."""
        return self._files_view is not None and self._files_view.presenter.model.overview.open > 0

    def prepare_files_view(self) -> None:
        """Build the Files view soon, so that the first drop of many songs finds it there."""
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(lambda: self.files_view)
        timer.start(_PREPARE_MS)

    def add_files(self, paths: Sequence[Path]) -> None:
        """Put songs and folders into the queue and show it."""
        self.segments.set_index(_VIEWS.index("files"))
        self.files_view.add_paths(list(paths))

    def join(self, paths: Sequence[Path]) -> None:
        """Come to the front for a later start of the program, and take its files."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        if paths:
            self.add_files(paths)

    def watch(self, memory: EngineMemory) -> None:
        """Tell why devices and faders are not what they were, or are not kept, from now on."""
        self._tell_damage(memory)
        memory.failed.connect(self._warn)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Accept files from anywhere, on anything."""
        if event is not None and (data := event.mimeData()) is not None and data.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Take what was dropped."""
        data = event.mimeData() if event is not None else None
        if event is None or data is None:
            return
        paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.add_files(paths)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Begin with the keyboard on the start button."""
        super().showEvent(event)
        if self.segments.index == 0:
            self.live_view.transport.start.setFocus()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Remember the placement and let every thread end."""
        self._settings.put("geometry", bytes(self.saveGeometry().toBase64()).decode())
        if self._files_view is not None:
            self._files_view.close_down()
        super().closeEvent(event)

    def _build(self) -> None:
        bar = QFrame()
        bar.setProperty("role", "bar")
        picture, brand = QLabel(), QLabel("Unsing")
        picture.setPixmap(logo(28, self.devicePixelRatioF()))
        brand.setProperty("role", "brand")
        left, right = QHBoxLayout(), QHBoxLayout()
        left.setSpacing(GRID)
        left.addWidget(picture)
        left.addWidget(brand)
        left.addStretch()
        right.addStretch()
        right.addWidget(self.menu)
        row = QHBoxLayout(bar)
        row.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        row.addLayout(left, 1)
        row.addWidget(self.segments)
        row.addLayout(right, 1)
        told = QVBoxLayout()
        told.setContentsMargins(2 * GRID, 0, 2 * GRID, 0)
        told.addWidget(self.notice)
        center = QWidget()
        column = QVBoxLayout(center)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (bar, self._stack):
            column.addWidget(part, int(part is self._stack))
        column.insertLayout(1, told)
        self.setCentralWidget(center)
        self.setMinimumSize(_SMALLEST)

    def _connect_keys(self) -> None:
        vocals, key = self.live_view.mixer.vocals.fader, self.live_view.mixer.key
        for keys, act in (
            ("Ctrl+1", lambda: self.segments.set_index(0)),
            ("Ctrl+2", lambda: self.segments.set_index(1)),
            ("Ctrl+O", self._choose_files),
            ("Ctrl+Up", lambda: vocals.step(1)),
            ("Ctrl+Down", lambda: vocals.step(-1)),
            ("Ctrl+Right", lambda: key.set_value(key.value + 1)),
            ("Ctrl+Left", lambda: key.set_value(key.value - 1)),
            ("F1", self.menu.show_shortcuts),
            ("Ctrl+Q", self.close),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(act)

    def _choose_files(self) -> None:
        self.segments.set_index(_VIEWS.index("files"))
        self.files_view.choose_files()

    def _show_view(self, index: int) -> None:
        self._settings.put("view", _VIEWS[index])
        self._stack.setCurrentWidget(self.live_view if index == 0 else self.files_view)

    def _restore(self) -> None:
        self.resize(_USUAL)
        geometry = QByteArray.fromBase64(self._settings.get("geometry", "").encode())
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        view = self._settings.get("view", "live")
        self.segments.set_index(_VIEWS.index(view) if view in _VIEWS else 0)

    def _tell_damage(self, kept: Settings | EngineMemory) -> None:
        text = kept.problem
        if kept.damaged is not None:
            text = tr(
                "The settings could not be read; they were kept as {path}, and this is a fresh start.",
                path=kept.damaged,
            )
        if text:
            self._warn("\n".join(filter(None, (self.notice.text, text))))

    def _warn(self, text: str) -> None:
        self._tell(text, "warning")

    def _tell(self, text: str, kind: str, action: str = "", act: Callable[[], object] = lambda: None) -> None:
        self._help = act
        self.notice.show_text(text, kind, action)

    def _tell_recorded(self, folder: str) -> None:
        self._tell(tr("Recorded: {folder}", folder=folder), "good", tr("Show folder"), lambda: open_folder(folder))

    def _tell_exported(self, path: Path) -> None:
        folder = str(path.parent)
        self._tell(tr("Exported: {path}", path=path), "good", tr("Show folder"), lambda: open_folder(folder))

    def _cancel_export(self) -> None:
        self._export.cancel()
        self.notice.clear()
