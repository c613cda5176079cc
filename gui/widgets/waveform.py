"""The waveform of the song that plays: click to go there, drag to repeat a part."""

from __future__ import annotations

import math
from collections.abc import Mapping

from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap, QResizeEvent
from PyQt6.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from gui.theme import RADIUS, Theme, current_theme, font
from gui.translation import tr
from gui.widgets.clock import clock
from gui.widgets.wave_bars import paint_bars
from realtime.files.waveform import Waveform
from realtime.live.client import gain

_PITCH = 4.0
_DRAG_PX = 5
_SHORTEST_LOOP_S = 0.2
_STEP_S, _FINE_STEP_S = 5.0, 1.0
_FAINTEST = 60  # of 255, for a stem whose fader is closed
_UNPLAYED_ALPHA = 130


class WaveformView(QAbstractSlider):
    """A slider over time, to screen readers too; `sought` tells seconds, `loop_chosen` a part or None.

    Click or arrow keys move in the song; dragging, or the keys [ and ], choose a part to repeat, Escape ends that.
    """

    sought = pyqtSignal(float)
    loop_chosen = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._waveforms: Mapping[str, Waveform] = {}
        self._gains = {"vocals": 1.0, "accompaniment": 1.0}
        self._duration_s = self._position_s = 0.0
        self._loop: tuple[float, float] | None = None
        self._pressed_at: float | None = None
        self._dragged: tuple[float, float] | None = None
        self._hover_x: float | None = None
        self._picture: QPixmap | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 64)

    @property
    def loop(self) -> tuple[float, float] | None:
        """The part that is repeated, in seconds."""
        return self._loop

    def set_song(self, waveforms: Mapping[str, Waveform], duration_s: float) -> None:
        """Show a song as far as it is known; a duration of 0 shows none."""
        if waveforms is not self._waveforms or duration_s != self._duration_s:
            self._waveforms, self._duration_s = waveforms, duration_s
            self.setRange(0, round(duration_s))
            self._redraw()

    def set_position(self, seconds: float) -> None:
        """Move the line that says where the song is."""
        if seconds != self._position_s:
            self._position_s = seconds
            self.setValue(round(seconds))
            self.update()

    def set_loop(self, loop: tuple[float, float] | None) -> None:
        """Mark the part that is repeated."""
        if loop != self._loop:
            self._loop = loop
            self.update()

    def set_gains_db(self, vocals_db: float, accompaniment_db: float) -> None:
        """Fade the colours of what is turned down."""
        gains = {"vocals": gain(vocals_db), "accompaniment": gain(accompaniment_db)}
        if gains != self._gains:
            self._gains = gains
            self._redraw()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a good shape."""
        return QSize(640, 96)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._redraw()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Draw it in another size."""
        super().resizeEvent(event)
        self._redraw()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Move and repeat by keys."""
        if event is None:
            return
        step = _FINE_STEP_S if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else _STEP_S
        places = {
            Qt.Key.Key_Left: self._position_s - step,
            Qt.Key.Key_Right: self._position_s + step,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: self._duration_s,
        }
        key = event.key()
        if key in places and self._duration_s:
            self.sought.emit(min(max(places[Qt.Key(key)], 0.0), self._duration_s))
        elif key == Qt.Key.Key_BracketLeft and self._duration_s:
            self._choose(self._position_s, self._loop[1] if self._loop else self._duration_s)
        elif key == Qt.Key.Key_BracketRight and self._duration_s:
            self._choose(self._loop[0] if self._loop else 0.0, self._position_s)
        elif key == Qt.Key.Key_Escape and self._loop:
            self.loop_chosen.emit(None)
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Take hold; an edge of the loop can be moved."""
        if event is None or event.button() != Qt.MouseButton.LeftButton or not self._duration_s:
            return
        x = event.position().x()
        self._pressed_at = x
        self._dragged = None
        if self._loop:
            start, end = self._loop
            if abs(x - self._x(start)) < _DRAG_PX:
                self._pressed_at = self._x(end)
            elif abs(x - self._x(end)) < _DRAG_PX:
                self._pressed_at = self._x(start)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Show the time under the pointer, and the part being chosen."""
        if event is None:
            return
        self._hover_x = event.position().x()
        if self._pressed_at is not None and abs(self._hover_x - self._pressed_at) > _DRAG_PX:
            first, last = sorted((self._seconds(self._pressed_at), self._seconds(self._hover_x)))
            self._dragged = (first, last)
        near = self._loop and any(abs(self._hover_x - self._x(edge)) < _DRAG_PX for edge in self._loop)
        self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.PointingHandCursor)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Go there, or repeat what was dragged over."""
        if event is None or self._pressed_at is None:
            return
        dragged, self._dragged, self._pressed_at = self._dragged, None, None
        if dragged is None:
            self.sought.emit(self._seconds(event.position().x()))
        else:
            self._choose(*dragged)
        self.update()

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Forget the pointer."""
        super().leaveEvent(event)
        self._hover_x = None
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the kept picture, and over it what moves."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), RADIUS, RADIUS)
        painter.save()
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), theme.color("sunken"))
        if self._duration_s:
            painter.drawPixmap(0, 0, self._bars(theme))
            self._paint_unplayed(painter, theme)
            self._paint_loop(painter, theme)
            self._paint_moving(painter, theme)
        painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color("accompaniment"), 2) if self.hasFocus() else QPen(theme.color("line"), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def _bars(self, theme: Theme) -> QPixmap:
        if self._picture is None:
            ratio = self.devicePixelRatioF()
            self._picture = QPixmap(self.size() * ratio)
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(Qt.GlobalColor.transparent)
            colors = {"mixture": theme.color("muted")}
            for name, gain in self._gains.items():
                colors[name] = theme.color(name)
                colors[name].setAlpha(round(_FAINTEST + (255 - _FAINTEST) * min(1.0, gain)))
            painter = QPainter(self._picture)
            paint_bars(painter, QRectF(8, 8, self.width() - 16, self.height() - 16), self._waveforms, colors, _PITCH)
            painter.end()
        return self._picture

    def _paint_loop(self, painter: QPainter, theme: Theme) -> None:
        part = self._dragged or self._loop
        if part is None:
            return
        left, right = map(self._x, part)
        tint = theme.color("good")
        tint.setAlpha(40)
        painter.fillRect(QRectF(left, 0, right - left, self.height()), tint)
        painter.setFont(font(self.font(), 11, bold=True))
        for x, letter, side in ((left, "A", 1), (right, "B", -1)):
            painter.fillRect(QRectF(x - 1, 0, 2, self.height()), theme.color("good"))
            flag = QRectF(x if side > 0 else x - 16, 0, 16, 16)
            painter.fillRect(flag, theme.color("good"))
            painter.setPen(theme.color("on_accent"))
            painter.drawText(flag, Qt.AlignmentFlag.AlignCenter, letter)

    def _paint_unplayed(self, painter: QPainter, theme: Theme) -> None:
        at = self._x(self._position_s)
        veil = theme.color("sunken")
        veil.setAlpha(_UNPLAYED_ALPHA)
        painter.fillRect(QRectF(at, 0, self.width() - at, self.height()), veil)

    def _paint_moving(self, painter: QPainter, theme: Theme) -> None:
        at = self._x(self._position_s)
        painter.fillRect(QRectF(at - 1, 0, 2, self.height()), theme.color("text"))
        if self._hover_x is not None:
            line = theme.color("muted")
            painter.setPen(QPen(line, 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(self._hover_x, 0), QPointF(self._hover_x, self.height()))
            self._paint_time(painter, theme, self._hover_x)

    def _paint_time(self, painter: QPainter, theme: Theme, x: float) -> None:
        text = clock(self._seconds(x))
        painter.setFont(font(self.font(), 11))
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        bubble = QRectF(min(max(x - width / 2, 2), self.width() - width - 2), self.height() - 22, width, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(bubble, 4, 4)
        painter.setPen(theme.color("text"))
        painter.drawText(bubble, Qt.AlignmentFlag.AlignCenter, text)

    def _choose(self, start: float, end: float) -> None:
        if end - start >= _SHORTEST_LOOP_S:
            self.loop_chosen.emit((start, end))

    def _redraw(self) -> None:
        self._picture = None
        words = tr("{time} long", time=clock(self._duration_s)) if self._duration_s else ""
        self.setAccessibleDescription(words)
        self.update()

    def _x(self, seconds: float) -> float:
        return 8 + (self.width() - 16) * seconds / self._duration_s if self._duration_s else 8.0

    def _seconds(self, x: float) -> float:
        share = (x - 8) / max(1, self.width() - 16)
        return min(max(share, 0.0), 1.0) * (self._duration_s if math.isfinite(self._duration_s) else 0.0)
