"""The queue as Qt's views see it: one row a song; a timer asks what the other processes did."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QAbstractListModel, QByteArray, QMimeData, QModelIndex, QObject, Qt, QTimer, pyqtSignal

from gui.files_words import sentence, spoken, title
from realtime.files.entries import Entry, Overview
from realtime.files.orders import OutputSettings
from realtime.files.queue import Appended, Changed, SongQueue

_POLL_MS = 50
_ROWS_TYPE = "application/x-unsing-rows"


class SongModel(QAbstractListModel):
    """The songs of the queue.

    `searched` tells the end of a search (`Searched`), `overview_changed` how the whole queue stands,
    `entry_changed` a song's key.

    Args:
        settings: How and where stems are written.
        parent: Who owns it.
    """

    searched = pyqtSignal(object)
    overview_changed = pyqtSignal(object)
    entry_changed = pyqtSignal(int)

    def __init__(self, settings: OutputSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = SongQueue(settings)
        self._keys: list[int] = []
        self._rows: dict[int, int] = {}
        self._overview = self._queue.overview()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def overview(self) -> Overview:
        """How the whole queue stands."""
        return self._overview

    @property
    def speed(self) -> float | None:
        """Seconds of audio separated in a second; None while that is unknown."""
        return self._queue.speed

    @property
    def process_id(self) -> int | None:
        """The process that separates, None while there is none."""
        return self._queue.process_id

    def set_settings(self, settings: OutputSettings) -> None:
        """Change how stems are written, for songs whose turn is to come."""
        self._queue.settings = settings

    def add(self, paths: Iterable[Path]) -> None:
        """Search files and folders for songs."""
        self._queue.add(paths)
        self._timer.start()

    def pause(self, paused: bool) -> None:
        """Let the queue stand still, or go on."""
        self._queue.pause(paused)
        self._refresh()

    def cancel(self, key: int) -> None:
        """Give a song up."""
        self._queue.cancel(key)
        self._tell(key)

    def retry(self, key: int) -> None:
        """Separate a song again."""
        self._queue.retry(key)
        self._tell(key)

    def remove(self, key: int) -> None:
        """Take a song out of the queue."""
        row = self._rows[key]
        self.beginRemoveRows(QModelIndex(), row, row)
        self._queue.remove(key)
        self._sync()
        self.endRemoveRows()
        self._refresh()

    def remove_finished(self) -> None:
        """Take out all songs that have had their turn."""
        self.beginResetModel()
        for key in [key for key in self._keys if not self._queue.entry(key).is_open]:
            self._queue.remove(key)
        self._sync()
        self.endResetModel()
        self._refresh()

    def move(self, key: int, row: int) -> None:
        """Give a song another row."""
        before = self._rows[key]
        row = min(max(row, 0), len(self._keys) - 1)
        if row == before:
            return
        self.beginMoveRows(QModelIndex(), before, before, QModelIndex(), row + 1 if row > before else row)
        self._queue.move(key, row)
        self._sync()
        self.endMoveRows()

    def look_first(self, keys: Iterable[int]) -> None:
        """Read the waveforms of these songs before others."""
        self._queue.look_first(keys)

    def entry(self, key: int) -> Entry | None:
        """Return a song as it stands; None when it is not in the queue any more."""
        return self._queue.entry(key) if key in self._rows else None

    def index_of(self, key: int) -> QModelIndex:
        """Return where a song is."""
        return self.index(self._rows[key])

    def close(self) -> None:
        """End the other processes."""
        self._timer.stop()
        self._queue.close()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        """Return the number of songs."""
        return 0 if parent.isValid() else len(self._keys)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what views ask for."""
        entry = self._queue.entry(self._keys[index.row()])
        match role:
            case Qt.ItemDataRole.UserRole:
                return entry
            case Qt.ItemDataRole.DisplayRole:
                return title(entry)
            case Qt.ItemDataRole.AccessibleTextRole:
                return spoken(entry, self.speed, self._overview.paused)
            case Qt.ItemDataRole.ToolTipRole:
                return f"{entry.source}\n{sentence(entry)}" if entry.message else str(entry.source)
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let songs be dragged, and dropped between others."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else flags | Qt.ItemFlag.ItemIsDropEnabled

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802
        """Move songs only."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:  # noqa: N802
        """Take rows of its own; files belong to the view around."""
        return [_ROWS_TYPE]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:  # noqa: N802
        """Pack the songs that are dragged."""
        data = QMimeData()
        rows = sorted(index.row() for index in indexes)
        data.setData(_ROWS_TYPE, QByteArray(" ".join(str(self._keys[row]) for row in rows).encode()))
        return data

    def dropMimeData(  # noqa: N802
        self, data: QMimeData | None, action: Qt.DropAction, row: int, column: int, parent: QModelIndex
    ) -> bool:
        """Move the songs that were dropped; False, so that Qt does not remove them where they were."""
        if data is not None and data.hasFormat(_ROWS_TYPE):
            keys = [int(key) for key in bytes(data.data(_ROWS_TYPE)).split()]
            row = len(self._keys) if row < 0 else row
            for key in keys:
                before = self._rows[key]
                self.move(key, row - 1 if before < row else row)
                row = self._rows[key] + 1
        return False

    def _poll(self) -> None:
        for change in self._queue.poll():
            match change:
                case Appended():
                    self._append()
                case Changed():
                    self._tell(change.key)
                case _:
                    self.searched.emit(change)
        self._refresh()

    def _append(self) -> None:
        before, after = len(self._keys), len(self._queue.order)
        if after > before:  # one poll may tell of several
            self.beginInsertRows(QModelIndex(), before, after - 1)
            self._sync()
            self.endInsertRows()

    def _refresh(self) -> None:
        overview = self._queue.overview()
        if overview != self._overview:
            self._overview = overview
            self.overview_changed.emit(overview)

    def _tell(self, key: int) -> None:
        if key in self._rows:
            index = self.index_of(key)
            self.dataChanged.emit(index, index)
            self.entry_changed.emit(key)

    def _sync(self) -> None:
        self._keys = list(self._queue.order)
        self._rows = {key: row for row, key in enumerate(self._keys)}
