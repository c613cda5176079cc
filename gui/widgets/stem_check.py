"""A check box in the colour of a stem."""

from __future__ import annotations

from PyQt6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QCheckBox, QWidget

from gui.theme import current_theme

_BOX, _GAP = 18, 10


class StemCheck(QCheckBox):
    """Says whether a stem is written.

    Args:
        accent: Role of the theme it is coloured by.
        parent: The widget it is in.
    """

    def __init__(self, accent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._accent = accent
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the room for box and words."""
        return QSize(_BOX + _GAP + self.fontMetrics().horizontalAdvance(self.text()) + 8, 28)

    def hitButton(self, position: QPoint) -> bool:  # noqa: N802
        """Take a press anywhere."""
        return self.rect().contains(position)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the box, filled where it is on, and the words."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(2, (self.height() - _BOX) / 2, _BOX, _BOX)
        on = self.isChecked()
        edge = "text" if self.hasFocus() else self._accent if on else "outline"
        painter.setPen(QPen(theme.color(edge), 2))
        painter.setBrush(theme.color(self._accent) if on else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 5, 5)
        if on:
            painter.setPen(QPen(theme.color("on_accent"), 2.2))
            x, y = box.left(), box.top()
            painter.drawPolyline([QPointF(x + 4.5, y + 9.5), QPointF(x + 7.8, y + 12.8), QPointF(x + 13.5, y + 5.8)])
        painter.setPen(theme.color("text" if self.isEnabled() else "muted"))
        words = QRectF(self.rect()).adjusted(_BOX + _GAP, 0, 0, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.text())
