"""A bar that says one thing and what to do about it."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QTimer, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from gui.theme import current_theme
from gui.widgets.buttons import IconButton
from gui.widgets.icons import pixmap

_ROLES = {"info": "accompaniment", "good": "good", "warning": "warning", "error": "danger"}
_BRIEF_MS = 4000


class Notice(QFrame):
    """One sentence across the window, with at most one button that helps, and one that closes it.

    `acted` tells that the helping button was pressed, `closed` that the user has seen enough of this sentence.
    """

    acted = pyqtSignal()
    closed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._kind = "info"
        self._picture = QLabel()
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._action = QPushButton()
        self._action.clicked.connect(self.acted)
        self._close = IconButton("close", "Dismiss this message", "quiet", shows_text=False)
        self._close.clicked.connect(self._dismiss)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 8, 8, 8)
        row.setSpacing(12)
        for widget in (self._picture, self._words, self._action, self._close):
            row.addWidget(widget)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty where it is not there."""
        return self._words.text()

    def show_text(self, text: str, kind: str = "info", action: str = "", brief: bool = False) -> None:
        """Say something.

        Args:
            text: One sentence, already translated.
            kind: `"info"`, `"good"`, `"warning"` or `"error"`.
            action: What the helping button does, already translated; empty for none.
            brief: Whether it goes away by itself.
        """
        if (text, kind, action) != (self.text, self._kind, self._action.text()):
            self._kind = kind
            self._words.setText(text)
            self._action.setText(action)
            self._action.setVisible(bool(action))
            self.setAccessibleName(text)
            self._paint_icon()
        self.setVisible(bool(text))
        self._timer.stop()
        if brief:
            self._timer.start(_BRIEF_MS)

    def clear(self) -> None:
        """Go away."""
        self.show_text("")

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._paint_icon()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint a strip in the colour of the kind along the left edge."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(1, 10, 4, self.height() - 20, current_theme().color(_ROLES[self._kind]))

    def _dismiss(self) -> None:
        self.clear()
        self.closed.emit()

    def _paint_icon(self) -> None:
        name = self._kind
        color = getattr(current_theme(), _ROLES[self._kind])
        self._picture.setPixmap(pixmap(name, color, 20, self.devicePixelRatioF()))
