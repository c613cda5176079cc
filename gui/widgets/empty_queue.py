"""What is seen before there are songs: an invitation to drop some."""

from __future__ import annotations

import math

from PyQt6.QtCore import QEvent, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.theme import GRID, current_theme
from gui.translation import Phrases
from gui.widgets.buttons import IconButton

_BARS = 41
_PICTURE_HEIGHT = 96


class EmptyQueue(QWidget):
    """A dashed place with a picture, two lines and two buttons."""

    files_wanted = pyqtSignal()
    folder_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lifted = False
        self.files = IconButton("add", "Add songs", "accent")
        self.folder = IconButton("folder", "Add a folder")
        self.files.clicked.connect(self.files_wanted)
        self.folder.clicked.connect(self.folder_wanted)
        title, words = QLabel(), QLabel()
        title.setProperty("role", "title")
        words.setProperty("role", "caption")
        phrases = Phrases(self)
        phrases.bind(title.setText, "Drop songs here")
        phrases.bind(words.setText, "Files or whole folders. Each song becomes vocals and accompaniment.")
        words.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addStretch()
        buttons.addWidget(self.files)
        buttons.addWidget(self.folder)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        column.addStretch(2)
        column.addSpacing(_PICTURE_HEIGHT + 2 * GRID)
        for label in (title, words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addSpacing(2 * GRID)
        column.addLayout(buttons)
        column.addStretch(3)
        self._title = title

    def set_lifted(self, lifted: bool) -> None:
        """Show that songs hang over the window."""
        if lifted != self._lifted:
            self._lifted = lifted
            self.update()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the dashed edge and the two waveforms."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        pen = QPen(theme.color("accompaniment" if self._lifted else "outline"), 2 if self._lifted else 1.5)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.setBrush(theme.color("raised" if self._lifted else "surface"))
        painter.drawRoundedRect(edge, 12, 12)
        painter.setPen(Qt.PenStyle.NoPen)
        middle, base = self.width() / 2, self._title.geometry().top() - 2 * GRID - _PICTURE_HEIGHT / 2
        for index in range(_BARS):
            place = index / (_BARS - 1) * 2 - 1
            window = math.cos(place * math.pi / 2) ** 1.5
            for sign, role, wave in ((-1, "vocals", 2.3), (1, "accompaniment", 4.1)):
                height = _PICTURE_HEIGHT / 2 * window * (0.35 + 0.65 * abs(math.sin(wave * index + sign)))
                painter.setBrush(theme.color(role))
                top = base - height - 1.5 if sign < 0 else base + 1.5
                painter.drawRoundedRect(QRectF(middle + (index - _BARS // 2) * 7 - 2, top, 4, height + 1), 2, 2)
