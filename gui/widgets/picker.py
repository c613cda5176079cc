"""A drop-down list of the house: its arrow follows the theme, the wheel does not change it by accident."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QPointF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QPen, QWheelEvent
from PyQt6.QtWidgets import QComboBox, QSizePolicy, QWidget

from gui.theme import current_theme


class Picker(QComboBox):
    """A list of choices, each with a key; `picked` tells the key when the user, not the program, chose another."""

    picked = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.activated.connect(lambda index: self.picked.emit(self.itemData(index)))

    @property
    def key(self) -> str:
        """Key of the choice; empty where there is none."""
        return self.currentData() or ""

    def set_choices(self, choices: Sequence[tuple[str, str]], key: str) -> None:
        """Offer `(key, text)` pairs, of which `key` is chosen.

        A list that is open is left alone: it would jump away under the pointer.
        """
        view = self.view()
        if view is not None and view.isVisible():
            return
        if [(self.itemData(i), self.itemText(i)) for i in range(self.count())] != list(choices):
            self.clear()
            for data, text in choices:
                self.addItem(text, data)
                self.setItemData(self.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(self.findData(key))
        self.setToolTip(self.currentText())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Let long names be cut rather than the window widened."""
        return QSize(96, super().minimumSizeHint().height())

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Leave the wheel to what scrolls."""
        if event is not None:
            event.ignore()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the arrow over the rest."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(current_theme().color("muted"), 1.6))
        x, y = self.width() - 16.0, self.height() / 2
        painter.drawPolyline([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)])
