"""Buttons that carry an icon in the colours of the theme, and a row of them of which one is on."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QWidget

from gui.theme import current_theme
from gui.translation import Phrases, tr
from gui.widgets.icons import icon


class IconButton(QPushButton):
    """A button with an icon, whose words also tell screen readers what it does.

    Args:
        icon_name: Name of `icons`.
        text: What it does, in English; it is translated.
        role: Its look in the style sheet: `"primary"`, `"accent"`, `"quiet"`, `"record"` or none.
        shows_text: Whether the words stand on it; else they are its tooltip.
        parent: The widget it is in.
    """

    def __init__(
        self, icon_name: str, text: str, role: str = "", shows_text: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._icon_name, self._shows_text = icon_name, shows_text
        self._ink = {"primary": "on_accent", "accent": "on_accent"}.get(role, "text")
        self.setProperty("role", role)
        self.setIconSize(QSize(24, 24) if role == "primary" else QSize(18, 18))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        if not shows_text:
            self.setFixedSize(32, 32)
            self.setStyleSheet("padding: 0;")
        self._text = text
        Phrases(self).bind(lambda _: self._say(tr(self._text)), text)
        self._paint_icon()

    def set_text(self, text: str) -> None:
        """Give it other words, in English; they are translated."""
        if text != self._text:
            self._text = text
            self._say(tr(text))

    def set_icon(self, name: str, ink: str = "text") -> None:
        """Show another icon, in the colour of a role of the theme."""
        if (name, ink) != (self._icon_name, self._ink):
            self._icon_name, self._ink = name, ink
            self._paint_icon()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._paint_icon()

    def _say(self, text: str) -> None:
        self.setAccessibleName(text)
        if self._shows_text:
            self.setText(text)
        else:
            self.setToolTip(text)

    def _paint_icon(self) -> None:
        theme = current_theme()
        self.setIcon(icon(self._icon_name, getattr(theme, self._ink), theme.muted))


class Segments(QFrame):
    """A row of choices of which one is on; `chosen` tells its index.

    Args:
        texts: The choices, in English; they are translated.
        parent: The widget it is in.
    """

    chosen = pyqtSignal(int)

    def __init__(self, texts: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "segments")
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(3, 3, 3, 3)
        row.setSpacing(4)
        phrases = Phrases(self)
        for index, text in enumerate(texts):
            button = QPushButton()
            button.setProperty("role", "segment")
            button.setCheckable(True)
            phrases.bind(button.setText, text)
            self._group.addButton(button, index)
            row.addWidget(button)
        self._group.idToggled.connect(lambda index, on: self.chosen.emit(index) if on else None)

    @property
    def index(self) -> int:
        """Which one is on; -1 for none."""
        return self._group.checkedId()

    def set_index(self, index: int) -> None:
        """Turn one on."""
        button = self._group.button(index)
        if button is not None:
            button.setChecked(True)
