"""A vertical fader in dB, from silence to a little above unity."""

from __future__ import annotations

import math

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PyQt6.QtWidgets import QSlider, QWidget

from gui.theme import Theme, current_theme, font
from gui.translation import tr
from gui.widgets.decibels import FLOOR_DB, db_at, position_of, write_db, write_mark

_STEPS_PER_DB = 10
_CLOSED = round(FLOOR_DB * _STEPS_PER_DB) - 1
_MARKS_DB = (6, 0, -6, -12, -24, -40)
_KNOB = QSize(36, 20)
_SCALE_WIDTH = 26
_ENTRY_DB = -30.0
_UNITY_PULL_DB = 0.6  # dragging near 0 dB lands on it


class Fader(QSlider):
    """A fader; double-click resets it, wheel and arrows move it by 1 dB, with Shift by 0.1 dB, Page keys by 6 dB.

    It is a slider to screen readers. `value_changed` tells dB, and only what really changed.

    Args:
        accent: Role of the theme it is coloured by, such as `"vocals"`.
        default_db: Where a double-click puts it.
        top_db: Where it ends.
        parent: The widget it is in.
    """

    value_changed = pyqtSignal(float)

    def __init__(self, accent: str, default_db: float, top_db: float = 6.0, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._accent, self._default_db, self._top_db = accent, default_db, top_db
        self._grip: float | None = None
        self.setRange(_CLOSED, round(top_db * _STEPS_PER_DB))
        self.setMinimumSize(72, 136)
        self.setMouseTracking(True)
        self.valueChanged.connect(self._tell)
        self.set_value_db(default_db)
        self._describe()

    @property
    def value_db(self) -> float:
        """Where it stands, in dB."""
        return -math.inf if self.value() == _CLOSED else self.value() / _STEPS_PER_DB

    def set_value_db(self, db: float) -> None:
        """Move it to `db`."""
        self.setValue(_CLOSED if db < FLOOR_DB else round(db * _STEPS_PER_DB))

    def reset(self) -> None:
        """Move it to where it belongs."""
        self.set_value_db(self._default_db)

    def step(self, db: float) -> None:
        """Move it by `db`; from silence upwards it comes in where it can be heard."""
        if math.isinf(self.value_db):
            self.set_value_db(_ENTRY_DB if db > 0 else -math.inf)
        else:
            self.set_value_db(min(self.value_db + db, self._top_db))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a height that leaves a millimetre for a dB."""
        return QSize(80, 232)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Move by keys."""
        if event is None:
            return
        fine = 0.1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        steps = {
            Qt.Key.Key_Up: fine,
            Qt.Key.Key_Right: fine,
            Qt.Key.Key_Down: -fine,
            Qt.Key.Key_Left: -fine,
            Qt.Key.Key_PageUp: 6.0,
            Qt.Key.Key_PageDown: -6.0,
            Qt.Key.Key_Home: 1000.0,
            Qt.Key.Key_End: -1000.0,
        }
        key = Qt.Key(event.key())
        if key in steps:
            self.step(steps[key])
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.reset()
        else:
            event.ignore()  # the window may have a use for it

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Move by the wheel."""
        if event is not None:
            fine = 0.1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            turned = event.angleDelta().y() or event.angleDelta().x()
            self.step(fine * turned / 120)
            event.accept()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Take the knob, or let it jump to where the track was pressed."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self.setSliderDown(True)
        knob = self._knob()
        self._grip = event.position().y() - knob.center().y() if knob.contains(event.position()) else 0.0
        self._drag_to(event.position().y())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Drag the knob."""
        if event is not None and self._grip is not None:
            self._drag_to(event.position().y())

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Let go."""
        self._grip = None
        self.setSliderDown(False)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Reset."""
        self.reset()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint track, scale and knob."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        accent = theme.color(self._accent if self.isEnabled() else "muted")
        self._paint_scale(painter, theme)
        top, bottom, middle = self._top(), self._bottom(), self._middle()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        painter.drawRoundedRect(QRectF(middle - 3, top, 6, bottom - top), 3, 3)
        painter.setBrush(accent)
        at = self._y_of(self.value_db)
        painter.drawRoundedRect(QRectF(middle - 3, at, 6, bottom - at), 3, 3)
        self._paint_knob(painter, theme, accent)

    def _paint_scale(self, painter: QPainter, theme: Theme) -> None:
        painter.setFont(font(self.font(), 11))
        for db in _MARKS_DB:
            at = self._y_of(db)
            painter.setPen(theme.color("text" if db == 0 else "muted"))
            painter.drawText(
                QRectF(0, at - 8, _SCALE_WIDTH, 16),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                write_mark(db),
            )
            painter.setPen(QPen(theme.color("outline"), 1))
            painter.drawLine(
                QPointF(self._middle() - 14, round(at) + 0.5), QPointF(self._middle() - 8, round(at) + 0.5)
            )

    def _paint_knob(self, painter: QPainter, theme: Theme, accent: QColor) -> None:
        knob = self._knob()
        painter.setBrush(theme.color("hover" if self.underMouse() or self._grip is not None else "raised"))
        painter.setPen(QPen(accent if self.hasFocus() else theme.color("outline"), 2 if self.hasFocus() else 1))
        painter.drawRoundedRect(knob, 6, 6)
        painter.setPen(QPen(accent, 2))
        painter.drawLine(QPointF(knob.left() + 7, knob.center().y()), QPointF(knob.right() - 7, knob.center().y()))

    def _tell(self) -> None:
        self._describe()
        self.value_changed.emit(self.value_db)

    def _describe(self) -> None:
        words = tr("silent") if math.isinf(self.value_db) else tr("{db} decibels", db=write_db(self.value_db))
        self.setAccessibleDescription(words)

    def _drag_to(self, y: float) -> None:
        y -= self._grip or 0.0
        position = min(max((self._bottom() - y) / (self._bottom() - self._top()), 0.0), 1.0)
        db = db_at(position, self._top_db)
        self.set_value_db(0.0 if abs(db) < _UNITY_PULL_DB else db)
        self.update()

    def _top(self) -> float:
        return _KNOB.height() / 2 + 1

    def _bottom(self) -> float:
        return self.height() - _KNOB.height() / 2 - 1

    def _middle(self) -> float:
        return (_SCALE_WIDTH + self.width()) / 2

    def _y_of(self, db: float) -> float:
        return self._bottom() - position_of(db, self._top_db) * (self._bottom() - self._top())

    def _knob(self) -> QRectF:
        knob = QRectF(0, 0, _KNOB.width(), _KNOB.height())
        knob.moveCenter(QPointF(self._middle(), self._y_of(self.value_db)))
        return knob
