"""The menu: theme, language, keys, about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt6.QtCore import QEvent
from PyQt6.QtGui import QAction, QActionGroup
from PyQt6.QtWidgets import QMenu, QWidget

from gui import shortcuts
from gui.about import About
from gui.appearance import CHOICES, Appearance
from gui.engine_bridge import EngineBridge
from gui.settings import Settings
from gui.translation import LANGUAGES, Language, mark, tr
from gui.widgets.buttons import IconButton

_THEMES = dict(zip(CHOICES, (mark("Like the system"), mark("Dark"), mark("Light")), strict=True))


class MenuButton(IconButton):
    """A button that opens the menu.

    Args:
        settings: Where theme and language are remembered.
        bridge: Whose state the diagnostic report tells.
        language, appearance: What is changed.
        window: The window that its dialogs belong to.
    """

    def __init__(
        self, settings: Settings, bridge: EngineBridge, language: Language, appearance: Appearance, window: QWidget
    ) -> None:
        super().__init__("menu", mark("Menu"), "quiet", shows_text=False, parent=window)
        self._settings, self._bridge, self._window = settings, bridge, window
        self._language, self._appearance = language, appearance
        self._menu = QMenu(self)
        self.clicked.connect(self._open)
        self._fill()

    def show_shortcuts(self) -> None:
        """Show the keys."""
        from gui.files_view import FilesView  # heavy: the window is seen before

        groups = (
            (mark("Live"), shortcuts.LIVE),
            (mark("Everywhere"), shortcuts.EVERYWHERE),
            (mark("Files"), FilesView.SHORTCUTS),
            (mark("A fader that has the focus"), shortcuts.FADER),
        )
        shortcuts.ShortcutSheet(groups, self._window).exec()

    def show_about(self) -> None:
        """Show versions, licences and the diagnostic report."""
        About(self._bridge, self._window).exec()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Say everything again when the language changes."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.LanguageChange:
            self._fill()

    def _open(self) -> None:
        corner = self.rect().bottomRight()
        corner.setX(corner.x() - self._menu.sizeHint().width())
        self._menu.popup(self.mapToGlobal(corner))

    def _fill(self) -> None:
        self._menu.clear()
        theme, language = self._settings.get("theme", "system"), self._settings.get("language", "system")
        self._add_choices(tr("Theme"), [(key, tr(text)) for key, text in _THEMES.items()], theme, self._set_theme)
        languages = [("system", tr("Like the system")), *LANGUAGES.items()]
        self._add_choices(tr("Language"), languages, language, self._set_language)
        self._menu.addSeparator()
        self._add(tr("Keyboard"), self.show_shortcuts, "F1")
        self._add(tr("About Unsing"), self.show_about)
        self._menu.addSeparator()
        self._add(tr("Quit"), self._window.close, "Ctrl+Q")

    def _add(self, text: str, act: Callable[[], object], keys: str = "") -> None:
        action = self._menu.addAction(f"{text}\t{keys}" if keys else text)
        assert action is not None
        action.triggered.connect(lambda: act())

    def _add_choices(
        self, title: str, choices: Sequence[tuple[str, str]], chosen: str, choose: Callable[[str], None]
    ) -> None:
        menu = self._menu.addMenu(title)
        assert menu is not None
        group = QActionGroup(menu)
        for key, text in choices:
            action = QAction(text, menu)
            action.setCheckable(True)
            action.setChecked(key == chosen)
            action.triggered.connect(lambda _, key=key: choose(key))
            group.addAction(action)
            menu.addAction(action)

    def _set_theme(self, choice: str) -> None:
        self._settings.put("theme", choice)
        self._appearance.choose(choice)

    def _set_language(self, code: str) -> None:
        self._settings.put("language", code)
        self._language.choose(code)
