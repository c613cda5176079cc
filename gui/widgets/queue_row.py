"""Paints one song of the queue: waveform, name, what became of it, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PyQt6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPoint, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPen
from PyQt6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QToolTip

from gui.files_words import status, subtitle, title
from gui.theme import Theme, current_theme, font
from gui.translation import mark, tr
from gui.widgets.icons import pixmap
from gui.widgets.wave_bars import paint_bars
from realtime.files.entries import Entry, SongState

ROW_HEIGHT = 64
_WAVE_WIDTH, _STATUS_WIDTH, _BUTTON = 168, 132, 32
_PITCH = 3.0


@dataclass(frozen=True)
class RowAction:
    """What can be done with a song: a name, an icon and words, in English."""

    name: str
    icon: str
    text: str


PLAY = RowAction("play", "play", mark("Play"))
CANCEL = RowAction("cancel", "close", mark("Cancel"))
RETRY = RowAction("retry", "retry", mark("Separate again"))
REVEAL = RowAction("reveal", "folder", mark("Show the stems in their folder"))
REMOVE = RowAction("remove", "remove", mark("Remove from the list"))
_ACTIONS = {
    SongState.WAITING: (PLAY, CANCEL),
    SongState.SEPARATING: (PLAY, CANCEL),
    SongState.DONE: (PLAY, REVEAL, REMOVE),
    SongState.FAILED: (RETRY, REMOVE),
    SongState.CANCELLED: (PLAY, RETRY, REMOVE),
}
_STATUS_ROLES = {SongState.DONE: "good", SongState.FAILED: "danger", SongState.SEPARATING: "text"}
_STATUS_ICONS = {SongState.DONE: "good", SongState.FAILED: "error"}


def row_actions(entry: Entry) -> tuple[RowAction, ...]:
    """Return what can be done with a song as it stands."""
    return _ACTIONS[entry.state]


class QueueRow(QStyledItemDelegate):
    """One row; `pressed` tells an action's name and the song's key.

    Args:
        view: The list it is in.
        pace: Returns the speed of separation, None while unknown, and whether the queue stands still.
    """

    pressed = pyqtSignal(str, int)

    def __init__(self, view: QAbstractItemView, pace: Callable[[], tuple[float | None, bool]]) -> None:
        super().__init__(view)
        self._view, self._pace = view, pace
        self.playing: int | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """Return the same height for all."""
        return QSize(360, ROW_HEIGHT)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint the row."""
        if painter is None:
            return
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        theme = current_theme()
        box = QRectF(option.rect)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, theme, box, hovered, selected, self._has_focus(option, index))
        self._paint_wave(painter, theme, _wave_box(box), entry)
        self._paint_words(painter, theme, box, entry)
        self._paint_status(painter, theme, box, entry)
        for action, place in _buttons(box, entry):
            self._paint_button(painter, theme, place, action, hovered or selected)
        painter.restore()

    def editorEvent(  # noqa: N802
        self,
        event: QEvent | None,
        model: QAbstractItemModel | None,
        option: QStyleOptionViewItem,
        index: QModelIndex,
    ) -> bool:
        """Do what is clicked on."""
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonRelease:
            entry: Entry = index.data(Qt.ItemDataRole.UserRole)
            action = _action_at(QRectF(option.rect), entry, event.position().toPoint())
            if action is not None and event.button() == Qt.MouseButton.LeftButton:
                self.pressed.emit(action.name, entry.key)
                return True
        return super().editorEvent(event, model, option, index)

    def helpEvent(  # noqa: N802
        self,
        event: QHelpEvent | None,
        view: QAbstractItemView | None,
        option: QStyleOptionViewItem,
        index: QModelIndex,
    ) -> bool:
        """Explain the icon under the pointer, or the row."""
        if event is not None and event.type() == QEvent.Type.ToolTip and index.isValid():
            action = _action_at(QRectF(option.rect), index.data(Qt.ItemDataRole.UserRole), event.pos())
            if action is not None:
                QToolTip.showText(event.globalPos(), tr(action.text), view)
                return True
        return super().helpEvent(event, view, option, index)

    def _has_focus(self, option: QStyleOptionViewItem, index: QModelIndex) -> bool:
        return bool(option.state & QStyle.StateFlag.State_HasFocus) and self._view.hasFocus()

    def _paint_ground(
        self, painter: QPainter, theme: Theme, box: QRectF, hovered: bool, selected: bool, focused: bool
    ) -> None:
        place = box.adjusted(4, 2, -4, -2)
        painter.setPen(QPen(theme.color("accompaniment"), 2) if focused else Qt.PenStyle.NoPen)
        ground = theme.color("raised") if selected else theme.color("hover")
        if hovered and not selected:
            ground.setAlpha(90)
        painter.setBrush(ground if selected or hovered else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), 8, 8)

    def _paint_wave(self, painter: QPainter, theme: Theme, box: QRectF, entry: Entry) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("sunken"))
        painter.drawRoundedRect(box, 6, 6)
        colors = {name: theme.color(name) for name in ("vocals", "accompaniment")} | {"mixture": theme.color("outline")}
        if not entry.waveforms:
            picture = pixmap("music", theme.outline, 18, self._ratio())
            painter.drawPixmap(box.center().toPoint() - QPoint(9, 9), picture)
            return
        inner = box.adjusted(5, 4, -5, -4)
        paint_bars(painter, inner, entry.waveforms, colors, _PITCH)
        if entry.state is SongState.SEPARATING and entry.progress > 0:
            painter.save()
            done = QRectF(inner.left(), inner.top(), inner.width() * entry.progress, inner.height())
            painter.setClipRect(done)
            paint_bars(painter, inner, entry.waveforms, {**colors, "mixture": theme.color("accompaniment")}, _PITCH)
            painter.restore()
            painter.fillRect(QRectF(done.right(), box.top(), 2, box.height()), theme.color("text"))

    def _paint_words(self, painter: QPainter, theme: Theme, box: QRectF, entry: Entry) -> None:
        left = _wave_box(box).right() + 16
        right = box.right() - 3 * _BUTTON - 24
        short = right - _STATUS_WIDTH - 8 - left
        playing = entry.key == self.playing
        for text, size, top, role, width in (
            (title(entry), 14, 11, "vocals" if playing else "text", short),
            (subtitle(entry), 12, 33, "danger" if entry.message else "muted", right - left if entry.message else short),
        ):
            painter.setFont(font(self._view.font(), size, bold=size == 14))
            painter.setPen(theme.color(role))
            line = QRectF(left, box.top() + top, width, 20)
            elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)

    def _paint_status(self, painter: QPainter, theme: Theme, box: QRectF, entry: Entry) -> None:
        speed, paused = self._pace()
        role = _STATUS_ROLES.get(entry.state, "muted")
        right = box.right() - 3 * _BUTTON - 24
        place = QRectF(right - _STATUS_WIDTH, box.top(), _STATUS_WIDTH, box.height())
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if entry.state is SongState.SEPARATING:
            painter.setFont(font(self._view.font(), 15, bold=True))
            painter.setPen(theme.color("text"))
            painter.drawText(place.adjusted(0, 11, 0, -33), align, f"{entry.progress:.0%}")
            painter.setFont(font(self._view.font(), 12))
            painter.setPen(theme.color("muted"))
            painter.drawText(place.adjusted(0, 33, 0, -11), align, status(entry, speed, paused))
            return
        painter.setFont(font(self._view.font(), 12, bold=entry.state is not SongState.WAITING))
        painter.setPen(theme.color(role))
        words = status(entry, speed, paused)
        if entry.message:  # which has the second line for itself
            place = place.adjusted(0, 11, 0, -33)
        painter.drawText(place, align, words)
        if entry.state in _STATUS_ICONS:
            wide = painter.fontMetrics().horizontalAdvance(words)
            picture = pixmap(_STATUS_ICONS[entry.state], getattr(theme, role), 16, self._ratio())
            painter.drawPixmap(QPoint(int(place.right() - wide - 22), int(place.center().y() - 8)), picture)

    def _paint_button(self, painter: QPainter, theme: Theme, place: QRectF, action: RowAction, near: bool) -> None:
        pointer = self._view.viewport().mapFromGlobal(self._view.cursor().pos())
        if place.contains(pointer.toPointF()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(place, 6, 6)
        picture = pixmap(action.icon, theme.text if near else theme.muted, 18, self._ratio())
        painter.drawPixmap((place.center().toPoint() - QPoint(9, 9)), picture)

    def _ratio(self) -> float:
        return self._view.devicePixelRatioF()


def _wave_box(box: QRectF) -> QRectF:
    return QRectF(box.left() + 16, box.top() + 11, _WAVE_WIDTH, box.height() - 22)


def _buttons(box: QRectF, entry: Entry) -> list[tuple[RowAction, QRectF]]:
    """Return what can be pressed: playing at the left of three places, all else from the right."""
    actions = row_actions(entry)
    top = box.center().y() - _BUTTON / 2
    slots = [0 if action is PLAY else 3 - len(actions) + index for index, action in enumerate(actions)]
    left = box.right() - 12 - 3 * _BUTTON
    return [
        (action, QRectF(left + slot * _BUTTON, top, _BUTTON, _BUTTON))
        for action, slot in zip(actions, slots, strict=True)
    ]


def _action_at(box: QRectF, entry: Entry, point: QPoint) -> RowAction | None:
    return next((action for action, place in _buttons(box, entry) if place.contains(point.toPointF())), None)
