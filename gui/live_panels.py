"""The panels of the Live view: where the sound comes from and goes, the mixer, the transport."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.theme import GRID
from gui.translation import Phrases, mark
from gui.widgets.buttons import IconButton
from gui.widgets.channel_strip import ChannelStrip
from gui.widgets.device_picker import DevicePicker
from gui.widgets.model_picker import ModelPicker
from gui.widgets.slider import Slider
from gui.widgets.status_line import StatusLine
from gui.widgets.stepper import Stepper
from realtime.live.client import KEY_RANGE_SEMITONES, Parameters


def card(spacing: int = 2 * GRID) -> tuple[QFrame, QVBoxLayout]:
    """Return a card and the column inside it."""
    frame = QFrame()
    frame.setProperty("role", "card")
    column = QVBoxLayout(frame)
    column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
    column.setSpacing(spacing)
    return frame, column


class SourcePanel(QWidget):
    """Input, microphone, output and model."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.input = DevicePicker("music", mark("Music comes from"), "accompaniment")
        self.microphone = DevicePicker("microphone", mark("Your microphone"), "microphone")
        self.output = DevicePicker("headphones", mark("You hear it on"), "text")
        self.model = ModelPicker()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * GRID)
        devices, inside = card(spacing=12)
        for picker in (self.input, self.microphone, self.output):
            inside.addWidget(picker)
        column.addWidget(devices)
        models, inside = card()
        inside.addWidget(self.model)
        inside.addStretch()
        column.addWidget(models, 1)


class MixerPanel(QWidget):
    """Three channels, and what is done to their sound."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        usual = Parameters()
        self.vocals = ChannelStrip(mark("Vocals"), "vocals", usual.vocals_db, soloable=True)
        self.accompaniment = ChannelStrip(mark("Music"), "accompaniment", usual.accompaniment_db, soloable=True)
        self.microphone = ChannelStrip(mark("Microphone"), "microphone", usual.microphone_db, soloable=False)
        self.key = Stepper(KEY_RANGE_SEMITONES, mark("Lower key"), mark("Higher key"))
        self.reverb = Slider("microphone", round(100 * usual.reverb))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * GRID)
        mixer, inside = card()
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for strip in (self.vocals, self.accompaniment, self.microphone):
            row.addWidget(strip, 1)
        inside.addLayout(row)
        column.addWidget(mixer, 1)
        column.addWidget(self._effects())

    def _effects(self) -> QFrame:
        frame, inside = card()
        grid = QGridLayout()
        grid.setVerticalSpacing(2 * GRID)
        grid.setColumnStretch(0, 1)
        phrases = Phrases(self)
        for row, (text, widget) in enumerate(((mark("Key"), self.key), (mark("Reverb"), self.reverb))):
            label = QLabel()
            label.setProperty("role", "heading")
            phrases.bind(label.setText, text)
            phrases.bind(widget.setAccessibleName, text)
            grid.addWidget(label, row, 0)
            grid.addWidget(widget, row, 1, Qt.AlignmentFlag.AlignRight)
        phrases.bind(self.key.setToolTip, "Semitones by which the music is higher or lower")
        phrases.bind(self.reverb.setToolTip, "Room around your voice")
        inside.addLayout(grid)
        return frame


class Transport(QFrame):
    """Start, record, compare, and how it goes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "footer")
        self.start = IconButton("play", mark("Start"), "primary")
        self.record = IconButton("record", mark("Record"), "record")
        self.record.setCheckable(True)
        self.compare = IconButton("compare", mark("Hold to compare"), "compare")
        self._shown: tuple[bool, bool] | None = None
        self.status = StatusLine(5)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, 2 * GRID, 3 * GRID, 2 * GRID)
        row.setSpacing(2 * GRID)
        for widget in (self.start, self.record, self.compare):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(self.status)
        phrases = Phrases(self)
        phrases.bind(self.compare.setToolTip, "While held, the original music is heard (B)")
        phrases.bind(self.record.setToolTip, "Record mix, microphone and stems (R)")

    def set_running(self, running: bool, opening: bool) -> None:
        """Show whether music plays, or is about to."""
        state = (running, opening)
        if state == self._shown:
            return
        self._shown = state
        self.start.set_text(mark("Stop") if running else mark("Start"))
        self.start.set_icon("stop" if running else "play", "text" if running else "on_accent")
        self.start.setProperty("running", running)
        self.start.style().polish(self.start)
        for button in (self.record, self.compare):
            button.setEnabled(running and not opening)

    def set_recording(self, recording: bool) -> None:
        """Show whether a take is recorded."""
        self.record.setChecked(recording)
        self.record.set_text(mark("Recording") if recording else mark("Record"))
        self.record.set_icon("record", "on_accent" if recording else "danger")
