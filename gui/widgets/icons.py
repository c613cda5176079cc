"""Icons, drawn on a grid of 24 by 24 and coloured by the theme."""

from __future__ import annotations

from PyQt6.QtCore import QByteArray, QRectF, QSize, Qt
from PyQt6.QtGui import QIcon, QPainter, QPixmap, QPixmapCache
from PyQt6.QtSvg import QSvgRenderer

_PATHS = {
    "play": '<path d="M7 4.5v15l13-7.5z" fill="{c}"/>',
    "pause": '<path d="M6 4.5h4.5v15H6zM13.5 4.5H18v15h-4.5z" fill="{c}"/>',
    "stop": '<rect x="5" y="5" width="14" height="14" rx="2" fill="{c}"/>',
    "record": '<circle cx="12" cy="12" r="7" fill="{c}"/>',
    "microphone": '<rect x="9" y="2.5" width="6" height="11.5" rx="3" {s}/>'
    '<path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3.5M8.5 21.5h7" {s}/>',
    "music": '<path d="M9 18V5.5l11-2V16" {s}/><circle cx="6.2" cy="18" r="2.8" {s}/><circle cx="17.2" '
    'cy="16" r="2.8" {s}/>',
    "speaker": '<path d="M4 9.5v5h3.5l5 4.2V5.3l-5 4.2z" {s}/><path d="M16 8.8a4.6 4.6 0 0 1 0 6.4M18.6 '
    '6.2a8.2 8.2 0 0 1 0 11.6" {s}/>',
    "model": '<path d="M3.5 12h2.2l2.2-6.5 3.6 13 3.4-10.5 1.9 4h3.7" {s}/>',
    "menu": '<path d="M4 7h16M4 12h16M4 17h16" {s}/>',
    "close": '<path d="M6 6l12 12M18 6L6 18" {s}/>',
    "info": '<circle cx="12" cy="12" r="9" {s}/><path d="M12 11v5.5M12 7.2v.3" {s}/>',
    "warning": '<path d="M12 3.5L2.5 20h19z" {s}/><path d="M12 10v4.5M12 17.2v.2" {s}/>',
    "error": '<circle cx="12" cy="12" r="9" {s}/><path d="M12 7v6M12 16.4v.2" {s}/>',
    "good": '<path d="M4.5 12.5l5 5 10-11" {s}/>',
    "folder": '<path d="M3 6.5a1.5 1.5 0 0 1 1.5-1.5h4.7l2.3 2.5h8a1.5 1.5 0 0 1 1.5 1.5v8.5a1.5 1.5 0 0 '
    '1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z" {s}/>',
    "retry": '<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4v5h-5" {s}/>',
    "remove": '<path d="M4.5 6.5h15M9.5 6.5v-3h5v3M6.5 6.5l1 14h9l1-14" {s}/>',
    "export": '<path d="M12 15.5v-12M7.5 7.5L12 3l4.5 4.5M4.5 14.5v6h15v-6" {s}/>',
    "add": '<path d="M12 4.5v15M4.5 12h15" {s}/>',
    "minus": '<path d="M4.5 12h15" {s}/>',
    "loop": '<path d="M4 11V9.5A3.5 3.5 0 0 1 7.5 6H19M16 3l3 3-3 3M20 13v1.5a3.5 3.5 0 0 1-3.5 3.5H5M8 '
    '21l-3-3 3-3" {s}/>',
    "headphones": '<path d="M4 15.5V12a8 8 0 0 1 16 0v3.5" {s}/><rect x="3.2" y="14" width="4.2" height="6.5" '
    'rx="1.6" {s}/><rect x="16.6" y="14" width="4.2" height="6.5" rx="1.6" {s}/>',
    "chevron": '<path d="M6.5 9.5l5.5 5.5 5.5-5.5" {s}/>',
    "compare": '<path d="M4 8h13M13.5 4.5L17 8l-3.5 3.5M20 16H7M10.5 12.5L7 16l3.5 3.5" {s}/>',
}  # fmt: skip
# The mark of the program: a voice that is crossed by the music it is taken from.
_LOGO = (
    '<rect width="24" height="24" rx="6" fill="#161b22"/>'
    '<path d="M4 12c2-6 4-6 6 0s4 6 6 0 2.6-5 4-3.4" fill="none" stroke="#56bdf5" stroke-width="2.2" '
    'stroke-linecap="round"/>'
    '<path d="M12 4.2v15.6" stroke="#ffa057" stroke-width="2.6" stroke-linecap="round"/>'
)
_STROKE = 'fill="none" stroke="{c}" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"'


def icon(name: str, color: str, off: str | None = None) -> QIcon:
    """Return an icon in `color`, sharp on every screen.

    Args:
        name: Which one.
        color: As `#rrggbb`.
        off: Its colour where the control is disabled; `color` where None.
    """
    made = QIcon()
    for scale in (1, 2, 3):
        made.addPixmap(pixmap(name, color, 20, scale))
        made.addPixmap(pixmap(name, off or color, 20, scale), QIcon.Mode.Disabled)
    return made


def pixmap(name: str, color: str, size: int, scale: float = 1.0) -> QPixmap:
    """Return an icon as a picture of `size` logical pixels for a screen of `scale`, drawn once for all who show it."""
    key = f"{name} {color} {size} {scale}"
    picture = QPixmapCache.find(key)
    if picture is None:
        picture = _draw(_PATHS[name].replace("{s}", _STROKE).replace("{c}", color), size, scale)
        QPixmapCache.insert(key, picture)
    return picture


def logo(size: int, scale: float = 1.0) -> QPixmap:
    """Return the mark of the program."""
    return _draw(_LOGO, size, scale)


def _draw(drawing: str, size: int, scale: float) -> QPixmap:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{drawing}</svg>'
    picture = QPixmap(QSize(round(size * scale), round(size * scale)))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(picture.rect()))
    painter.end()
    picture.setDevicePixelRatio(scale)
    return picture
