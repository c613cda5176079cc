"""The Live view: panels side by side, no logic."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from gui.first_run import FirstSteps
from gui.live_panels import MixerPanel, SourcePanel, Transport
from gui.theme import GRID
from gui.translation import Phrases
from gui.widgets.notice import Notice
from gui.widgets.spectrogram import Spectrogram

_SIDE_WIDTH = 304


class LiveView(QWidget):
    """Sources on the left, spectrograms in the middle, the mixer on the right, the transport below.

    `compare_held` tells that the key for comparing went down or up.
    """

    compare_held = pyqtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sources, self.mixer, self.transport = SourcePanel(), MixerPanel(), Transport()
        self.mixture, self.result = Spectrogram("vocals"), Spectrogram("accompaniment")
        self.notice, self.first_steps = Notice(), FirstSteps()
        phrases = Phrases(self)
        phrases.bind(self.mixture.set_caption, "The music")
        phrases.bind(self.result.set_caption, "What you hear")
        self._middle = QStackedWidget()
        self._middle.addWidget(self._pictures())
        self._middle.addWidget(self.first_steps)
        center = QVBoxLayout()
        center.setSpacing(2 * GRID)
        center.addWidget(self.notice)
        center.addWidget(self._middle, 1)
        body = QHBoxLayout()
        body.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        body.setSpacing(2 * GRID)
        body.addWidget(self._scrolled(self.sources))
        body.addLayout(center, 1)
        self.mixer.setFixedWidth(_SIDE_WIDTH)
        body.addWidget(self.mixer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(body, 1)
        column.addWidget(self.transport)

    def show_first_steps(self, shown: bool) -> None:
        """Show the three lines in place of the spectrograms, or no longer."""
        self._middle.setCurrentIndex(int(shown))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Take the plain keys that no control wanted."""
        if event is None or event.modifiers() or event.isAutoRepeat():
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_Space:
            self.transport.start.click()
        elif event.key() == Qt.Key.Key_R:
            self.transport.record.click()
        elif event.key() == Qt.Key.Key_B:
            self.compare_held.emit(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """End comparing."""
        if event is not None and event.key() == Qt.Key.Key_B and not event.isAutoRepeat():
            self.compare_held.emit(False)
        else:
            super().keyReleaseEvent(event)

    def _pictures(self) -> QWidget:
        pictures = QWidget()
        column = QVBoxLayout(pictures)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.mixture, 1)
        column.addWidget(self.result, 1)
        return pictures

    @staticmethod
    def _scrolled(widget: QWidget) -> QScrollArea:
        """Let a small screen scroll what a large one shows whole."""
        area = QScrollArea()
        area.setWidget(widget)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFixedWidth(_SIDE_WIDTH)
        return area
