"""Words in the user's language: English in the code, other languages in `translations/LANGUAGE*.json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QCoreApplication, QEvent, QLibraryInfo, QLocale, QObject, QTranslator

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = {"en": "English", "zh": "中文"}
_CONTEXT = "unsing"


def tr(text: str, **values: object) -> str:
    """Return `text` in the language of the window, its `{names}` filled in."""
    translated = QCoreApplication.translate(_CONTEXT, text)
    return translated.format(**values) if values else translated


def plural(one: str, many: str, n: int, **values: object) -> str:
    """Return `one` or `many` as fits `n`, which fills in `{n}`; in the catalogue both have their own words."""
    return tr(one if n == 1 else many, n=n, **values)


def mark(text: str) -> str:
    """Return `text` as it is, marked as one to be translated where it is shown."""
    return text


class Phrases(QObject):
    """Keeps a widget's words in the language of the window, also when that changes.

    Args:
        widget: Whose words they are.
    """

    def __init__(self, widget: QObject) -> None:
        super().__init__(widget)
        self._bound: list[tuple[Callable[[str], object], str]] = []
        widget.installEventFilter(self)

    def bind(self, setter: Callable[[str], object], text: str) -> None:
        """Call `setter` with `text` translated, now and at every change of the language."""
        self._bound.append((setter, text))
        setter(tr(text))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Say everything again when the language changes."""
        if event is not None and event.type() == QEvent.Type.LanguageChange:
            for setter, text in self._bound:
                setter(tr(text))
        return super().eventFilter(watched, event)


class Catalogue(QTranslator):
    """The words of one language, from its files.

    Args:
        language: One of `LANGUAGES`.
        parent: Who owns it.
    """

    def __init__(self, language: str, parent: QObject) -> None:
        super().__init__(parent)
        self._words: dict[str, str] = {}
        for path in sorted(FOLDER.glob(f"{language}*.json")):  # English has none: it is in the code
            self._words |= json.loads(path.read_text(encoding="utf-8"))

    def isEmpty(self) -> bool:  # noqa: N802
        """Say that there is always something to look up."""
        return False

    def translate(self, context: str | None, text: str | None, *_unused: object) -> str | None:
        """Return the word for `text`, None where there is none."""
        return self._words.get(text or "") if context == _CONTEXT else None


class Language(QObject):
    """The language of the application, one at a time.

    Args:
        app: Whose language it is.
    """

    def __init__(self, app: QCoreApplication) -> None:
        super().__init__(app)
        self._app = app
        self._installed: list[QTranslator] = []
        self.code = "en"

    def choose(self, code: str) -> None:
        """Change to a language of `LANGUAGES`, or to the system's with `"system"`; all widgets hear of it."""
        self.code = system_language() if code not in LANGUAGES else code
        for translator in self._installed:
            self._app.removeTranslator(translator)
        self._installed = [Catalogue(self.code, self)]
        dialogs = QTranslator(self)  # the words of Qt's own dialogs
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if self.code == "zh" and dialogs.load("qtbase_zh_CN", folder):
            self._installed.append(dialogs)
        for translator in self._installed:
            self._app.installTranslator(translator)


def system_language() -> str:
    """Return the language of `LANGUAGES` that the system speaks, English where it speaks another."""
    code = QLocale.system().name().split("_")[0]
    return code if code in LANGUAGES else "en"
