"""What the program is, on what terms, and a report for those who help with a problem."""

from __future__ import annotations

import dataclasses
import platform
from importlib import metadata

from PyQt6.QtCore import PYQT_VERSION_STR, QT_VERSION_STR
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from gui.engine_bridge import EngineBridge
from gui.theme import GRID
from gui.translation import mark, tr
from gui.widgets.buttons import IconButton
from gui.widgets.icons import logo
from realtime.live.client import messages

_LIBRARIES = ("PyQt6", "numpy", "onnxruntime", "sounddevice", "soundfile", "av", "soxr", "pedalboard")


class About(QDialog):
    """Shows versions, licences and a report that can be copied.

    Args:
        bridge: Whose state the report tells.
        parent: The window.
    """

    def __init__(self, bridge: EngineBridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("About Unsing"))
        self._report = report(bridge)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 3 * GRID)
        column.setSpacing(2 * GRID)
        column.addLayout(self._head())
        terms = QLabel(
            tr(
                "Unsing is free software under the MIT licence. With PyQt6, Qt and pedalboard it is passed on under "
                "the GPL, version 3. Every model has terms of its own; its card in the Live view tells them."
            )
        )
        terms.setWordWrap(True)
        column.addWidget(terms)
        caption = QLabel(tr("Diagnostic report"))
        caption.setProperty("role", "heading")
        text = QPlainTextEdit(self._report)
        text.setReadOnly(True)
        text.setAccessibleName(caption.text())
        column.addWidget(caption)
        column.addWidget(text, 1)
        column.addLayout(self._buttons())
        self.resize(640, 560)

    def _head(self) -> QHBoxLayout:
        picture, title = QLabel(), QLabel("Unsing")
        picture.setPixmap(logo(48, self.devicePixelRatioF()))
        title.setProperty("role", "title")
        line = QLabel(tr("Takes the singer out of music. Version {version}", version=version("unsing")))
        line.setProperty("role", "caption")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(title)
        words.addWidget(line)
        row = QHBoxLayout()
        row.setSpacing(2 * GRID)
        row.addWidget(picture)
        row.addLayout(words, 1)
        return row

    def _buttons(self) -> QHBoxLayout:
        copy, close = IconButton("export", mark("Copy the report"), "accent"), IconButton("close", mark("Close"))
        copy.clicked.connect(self._copy)
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(copy)
        row.addWidget(close)
        return row

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._report)


def version(name: str) -> str:
    """Return the version of an installed package, in words where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def report(bridge: EngineBridge) -> str:
    """Return what someone who helps wants to know, one fact a line, in English."""
    lines = [f"unsing {version('unsing')}", f"{platform.platform()}, Python {platform.python_version()}"]
    lines.append(f"Qt {QT_VERSION_STR}, PyQt {PYQT_VERSION_STR}, {QGuiApplication.platformName()}")
    lines += [f"{name} {version(name)}" for name in _LIBRARIES]
    for screen in QGuiApplication.screens():
        size = screen.size()
        lines.append(f"screen {size.width()} x {size.height()} at {screen.devicePixelRatio():g}")
    for title, value in (("settings", bridge.settings), ("parameters", bridge.parameters), ("engine", bridge.snapshot)):
        lines += ["", f"[{title}]"]
        lines += [f"{field.name} = {getattr(value, field.name)}" for field in dataclasses.fields(value)]
    for question in (messages.Devices, messages.Models):
        content = bridge.answer(question)
        lines += ["", f"[{question.__name__.lower()}]"]
        lines += [content] if isinstance(content, str) else [_line(item) for item in content or ()]
    return "\n".join(lines)


def _line(item: object) -> str:
    if isinstance(item, tuple):
        name, spec = item
        return f"{name} {spec.version}: {spec.stft}"
    return str(item)
