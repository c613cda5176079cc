"""A small number with a minus and a plus."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QWidget

from gui.theme import RADIUS, current_theme, font
from gui.widgets.buttons import IconButton
from gui.widgets.decibels import write_mark


class Stepper(QWidget):
    """A whole number from `-reach` to `reach`; wheel, arrow keys and its buttons move it, a double-click makes it 0.

    Args:
        reach: How far it goes either way.
        fewer, more: What its buttons do, in English; they are translated.
        parent: The widget it is in.
    """

    value_changed = pyqtSignal(int)

    def __init__(self, reach: int, fewer: str, more: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reach, self._value = reach, 0
        self._less = IconButton("minus", fewer, shows_text=False)
        self._more = IconButton("add", more, shows_text=False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for button in (self._less, self._more):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._less.clicked.connect(lambda: self.set_value(self._value - 1))
        self._more.clicked.connect(lambda: self.set_value(self._value + 1))
        self._label = QLabel()
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._label.setMinimumWidth(40)
        self._label.setFont(font(self.font(), 15, bold=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for widget in (self._less, self._label, self._more):
            row.addWidget(widget)
        self._show()

    @property
    def value(self) -> int:
        """The number."""
        return self._value

    def set_value(self, value: int) -> None:
        """Change it, as far as it goes."""
        value = min(max(value, -self._reach), self._reach)
        if value != self._value:
            self._value = value
            self._show()
            self.value_changed.emit(value)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Move by arrow keys."""
        if event is None:
            return
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_Delete: -self._value}
        if event.key() in steps:
            self.set_value(self._value + steps[Qt.Key(event.key())])
        else:
            event.ignore()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Move by the wheel."""
        if event is not None and event.angleDelta().y():
            self.set_value(self._value + (1 if event.angleDelta().y() > 0 else -1))

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Return to 0."""
        self.set_value(0)

    def focusInEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802
        """Show the focus."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802
        """Show it no longer."""
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint a ring around the number while it has the focus."""
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(current_theme().color("accompaniment"), 2))
            painter.drawRoundedRect(QRectF(self._label.geometry()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _show(self) -> None:
        text = write_mark(self._value)
        self._label.setText(text)
        self._less.setEnabled(self._value > -self._reach)
        self._more.setEnabled(self._value < self._reach)
        self.setAccessibleDescription(text)
