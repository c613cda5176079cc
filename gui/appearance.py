"""Dresses the application in the light or the dark theme, following the system where the user wants that."""

from __future__ import annotations

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import QApplication

from gui.theme import DARK, LIGHT, Theme, base_font

CHOICES = ("system", "dark", "light")


class Appearance(QObject):
    """The theme of the application.

    Args:
        app: What is dressed.
    """

    changed = pyqtSignal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self.choice = ""
        app.setStyle("Fusion")  # the same on every system, and it obeys the palette
        app.setFont(base_font())
        self._hints = app.styleHints()
        if self._hints is not None:
            self._hints.colorSchemeChanged.connect(self._dress)

    def choose(self, choice: str) -> None:
        """Change to `"dark"`, `"light"` or `"system"`."""
        self.choice = choice if choice in CHOICES else "system"
        schemes = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}
        if self._hints is not None:  # so that the frame around the window follows
            self._hints.setColorScheme(schemes.get(self.choice, Qt.ColorScheme.Unknown))
        self._dress()

    def _dress(self) -> None:
        theme = self._theme()
        self._app.setPalette(theme.palette())
        self._app.setStyleSheet(theme.stylesheet())
        self.changed.emit()

    def _theme(self) -> Theme:
        if self.choice != "system":
            return LIGHT if self.choice == "light" else DARK
        scheme = self._hints.colorScheme() if self._hints is not None else Qt.ColorScheme.Unknown
        return LIGHT if scheme is Qt.ColorScheme.Light else DARK
