"""One channel of the mixer: name, fader, meter, value and solo."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.theme import font
from gui.translation import Phrases, tr
from gui.widgets.decibels import write_db
from gui.widgets.fader import Fader
from gui.widgets.meter import LevelMeter


class ChannelStrip(QWidget):
    """A fader with its meter; `solo_toggled` tells the user's wish to hear it alone.

    Args:
        title: Its name, in English; it is translated.
        accent: Role of the theme it is coloured by.
        default_db: Where a double-click puts its fader.
        soloable: Whether it has a solo button.
        parent: The widget it is in.
    """

    solo_toggled = pyqtSignal(bool)

    def __init__(
        self, title: str, accent: str, default_db: float, soloable: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.fader = Fader(accent, default_db)
        self.meter = LevelMeter(accent, Qt.Orientation.Vertical)
        self.solo = QPushButton()
        self.solo.setProperty("role", "solo")
        self.solo.setCheckable(True)
        self.solo.setVisible(soloable)
        self.solo.clicked.connect(self.solo_toggled)
        self._value = QLabel()
        self._value.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._value.setFont(font(self.font(), 15, bold=True))
        self._name(title, accent, soloable)
        self.fader.value_changed.connect(self._show_value)
        self._show_value(self.fader.value_db)

    def set_solo(self, on: bool) -> None:
        """Show whether it is heard alone."""
        self.solo.setChecked(on)

    def _name(self, title: str, accent: str, soloable: bool) -> None:
        caption = QLabel()
        caption.setProperty("role", accent)
        caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        caption.setBuddy(self.fader)
        phrases = Phrases(self)
        for setter in (caption.setText, self.fader.setAccessibleName):
            phrases.bind(setter, title)
        phrases.bind(lambda name: self.meter.setAccessibleName(tr("{name}: level", name=name)), title)
        phrases.bind(self.fader.setToolTip, "Double-click puts it back")
        phrases.bind(self.solo.setText, "Solo")
        for setter in (self.solo.setToolTip, self.solo.setAccessibleName):
            phrases.bind(lambda name, say=setter: say(tr("Hear only: {name}", name=name)), title)
        middle = QHBoxLayout()
        middle.setSpacing(4)
        middle.addStretch()
        middle.addWidget(self.fader)
        middle.addWidget(self.meter)
        middle.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(caption)
        column.addLayout(middle, 1)
        column.addWidget(self._value)
        column.addWidget(self.solo)
        if not soloable:  # so that the three faders end on one line
            policy = self.solo.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            self.solo.setSizePolicy(policy)

    def _show_value(self, db: float) -> None:
        self._value.setText(f"{write_db(db)} dB")
