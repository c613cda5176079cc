"""What the window remembers: placement, theme, language, view, choices; one JSON file."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, TypeVar

from PyQt6.QtCore import QObject, QStandardPaths, QTimer

_Value = TypeVar("_Value")

_SAVE_AFTER_MS = 500


class Settings(QObject):
    """Named values in a file that is written a moment after a change, beside its place and renamed when whole.

    Args:
        path: The file. One that cannot be understood is kept aside and the defaults are used.
        parent: Who owns it.

    Attributes:
        damaged: Where the file that could not be understood was kept; None where all was well.
        problem: Why the values cannot be kept; empty where they can.
    """

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self.damaged: Path | None = None
        self.problem = ""
        self._values = self._read()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_AFTER_MS)
        self._timer.timeout.connect(self.save)

    def get(self, name: str, default: _Value) -> _Value:
        """Return a value; `default` where there is none or one of another type."""
        value = self._values.get(name, default)
        return value if isinstance(value, type(default)) else default

    def put(self, name: str, value: Any) -> None:
        """Remember a value that JSON can write."""
        if self._values.get(name) != value:
            self._values[name] = value
            self._timer.start()

    def save(self) -> None:
        """Write the file now."""
        self._timer.stop()
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(self._values, indent=2, ensure_ascii=False), encoding="utf-8")
            beside.replace(self._path)
        except OSError as error:
            self.problem = f"{self._path}: {(error.strerror or str(error)).lower()}; settings are not kept"
            with contextlib.suppress(OSError):  # it may never have been made
                beside.unlink()

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.problem = f"{self._path}: {(error.strerror or str(error)).lower()}; the defaults are used"
            return {}
        except ValueError:  # not JSON, or not even text
            return self._keep_aside()
        return values if isinstance(values, dict) else self._keep_aside()

    def _keep_aside(self) -> dict[str, Any]:
        self.damaged = self._path.with_name(f"{self._path.name}.damaged")
        self._path.replace(self.damaged)
        return {}


def default_path() -> Path:
    """Return where this user's settings lie."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppConfigLocation)) / "window.json"
