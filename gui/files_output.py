"""The panel that says how and where stems are written."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.translation import Phrases, mark, tr
from gui.widgets.buttons import IconButton
from gui.widgets.elided import ElidedLabel
from gui.widgets.picker import Picker
from gui.widgets.stem_check import StemCheck
from realtime.files.errors import AudioFileError
from realtime.files.formats import BIT_DEPTHS, FORMATS, StemFormat
from realtime.files.orders import OutputSettings
from realtime.files.pattern import expand, pattern_problem

_STEMS = {"vocals": mark("Vocals"), "accompaniment": mark("Accompaniment")}
_EXAMPLE = (Path(mark("My Song.mp3")), Path(mark("Album")))


def depths_of(file_format: str) -> tuple[int, ...]:
    """Return the bit depths a format comes in, the best first; none for a lossy one."""
    return tuple(depth for depth in reversed(BIT_DEPTHS) if _exists(file_format, depth))


class OutputPanel(QFrame):
    """Stems, format, bit depth, model, folder and names; `changed` tells the new `OutputSettings`.

    `folder_wanted` tells that the user wants to choose another folder.
    """

    changed = pyqtSignal(object)
    folder_wanted = pyqtSignal()

    def __init__(self, settings: OutputSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._settings = settings
        self._offered: tuple[str, ...] = ("vocals", "accompaniment")
        self._models: Sequence[tuple[str, str]] = ((settings.model, settings.model),)
        self.stems: dict[str, StemCheck] = {}
        self.model, self.format, self.depth = Picker(), Picker(), Picker()
        self.folder = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self.change_folder = IconButton("folder", "Choose the folder for the stems", shows_text=False)
        self.pattern = QLineEdit()
        self.problem, self.example = QLabel(), QLabel()
        self._lay_out()
        self._connect()
        Phrases(self).bind(lambda _: self._show(), "Output")
        self.pattern.setText(settings.pattern)

    @property
    def settings(self) -> OutputSettings:
        """What is chosen."""
        return self._settings

    def set_models(self, models: Sequence[tuple[str, str]], offered: tuple[str, ...]) -> None:
        """Offer models as `(key, text)`; `offered` are the stems of the one in use."""
        self._models, self._offered = models, offered
        self._show()

    def set_folder(self, folder: Path) -> None:
        """Choose the folder."""
        self._change(folder=folder)

    def _lay_out(self) -> None:
        phrases = Phrases(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        self._column.setSpacing(GRID)
        self._head(phrases, mark("Stems"))
        self._boxes = QVBoxLayout()
        self._boxes.setSpacing(0)
        self._column.addLayout(self._boxes)
        for name, text in _STEMS.items():
            box = StemCheck(name)
            box.clicked.connect(self._take_stems)
            phrases.bind(box.setText, text)
            self.stems[name] = box
            self._boxes.addWidget(box)
        self._head(phrases, mark("Model"), self.model)
        self._column.addWidget(self.model)
        self._head(phrases, mark("Format"), self.format)
        self._column.addWidget(_side_by_side(self.format, self.depth))
        phrases.bind(self.depth.setAccessibleName, "Bit depth")
        self._head(phrases, mark("Folder"), self.change_folder)
        self._column.addWidget(_side_by_side(self.folder, self.change_folder))
        self._head(phrases, mark("Names"), self.pattern)
        self._column.addWidget(self.pattern)
        phrases.bind(self.pattern.setToolTip, "Fields: {song}, {folder}, {model}, {format}; a slash makes a folder")
        self.problem.setProperty("role", "danger")
        self.example.setProperty("role", "caption")
        for label in (self.problem, self.example):
            label.setWordWrap(True)
            self._column.addWidget(label)
        self._column.addStretch()

    def _head(self, phrases: Phrases, text: str, buddy: QWidget | None = None) -> None:
        heading = QLabel()
        heading.setProperty("role", "caption")
        phrases.bind(heading.setText, text)
        if self._column.count():
            self._column.addSpacing(GRID // 2)
        self._column.addWidget(heading)
        if buddy is not None:
            heading.setBuddy(buddy)
            if not isinstance(buddy, IconButton):
                phrases.bind(buddy.setAccessibleName, text)

    def _connect(self) -> None:
        self.model.picked.connect(lambda key: self._change(model=key))
        self.format.picked.connect(self._take_format)
        self.depth.picked.connect(lambda key: self._change(bit_depth=int(key)))
        self.change_folder.clicked.connect(self.folder_wanted)
        self.pattern.textChanged.connect(self._take_pattern)

    def _take_stems(self) -> None:
        chosen = tuple(name for name in self._offered if name in self.stems and self.stems[name].isChecked())
        if chosen:
            self._change(targets=() if chosen == self._offered else chosen)
        else:
            self._show()  # one at least is written

    def _take_format(self, name: str) -> None:
        depths = depths_of(name)
        kept = self._settings.bit_depth if self._settings.bit_depth in depths else next(iter(depths), None)
        self._change(format=name, bit_depth=kept)

    def _take_pattern(self, text: str) -> None:
        if pattern_problem(text) is None and text != self._settings.pattern:
            self._change(pattern=text)
        self._show_pattern()

    def _change(self, **fields: object) -> None:
        changed = dataclasses.replace(self._settings, **fields)
        if changed != self._settings:
            self._settings = changed
            self.changed.emit(changed)
        self._show()

    def _show(self) -> None:
        chosen = self._settings
        for name, box in self.stems.items():
            box.setVisible(name in self._offered)
            box.setChecked(not chosen.targets or name in chosen.targets)
        self.model.set_choices(self._models, chosen.model)
        self.format.set_choices([(name, name.upper()) for name in FORMATS], chosen.format)
        depths = depths_of(chosen.format)
        words = {32: tr("32-bit float"), 24: tr("24-bit"), 16: tr("16-bit")}
        choices = [(str(depth), words[depth]) for depth in depths] or [("", tr("As the format has it"))]
        self.depth.set_choices(choices, str(chosen.bit_depth or (depths[0] if depths else "")))
        self.depth.setEnabled(bool(depths))
        self.folder.set_text(str(chosen.folder))
        self._show_pattern()

    def _show_pattern(self) -> None:
        problem = pattern_problem(self.pattern.text())
        self.problem.setText(tr(problem) if problem else "")
        self.problem.setVisible(bool(problem))
        chosen = self._settings
        source, album = (Path(tr(str(part))) for part in _EXAMPLE)
        place = expand(chosen.pattern, source, album, chosen.model, chosen.format)
        stem = chosen.targets[0] if chosen.targets else self._offered[0]
        self.example.setText(tr("Such as {path}", path=f"{place.as_posix()}/{stem}.{chosen.format}"))
        self.example.setVisible(not problem)


def _exists(file_format: str, depth: int) -> bool:
    try:
        StemFormat(file_format, depth)
    except AudioFileError:
        return False
    return True


def _side_by_side(first: QWidget, second: QWidget) -> QWidget:
    pair = QWidget()
    row = QHBoxLayout(pair)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID)
    row.addWidget(first, 1)
    row.addWidget(second)
    return pair
