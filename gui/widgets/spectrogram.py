"""A scrolling spectrogram: time runs to the left, low below, louder is brighter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from gui.theme import RADIUS, Theme, current_theme, font

_N_FFT, _HOP_LENGTH = 4096, 512
_ROWS = 192
_COLUMNS = 1024  # 12 s at 44.1 kHz
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 16000.0
_FLOOR_DB, _RANGE_DB = -78.0, 72.0
_TILT_DB_PER_OCTAVE = 3.0  # music falls about as much, and cymbals should be seen beside a bass
_MARKS_HZ = (100, 1000, 10000)


class Spectrogram(QWidget):
    """Shows what `append` is given; the picture is a ring of columns, so that a new one costs one column.

    Args:
        accent: Role of the theme it is coloured by.
        parent: The widget it is in.
    """

    def __init__(self, accent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._accent = accent
        self._window = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
        self._levels = np.zeros((_ROWS, _COLUMNS), np.uint8)
        self._pixels = np.zeros((_ROWS, _COLUMNS), np.uint32)
        self._image = QImage(self._pixels.data, _COLUMNS, _ROWS, 4 * _COLUMNS, QImage.Format.Format_RGB32)
        self._next = 0
        self._caption = ""
        self.set_sample_rate(44100)
        self._color()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 80)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, False)

    @property
    def columns(self) -> int:
        """Columns drawn since the start."""
        return self._next

    def set_caption(self, text: str) -> None:
        """Write what it shows into its corner."""
        self._caption = text
        self.setAccessibleName(text)
        self.update()

    def set_sample_rate(self, sample_rate: int) -> None:
        """Say how fast the samples of `append` run, in Hz; what was heard is forgotten."""
        self._rate = sample_rate
        rows_hz = np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, 0.49 * sample_rate), _ROWS)
        places = rows_hz * _N_FFT / sample_rate
        self._bins = np.floor(places).astype(int)
        self._between = (places - self._bins).astype(np.float32)
        self._shares_bins = np.gradient(places) < 1
        self._tilt_db = (_TILT_DB_PER_OCTAVE * np.log2(rows_hz / 1000)).astype(np.float32)
        self._pending = np.zeros(_N_FFT - _HOP_LENGTH, np.float32)

    def append(self, samples: NDArray[np.float32]) -> None:
        """Show the next samples `(n,)`."""
        self._pending = np.concatenate([self._pending, samples])
        hops = (len(self._pending) - _N_FFT) // _HOP_LENGTH + 1
        if hops <= 0:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._pending, _N_FFT)[::_HOP_LENGTH][:hops]
        power = np.abs(np.fft.rfft(frames * self._window, axis=1)) ** 2
        db = self._rows(10 * np.log10(power / (_N_FFT / 4) ** 2 + 1e-12)) + self._tilt_db
        # The highest row is the first of the picture.
        levels = np.clip((db[:, ::-1] - _FLOOR_DB) * (255 / _RANGE_DB), 0, 255).astype(np.uint8)
        at = np.arange(self._next, self._next + hops) % _COLUMNS
        self._levels[:, at[-_COLUMNS:]] = levels[-_COLUMNS:].T
        self._pixels[:, at[-_COLUMNS:]] = self._colors[levels[-_COLUMNS:].T]
        self._next += hops
        self._pending = self._pending[hops * _HOP_LENGTH :].copy()
        self.update()

    def _rows(self, db: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn bins into rows: between bins where rows are narrower, the strongest of them where they are wider."""
        strongest = np.maximum.reduceat(db, self._bins, axis=1)
        low, high = db[:, self._bins], db[:, self._bins + 1]
        return np.where(self._shares_bins, low + self._between * (high - low), strongest)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a good shape."""
        return QSize(480, 200)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._color()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the two parts of the ring, the newest column at the right edge."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), RADIUS, RADIUS)
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), theme.color("sunken"))
        width, height = float(self.width()), float(self.height())
        newest = self._next % _COLUMNS
        shown = min(_COLUMNS, max(1, round(width / 2)))  # two pixels a column
        step = width / shown
        late = min(newest, shown)
        self._paint_part(painter, newest - late, late, QRectF(width - late * step, 0, late * step, height))
        early = shown - late
        self._paint_part(painter, _COLUMNS - early, early, QRectF(0, 0, early * step, height))
        self._paint_words(painter, theme)

    def _paint_part(self, painter: QPainter, first: int, count: int, place: QRectF) -> None:
        if count:
            painter.drawImage(place, self._image, QRectF(first, 0, count, _ROWS))

    def _paint_words(self, painter: QPainter, theme: Theme) -> None:
        painter.setFont(font(self.font(), 10))
        top = min(_HIGHEST_HZ, 0.49 * self._rate)
        for hz in _MARKS_HZ:
            y = self.height() * (1 - np.log(hz / _LOWEST_HZ) / np.log(top / _LOWEST_HZ))
            text = f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz"
            box = QRectF(self.width() - 56, y - 8, 48, 16)
            self._paint_pill(painter, theme, box, text, "muted", Qt.AlignmentFlag.AlignRight)
        painter.setFont(font(self.font(), 12, bold=True))
        wide = painter.fontMetrics().horizontalAdvance(self._caption)
        self._paint_pill(
            painter, theme, QRectF(12, 10, wide + 4, 20), self._caption, "text", Qt.AlignmentFlag.AlignLeft
        )

    @staticmethod
    def _paint_pill(painter: QPainter, theme: Theme, box: QRectF, text: str, role: str, side: Qt.AlignmentFlag) -> None:
        """Write on a veil of the background: loud music below must not make the words unreadable."""
        wide = painter.fontMetrics().horizontalAdvance(text)
        left = box.left() if side == Qt.AlignmentFlag.AlignLeft else box.right() - wide
        veil = theme.color("sunken")
        veil.setAlpha(215)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(veil)
        painter.drawRoundedRect(QRectF(left - 4, box.top(), wide + 8, box.height()), 4, 4)
        painter.setPen(theme.color(role))
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, text)

    def _color(self) -> None:
        theme = current_theme()
        stops = [theme.color("sunken"), _mix(theme.color("sunken"), theme.color(self._accent), 0.3)]
        stops += [theme.color(self._accent), theme.color("text")]
        places = np.array([0, 100, 205, 255])
        channels = [
            np.interp(np.arange(256), places, [color.getRgb()[part] for color in stops]).astype(int)
            for part in range(3)
        ]
        red, green, blue = channels
        self._colors = (0xFF000000 + (red << 16) + (green << 8) + blue).astype(np.uint32)
        self._pixels[:] = self._colors[self._levels]
        self.update()


def _mix(first: QColor, second: QColor, share: float) -> QColor:
    values = [round(a + share * (b - a)) for a, b in zip(first.getRgb()[:3], second.getRgb()[:3], strict=True)]
    return QColor(*values)
