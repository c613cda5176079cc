"""The list of songs: keys, context menu, dragging rows to another place."""

from __future__ import annotations

from PyQt6.QtCore import QModelIndex, QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QKeySequence, QResizeEvent
from PyQt6.QtWidgets import QAbstractItemView, QListView, QMenu, QWidget

from gui.translation import Phrases, mark, tr
from gui.widgets.queue_row import CANCEL, PLAY, REMOVE, RETRY, REVEAL, ROW_HEIGHT, row_actions
from realtime.files.entries import Entry

UP, DOWN = "up", "down"
_KEYS = {PLAY.name: "Return", CANCEL.name: "Del", RETRY.name: "F5", REVEAL.name: "Ctrl+E", REMOVE.name: "Del"}
_MOVES = ((UP, mark("Move up"), "Alt+Up"), (DOWN, mark("Move down"), "Alt+Down"))


class QueueList(QListView):
    """Songs; `acted` tells the name of an action and the key of a song, `shown` that other rows came into view."""

    acted = pyqtSignal(str, int)
    shown = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDropIndicatorShown(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(ROW_HEIGHT // 2)
        self.verticalScrollBar().valueChanged.connect(self.shown)
        self.doubleClicked.connect(lambda index: self._act(PLAY.name, index.data(Qt.ItemDataRole.UserRole)))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        Phrases(self).bind(self.setAccessibleName, "Songs")

    def selected(self) -> list[Entry]:
        """Return the songs that are selected, first to last."""
        indexes = sorted(self.selectedIndexes(), key=QModelIndex.row)
        return [index.data(Qt.ItemDataRole.UserRole) for index in indexes]

    def visible(self) -> list[Entry]:
        """Return the songs in view."""
        model, viewport = self.model(), self.viewport()
        if model is None or viewport is None or not model.rowCount():
            return []
        first = self.indexAt(QPoint(8, 1)).row()
        last = self.indexAt(QPoint(8, viewport.height() - 2)).row()
        rows = range(max(first, 0), (last if last >= 0 else model.rowCount() - 1) + 1)
        return [model.index(row, 0).data(Qt.ItemDataRole.UserRole) for row in rows]

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Tell that more or less is in view."""
        super().resizeEvent(event)
        self.shown.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Act on the selected songs."""
        if event is None:
            return
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._act_on_selected(PLAY.name)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            for entry in self.selected():
                self._act(CANCEL.name if entry.is_open else REMOVE.name, entry)
        elif key == Qt.Key.Key_F5:
            self._act_on_selected(RETRY.name)
        elif key == Qt.Key.Key_E and control:
            self._act_on_selected(REVEAL.name)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._move(up=key == Qt.Key.Key_Up)
        elif key == Qt.Key.Key_Space:
            event.ignore()  # the player's
        else:
            super().keyPressEvent(event)

    def _act_on_selected(self, name: str) -> None:
        """Do with all selected songs what can be done with them; only one can be played."""
        entries = [entry for entry in self.selected() if name in {action.name for action in row_actions(entry)}]
        for entry in entries[:1] if name == PLAY.name else entries:
            self.acted.emit(name, entry.key)

    def _act(self, name: str, entry: Entry) -> None:
        if name in {action.name for action in row_actions(entry)}:
            self.acted.emit(name, entry.key)

    def _move(self, up: bool) -> None:
        entries = self.selected()
        for entry in entries if up else reversed(entries):
            self.acted.emit(UP if up else DOWN, entry.key)

    def _open_menu(self, point: QPoint) -> None:
        index = self.indexAt(point)
        if index.isValid():
            menu = self.menu(index.data(Qt.ItemDataRole.UserRole))
            menu.popup(self.viewport().mapToGlobal(point))

    def menu(self, entry: Entry) -> QMenu:
        """Return the menu of a song."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        items = [(action.name, action.text, _KEYS[action.name]) for action in row_actions(entry)]
        for name, text, keys in (*items, *_MOVES):
            if name == UP:
                menu.addSeparator()
            action = menu.addAction(tr(text))
            assert action is not None  # made a line above
            action.setShortcut(QKeySequence(keys))
            action.setShortcutVisibleInContextMenu(True)
            action.triggered.connect(lambda _=False, name=name: self.acted.emit(name, entry.key))
        return menu
