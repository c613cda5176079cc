"""A row of figures with their names, each explained on hover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import font


@dataclass(frozen=True)
class Figure:
    """One figure: its name, its value in words, the whole truth, and a role that colours it; all translated."""

    name: str
    value: str
    detail: str = ""
    role: str = "value"


class StatusLine(QWidget):
    """Shows figures side by side; what did not change is not touched.

    Args:
        count: How many there are.
        parent: The widget it is in.
    """

    def __init__(self, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self._blocks = [_Block() for _ in range(count)]
        for block in self._blocks:
            row.addWidget(block)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_figures(self, figures: Sequence[Figure]) -> None:
        """Show figures, as many as there are."""
        for block, figure in zip(self._blocks, figures, strict=True):
            block.set_figure(figure)


class _Block(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._figure: Figure | None = None
        self._name, self._value = QLabel(), QLabel()
        self._name.setProperty("role", "caption")
        self._value.setMinimumWidth(64)  # so that the row stands still while figures change
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # so that keys and screen readers reach what hovering tells
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._name)
        column.addWidget(self._value)

    def set_figure(self, figure: Figure) -> None:
        if figure == self._figure:
            return
        role_changed = self._figure is None or figure.role != self._figure.role
        self._figure = figure
        self._name.setText(figure.name)
        self._value.setText(figure.value)
        self.setToolTip(figure.detail)
        self.setAccessibleName(f"{figure.name}: {figure.value}")
        self.setAccessibleDescription(figure.detail)
        if role_changed:
            self._value.setProperty("role", figure.role)
            self._value.style().unpolish(self._value)
            self._value.style().polish(self._value)
            self._value.setFont(font(self.font(), 15, bold=True))
