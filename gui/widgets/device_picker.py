"""A device of one kind: its name, a list to choose another from, its level."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QSize, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.theme import current_theme
from gui.translation import Phrases, tr
from gui.widgets.icons import pixmap
from gui.widgets.meter import LevelMeter
from gui.widgets.picker import Picker


class DevicePicker(QWidget):
    """Chooses one device; `picked` tells the key of the one the user chose.

    Args:
        icon_name: Name of `icons`.
        title: What it is for, in English; it is translated.
        accent: Role of the theme that colours its meter.
        parent: The widget it is in.
    """

    picked = pyqtSignal(str)

    def __init__(self, icon_name: str, title: str, accent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name, self._accent = icon_name, accent
        self._picture, caption = QLabel(), QLabel()
        caption.setProperty("role", "heading")
        self.picker, self.meter = Picker(), LevelMeter(accent, scale=True)
        self.picker.picked.connect(self.picked)
        caption.setBuddy(self.picker)
        phrases = Phrases(self)
        for setter in (caption.setText, self.picker.setAccessibleName):
            phrases.bind(setter, title)
        phrases.bind(lambda name: self.meter.setAccessibleName(tr("{name}: level", name=name)), title)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._picture)
        head.addWidget(caption, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.picker)
        column.addWidget(self.meter)
        self._paint_icon()

    def set_devices(self, devices: Sequence[tuple[str, str]], chosen: str) -> None:
        """Offer `(key, text)` pairs, of which `chosen` is the key of the one in use."""
        self.picker.set_choices(devices, chosen)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._paint_icon()

    def _paint_icon(self) -> None:
        color = getattr(current_theme(), self._accent)
        self._picture.setPixmap(pixmap(self._icon_name, color, 18, self.devicePixelRatioF()))
        self._picture.setFixedSize(QSize(18, 18))
