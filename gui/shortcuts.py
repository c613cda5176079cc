"""The keys of the window, and the sheet that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import QDialog, QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.translation import mark, tr


@dataclass(frozen=True)
class Shortcut:
    """One line of the sheet.

    Attributes:
        keys: As `QKeySequence` reads them, or words for what has none.
        text: What they do, in English; it is translated.
    """

    keys: str
    text: str


LIVE = (
    Shortcut("Space", mark("Start or stop")),
    Shortcut("R", mark("Record, or end the recording")),
    Shortcut("B", mark("Hear the original while held")),
    Shortcut("Ctrl+Up", mark("Vocals louder")),
    Shortcut("Ctrl+Down", mark("Vocals softer")),
    Shortcut("Ctrl+Right", mark("Key higher")),
    Shortcut("Ctrl+Left", mark("Key lower")),
)
FADER = (
    Shortcut("Up", mark("1 dB louder; with Shift a tenth of it")),
    Shortcut("Down", mark("1 dB softer; with Shift a tenth of it")),
    Shortcut("PgUp", mark("6 dB louder")),
    Shortcut("PgDown", mark("6 dB softer")),
    Shortcut("Home", mark("Full")),
    Shortcut("End", mark("Silent")),
    Shortcut("Del", mark("Put back, as by a double-click")),
)
EVERYWHERE = (
    Shortcut("Ctrl+1", mark("Live")),
    Shortcut("Ctrl+2", mark("Files")),
    Shortcut("Ctrl+O", mark("Add files")),
    Shortcut("Tab", mark("Next control")),
    Shortcut("F1", mark("This sheet")),
    Shortcut("Ctrl+Q", mark("Quit")),
)


class ShortcutSheet(QDialog):
    """Shows all keys.

    Args:
        groups: Titles, in English, with their shortcuts.
        parent: The window.
    """

    def __init__(self, groups: Sequence[tuple[str, Sequence[Shortcut]]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard"))
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 3 * GRID)
        grid.setHorizontalSpacing(3 * GRID)
        grid.setVerticalSpacing(GRID)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(4, 1)
        grid.setColumnMinimumWidth(2, 2 * GRID)
        rows = [0, 0]
        for title, shortcuts in groups:
            side = rows.index(min(rows))
            rows[side] = self._fill(grid, rows[side], 3 * side, title, shortcuts)
        grid.setRowStretch(max(rows), 1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        self.resize(max(720, inside.sizeHint().width() + 16), min(720, inside.sizeHint().height() + 4))

    @staticmethod
    def _fill(grid: QGridLayout, row: int, column: int, title: str, shortcuts: Sequence[Shortcut]) -> int:
        heading = QLabel(tr(title))
        heading.setProperty("role", "heading")
        grid.addWidget(heading, row, column, 1, 2)
        for shortcut in shortcuts:
            row += 1
            sequence = QKeySequence(shortcut.keys)
            keys = QLabel(sequence.toString(QKeySequence.SequenceFormat.NativeText) or shortcut.keys)
            keys.setProperty("role", "key")
            text = QLabel(tr(shortcut.text))
            text.setAccessibleName(f"{keys.text()}: {text.text()}")
            grid.addWidget(keys, row, column)
            grid.addWidget(text, row, column + 1)
        grid.setRowMinimumHeight(row + 1, 2 * GRID)
        return row + 2
