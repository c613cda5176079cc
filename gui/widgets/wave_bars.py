"""A waveform as bars: the singer above the middle and the band below where both are known, else one shape."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QPainter

from realtime.files.waveform import Waveform

_QUIET_ALPHA = 105  # peaks stand behind the mean level
_MOST_GAIN = 8.0  # quiet songs are drawn larger, but noise stays small


def paint_bars(
    painter: QPainter,
    box: QRectF,
    waveforms: Mapping[str, Waveform],
    colors: Mapping[str, QColor],
    pitch: float,
) -> None:
    """Paint waveforms over the whole width of `box`.

    Args:
        painter: Where to paint.
        box: The place.
        waveforms: `mixture`, and `vocals` and `accompaniment` where they are known.
        colors: One for each of the three.
        pitch: Distance of two bars in pixels; a quarter of it stays free.
    """
    painter.setPen(Qt.PenStyle.NoPen)
    middle, half = box.center().y(), box.height() / 2
    if {"vocals", "accompaniment"} <= waveforms.keys():
        halves = (("vocals", -half), ("accompaniment", half))
    elif "mixture" in waveforms:
        halves = (("mixture", -half), ("mixture", half))
    else:
        return
    loudest = max(max(waveforms[name].peak) for name, _ in halves) / 255
    gain = min(1 / loudest, _MOST_GAIN) if loudest else 1.0
    for name, reach in halves:
        _paint_half(painter, box, waveforms[name], colors[name], pitch, middle, gain * reach)


def bar_heights(levels: bytes, count: int) -> list[float]:
    """Return the highest level of each of `count` equal parts, 0 to 1."""
    edges = [index * len(levels) // count for index in range(count + 1)]
    return [max(levels[start : max(end, start + 1)]) / 255 for start, end in pairwise(edges)]


def _paint_half(
    painter: QPainter, box: QRectF, waveform: Waveform, color: QColor, pitch: float, base: float, reach: float
) -> None:
    count = max(1, int(box.width() / pitch))
    quiet = QColor(color)
    quiet.setAlpha(color.alpha() * _QUIET_ALPHA // 255)
    for levels, ink, least in ((waveform.peak, quiet, 0.0), (waveform.rms, color, 1.0)):
        painter.setBrush(ink)
        bars = []
        for index, level in enumerate(bar_heights(levels, count)):
            height = max(level * abs(reach), least)
            bars.append(QRectF(box.left() + index * pitch, base if reach > 0 else base - height, 0.75 * pitch, height))
        painter.drawRects(bars)
