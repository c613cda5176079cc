"""Feeds the spectrograms, sixty times a second, while music plays and they can be seen."""

from __future__ import annotations

from PyQt6.QtCore import QObject, Qt, QTimer

from gui.engine_bridge import EngineBridge
from gui.widgets.spectrogram import Spectrogram

_PERIOD_MS = 16


class ScopeFeed(QObject):
    """Moves what the engine heard and played into two spectrograms.

    Args:
        bridge: To the engine.
        mixture, result: Where it is shown.
        parent: Who owns it.
    """

    def __init__(self, bridge: EngineBridge, mixture: Spectrogram, result: Spectrogram, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge, self._mixture, self._result = bridge, mixture, result
        self._seen = 0
        self._rate = 0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_PERIOD_MS)
        self._timer.timeout.connect(self._draw)

    def set_running(self, running: bool, sample_rate: int) -> None:
        """Say whether music plays, and its rate in Hz, 0 while that is not known."""
        if sample_rate and sample_rate != self._rate:
            self._rate = sample_rate
            for picture in (self._mixture, self._result):
                picture.set_sample_rate(sample_rate)
        if running != self._timer.isActive():
            if running:
                self._timer.start()
            else:
                self._timer.stop()

    def _draw(self) -> None:
        read = self._bridge.scope(self._seen)
        if read is None:
            return
        audio, count = read
        if count < self._seen:  # a fresh audio process counts from the start
            self._seen = 0
            return
        self._seen = count
        if audio.shape[1] and self._mixture.isVisible():
            self._mixture.append(audio[0])
            self._result.append(audio[1])
