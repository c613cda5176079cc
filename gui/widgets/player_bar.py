"""The player: one song with its waveform, two faders, key, loop and export."""

from __future__ import annotations

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.theme import GRID, font
from gui.translation import Phrases, mark
from gui.widgets.buttons import IconButton
from gui.widgets.clock import clock
from gui.widgets.decibels import write_db
from gui.widgets.elided import ElidedLabel
from gui.widgets.fader import Fader
from gui.widgets.stepper import Stepper
from gui.widgets.waveform import WaveformView
from realtime.live.client import KEY_RANGE_SEMITONES, Parameters

_PLAY_SIZE = 48


class PlayerBar(QFrame):
    """Everything the user can do with the song that plays; a presenter connects it.

    `toggled` tells the wish to play or to pause, `export_wanted` to keep what is heard.
    """

    toggled = pyqtSignal()
    export_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "footer")
        usual = Parameters()
        self.play = IconButton("play", "Play", "primary", shows_text=False)
        self.play.setFixedSize(_PLAY_SIZE, _PLAY_SIZE)
        self.play.setIconSize(QSize(24, 24))
        inside = _PLAY_SIZE - 4  # of its border
        self.play.setStyleSheet(
            f"min-width: {inside}px; min-height: {inside}px; padding: 0; border-radius: {_PLAY_SIZE // 2}px;"
        )
        self.title, self.caption = ElidedLabel(), ElidedLabel()
        self.time = QLabel()
        self.wave = WaveformView()
        self.vocals = Fader("vocals", usual.vocals_db)
        self.accompaniment = Fader("accompaniment", usual.accompaniment_db)
        self.key = Stepper(KEY_RANGE_SEMITONES, mark("Lower key"), mark("Higher key"))
        self.loop = IconButton("loop", "Loop")
        self.loop.setCheckable(True)
        self.export = IconButton("export", "Export")
        self.play.clicked.connect(self.toggled)
        self.export.clicked.connect(self.export_wanted)
        for fader in (self.vocals, self.accompaniment):
            fader.value_changed.connect(
                lambda _: self.wave.set_gains_db(self.vocals.value_db, self.accompaniment.value_db)
            )
        self.wave.set_gains_db(self.vocals.value_db, self.accompaniment.value_db)
        self._lay_out()
        self.set_position(0, 0)
        self.set_available(False)

    def set_available(self, available: bool) -> None:
        """Say whether there is a song to play."""
        for widget in (self.play, self.loop, self.export, self.wave):
            widget.setEnabled(available)

    def set_playing(self, playing: bool) -> None:
        """Show whether it sounds."""
        self.play.set_icon("pause" if playing else "play", "on_accent")
        self.play.set_text(mark("Pause") if playing else mark("Play"))

    def set_position(self, seconds: float, duration_s: float) -> None:
        """Show where the song is, in seconds."""
        text = f"{clock(seconds)} / {clock(duration_s)}" if duration_s else ""
        if text != self.time.text():
            self.time.setText(text)
        self.wave.set_position(seconds)

    def set_loop(self, span_s: tuple[float, float] | None) -> None:
        """Show which part is repeated."""
        self.wave.set_loop(span_s)
        self.loop.setChecked(span_s is not None)

    def _lay_out(self) -> None:
        self.title.setFont(font(self.font(), 16, bold=True))
        self.title.setProperty("role", "value")
        self.caption.setProperty("role", "caption")
        self.time.setFont(font(self.font(), 15, bold=True))
        self.time.setProperty("role", "value")
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addStretch()
        names.addWidget(self.title)
        names.addWidget(self.caption)
        names.addStretch()
        phrases = Phrases(self)
        key_name = QLabel()
        key_name.setProperty("role", "caption")
        phrases.bind(key_name.setText, "Key")
        phrases.bind(self.key.setAccessibleName, "Key")
        phrases.bind(self.wave.setAccessibleName, "Place in the song")
        phrases.bind(self.loop.setToolTip, "Repeat a part")
        phrases.bind(self.export.setToolTip, "Export what you hear")
        phrases.bind(self.wave.setToolTip, "Click to go there, drag to repeat a part")
        top = QHBoxLayout()
        top.setSpacing(2 * GRID)
        top.addWidget(self.play)
        top.addLayout(names, 1)
        top.addWidget(self.time)
        top.addSpacing(GRID)
        key = QHBoxLayout()
        key.setSpacing(GRID)
        key.addWidget(key_name)
        key.addWidget(self.key)
        top.addLayout(key)
        top.addWidget(self.loop)
        top.addWidget(self.export)
        left = QVBoxLayout()
        left.setSpacing(12)
        left.addLayout(top)
        left.addWidget(self.wave, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, 12, 2 * GRID, 12)
        row.setSpacing(2 * GRID)
        row.addLayout(left, 1)
        for title, fader in ((mark("Vocals"), self.vocals), (mark("Music"), self.accompaniment)):
            row.addLayout(_strip(phrases, title, fader))
        self.setFixedHeight(200)


def _strip(phrases: Phrases, title: str, fader: Fader) -> QVBoxLayout:
    caption, value = QLabel(), QLabel()
    caption.setProperty("role", "vocals" if title == "Vocals" else "accompaniment")
    caption.setBuddy(fader)
    value.setFont(font(value.font(), 12))
    for setter in (caption.setText, fader.setAccessibleName):
        phrases.bind(setter, title)
    phrases.bind(fader.setToolTip, "Double-click puts it back")

    def show(db: float) -> None:
        value.setText(f"{write_db(db)} dB")

    fader.value_changed.connect(show)
    show(fader.value_db)
    column = QVBoxLayout()
    column.setSpacing(4)
    for label in (caption, value):
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    column.addWidget(caption)
    column.addWidget(fader, 1, Qt.AlignmentFlag.AlignHCenter)
    column.addWidget(value)
    return column
