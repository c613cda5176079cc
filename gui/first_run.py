"""What a singer sees at the first start: three lines."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.translation import Phrases, mark
from gui.widgets.buttons import IconButton

_LINES = (
    (mark("Choose"), mark("Play music into this computer, and choose on the left where it comes from.")),
    (mark("Start"), mark("Press Start: the singer is gone, the band plays on.")),
    (mark("Sing"), mark("Take a microphone, and use the faders for singer, music and your own voice.")),
)


class FirstSteps(QFrame):
    """Explains the program in three lines; `done` tells that the user has read them."""

    done = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        title = QLabel()
        title.setProperty("role", "title")
        button = IconButton("good", mark("Got it"), "accent")
        button.clicked.connect(self.done)
        phrases = Phrases(self)
        phrases.bind(title.setText, "Sing to any song")
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(2 * GRID)
        grid.setColumnStretch(2, 1)
        for row, (word, line) in enumerate(_LINES):
            number, head, text = QLabel(str(row + 1)), QLabel(), QLabel()
            number.setProperty("role", "step")
            head.setProperty("role", "value")
            text.setProperty("role", "lead")
            text.setWordWrap(True)
            phrases.bind(head.setText, word)
            phrases.bind(text.setText, line)
            for column, label in enumerate((number, head, text)):
                grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * GRID, 4 * GRID, 4 * GRID, 4 * GRID)
        column.setSpacing(3 * GRID)
        column.addStretch()
        column.addWidget(title)
        column.addLayout(grid)
        column.addWidget(button, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addStretch()
