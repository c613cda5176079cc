"""A horizontal slider in per cent."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSlider, QWidget

from gui.theme import current_theme, font

_KNOB = 16
_TEXT_WIDTH = 44


class Slider(QSlider):
    """A slider from 0 to 100 % with its value written beside; a double-click resets it.

    Args:
        accent: Role of the theme it is coloured by.
        default: Where a double-click puts it.
        parent: The widget it is in.
    """

    def __init__(self, accent: str, default: int, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._accent, self._default = accent, default
        self.setRange(0, 100)
        self.setPageStep(10)
        self.setSingleStep(1)
        self.setFixedSize(176, 24)
        self.setValue(default)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return its one size."""
        return QSize(176, 24)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Jump to where it was pressed."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._drag_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Drag."""
        if event is not None and self.isSliderDown():
            self._drag_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Let go."""
        self.setSliderDown(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Reset."""
        self.setValue(self._default)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint track, knob and value."""
        theme = current_theme()
        accent = theme.color(self._accent if self.isEnabled() else "muted")
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, left, right = self.height() / 2, _KNOB / 2 + 1, self._right()
        at = left + (right - left) * self.value() / 100
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        painter.drawRoundedRect(QRectF(left, middle - 3, right - left, 6), 3, 3)
        painter.setBrush(accent)
        painter.drawRoundedRect(QRectF(left, middle - 3, at - left, 6), 3, 3)
        painter.setBrush(theme.color("raised"))
        painter.setPen(QPen(accent if self.hasFocus() else theme.color("outline"), 2 if self.hasFocus() else 1))
        painter.drawEllipse(QPointF(at, middle), _KNOB / 2, _KNOB / 2)
        painter.setPen(theme.color("text"))
        painter.setFont(font(self.font(), 12))
        box = QRectF(self.width() - _TEXT_WIDTH, 0, _TEXT_WIDTH, self.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{self.value()} %")

    def _right(self) -> float:
        return self.width() - _TEXT_WIDTH - _KNOB / 2

    def _drag_to(self, x: float) -> None:
        left = _KNOB / 2 + 1
        self.setValue(round(100 * min(max((x - left) / (self._right() - left), 0.0), 1.0)))
