"""A level meter with peak hold on a dB scale."""

from __future__ import annotations

import math
import time

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from gui.theme import Theme, current_theme, font
from gui.translation import tr
from gui.widgets.decibels import write_mark

_BOTTOM_DB = -60.0
_HOT_DB, _CLIP_DB = -6.0, -0.1
_FALL_DB_PER_S = 30.0
_HOLD_S = 1.5
_CLIP_SHOWN_S = 3.0
_MARKS_DB = (-48, -36, -24, -12, -6, 0)
_SCALE_HEIGHT = 14


class LevelMeter(QWidget):
    """Shows peak and mean power; the highest peak stays for a moment, a clipped one lights the end.

    Args:
        accent: Role of the theme it is coloured by.
        orientation: Which way it grows.
        scale: Whether the dB scale is written below it (horizontal only).
        parent: The widget it is in.
    """

    def __init__(
        self,
        accent: str,
        orientation: Qt.Orientation = Qt.Orientation.Horizontal,
        scale: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._accent, self._orientation, self._scale = accent, orientation, scale
        self._peak_db = self._rms_db = self._held_db = -math.inf
        self._time = self._held_at = 0.0
        self._clipped_at = -math.inf
        self._drawn: tuple[int, ...] = ()
        thick = 8 + (_SCALE_HEIGHT if scale else 0)
        if orientation == Qt.Orientation.Horizontal:
            self.setFixedHeight(thick)
            self.setMinimumWidth(80)
        else:
            self.setFixedWidth(thick)
            self.setMinimumHeight(80)

    @property
    def held_db(self) -> float:
        """The highest peak of the last moment."""
        return self._held_db

    @property
    def clipped(self) -> bool:
        """Whether full scale was reached in the last seconds."""
        return self._time - self._clipped_at < _CLIP_SHOWN_S

    def set_level(self, peak_db: float, rms_db: float, now: float | None = None) -> None:
        """Show a level.

        Args:
            peak_db: Highest sample of the last moment, dB of full scale.
            rms_db: Mean power of the last moment, dB of full scale.
            now: Time in seconds; the clock's where None.
        """
        now = time.monotonic() if now is None else now
        fallen = _FALL_DB_PER_S * max(0.0, now - self._time)
        self._time = now
        self._peak_db = max(peak_db, self._peak_db - fallen)
        self._rms_db = max(rms_db, self._rms_db - fallen)
        if peak_db >= self._held_db:
            self._held_db, self._held_at = peak_db, now
        elif now - self._held_at > _HOLD_S:
            self._held_db = max(self._peak_db, self._held_db - fallen)
        if peak_db >= _CLIP_DB:
            self._clipped_at = now
        self._update_if_seen()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a comfortable length."""
        across = 8 + (_SCALE_HEIGHT if self._scale else 0)
        return QSize(200, across) if self._orientation == Qt.Orientation.Horizontal else QSize(across, 200)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the bar, the held peak and the scale."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        whole = self._bar(1.0)
        painter.drawRoundedRect(whole, 4, 4)
        painter.setClipRect(whole)
        strong, soft = self._gradient(theme, 255), self._gradient(theme, 110)
        painter.setBrush(soft)
        painter.drawRoundedRect(self._bar(_share(self._peak_db)), 4, 4)
        painter.setBrush(strong)
        painter.drawRoundedRect(self._bar(_share(self._rms_db)), 4, 4)
        if self._held_db > _BOTTOM_DB:
            painter.setBrush(theme.color("danger" if self.clipped else "text"))
            painter.drawRect(self._tick(_share(self._held_db)))
        painter.setClipping(False)
        if self._scale:
            self._paint_scale(painter, theme)

    def _paint_scale(self, painter: QPainter, theme: Theme) -> None:
        painter.setFont(font(self.font(), 10))
        painter.setPen(theme.color("muted"))
        for db in _MARKS_DB:
            box = QRectF(_share(db) * self.width() - 16, self.height() - _SCALE_HEIGHT, 32, _SCALE_HEIGHT)
            box.moveRight(min(box.right(), float(self.width())))
            side = Qt.AlignmentFlag.AlignRight if db == 0 else Qt.AlignmentFlag.AlignHCenter
            painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, write_mark(db, plus=False))

    def _gradient(self, theme: Theme, alpha: int) -> QLinearGradient:
        whole = self._bar(1.0)
        across = self._orientation == Qt.Orientation.Horizontal
        ends = (whole.topLeft(), whole.topRight()) if across else (whole.bottomLeft(), whole.topLeft())
        gradient = QLinearGradient(*ends)
        hot = _share(_HOT_DB)
        for at, role in ((0, self._accent), (hot, self._accent), (hot + 0.001, "warning"), (0.985, "warning")):
            gradient.setColorAt(at, _with_alpha(theme.color(role), alpha))
        gradient.setColorAt(1.0, _with_alpha(theme.color("danger"), alpha))
        return gradient

    def _bar(self, share: float) -> QRectF:
        width, height = float(self.width()), float(self.height() - (_SCALE_HEIGHT if self._scale else 0))
        if self._orientation == Qt.Orientation.Horizontal:
            return QRectF(0, 0, width * share, height)
        return QRectF(0, height * (1 - share), width, height * share)

    def _tick(self, share: float) -> QRectF:
        bar = self._bar(share)
        if self._orientation == Qt.Orientation.Horizontal:
            return QRectF(max(bar.right() - 2, 0), bar.top(), 2, bar.height())
        return QRectF(bar.left(), bar.top(), bar.width(), 2)

    def _update_if_seen(self) -> None:
        length = self.width() if self._orientation == Qt.Orientation.Horizontal else self.height()
        levels = (self._peak_db, self._rms_db, self._held_db)
        drawn = (*(round(_share(db) * length) for db in levels), int(self.clipped))
        if drawn != self._drawn:
            self._drawn = drawn
            held = tr("silent") if self._held_db <= _BOTTOM_DB else tr("{db} decibels", db=round(self._held_db))
            self.setAccessibleDescription(held)
            self.update()


def _share(db: float) -> float:
    return min(max(1 - db / _BOTTOM_DB, 0.0), 1.0)


def _with_alpha(color: QColor, alpha: int) -> QColor:
    color.setAlpha(alpha)
    return color
