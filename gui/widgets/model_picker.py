"""The model: a list to choose from, and what its card says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from gui.translation import Phrases
from gui.widgets.picker import Picker


@dataclass(frozen=True)
class Fact:
    """One line of a card: what it is, how much, and the whole truth on hover; all translated."""

    name: str
    value: str
    detail: str = ""


class ModelPicker(QWidget):
    """Chooses a model; `picked` tells its key."""

    picked = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        heading = QLabel()
        heading.setProperty("role", "heading")
        self.picker = Picker()
        self.picker.picked.connect(self.picked)
        heading.setBuddy(self.picker)
        phrases = Phrases(self)
        phrases.bind(heading.setText, "Model")
        phrases.bind(self.picker.setAccessibleName, "Model")
        self._facts: tuple[Fact, ...] = ()
        self._note = QLabel()
        self._note.setProperty("role", "caption")
        self._note.setWordWrap(True)
        self._note.hide()
        self._grid = QGridLayout()
        self._grid.setVerticalSpacing(4)
        self._grid.setHorizontalSpacing(16)
        self._grid.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(self.picker)
        column.addWidget(self._note)
        column.addLayout(self._grid)

    def set_models(self, models: Sequence[tuple[str, str]], chosen: str) -> None:
        """Offer `(key, text)` pairs, of which `chosen` is the key of the one in use."""
        self.picker.set_choices(models, chosen)

    @property
    def note(self) -> str:
        """The sentence below the list."""
        return self._note.text()

    def set_note(self, text: str) -> None:
        """Say one sentence, translated, about the choice; empty for none."""
        self._note.setText(text)
        self._note.setVisible(bool(text))
        self.picker.setAccessibleDescription(text)

    def set_facts(self, facts: tuple[Fact, ...]) -> None:
        """Show a card."""
        if facts == self._facts:
            return
        self._facts = facts
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for row, fact in enumerate(facts):
            name, value = QLabel(fact.name), _Elided(fact.value)
            name.setProperty("role", "caption")
            for label in (name, value):
                label.setToolTip(fact.detail)
            value.setAccessibleName(f"{fact.name}: {fact.value}")
            self._grid.addWidget(name, row, 0)
            self._grid.addWidget(value, row, 1)


class _Elided(QLabel):
    """A label that ends in dots where it does not fit."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._whole = text
        self.setMinimumWidth(32)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        """Cut the text to the width."""
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width()))
