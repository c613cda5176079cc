"""Colours, spacing and type of the window, in a dark and a light set, and what Qt needs to wear them."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette

from gui.stylesheet import stylesheet

GRID = 8  # px; every distance is a multiple of it, or half of it
RADIUS = 8  # px
CHINESE_FAMILIES = ("Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei UI", "Microsoft YaHei")


@dataclass(frozen=True)
class Theme:
    """One set of colours, as `#rrggbb`.

    Attributes:
        name: `"dark"` or `"light"`.
        background: Behind everything.
        surface: Cards.
        raised: Controls on a card.
        hover: Controls under the pointer.
        sunken: Wells: spectrograms, meters, tracks of faders.
        line: Borders; decoration only.
        outline: Borders that show where a control is.
        text, muted: Writing, and writing that matters less.
        vocals, accompaniment, microphone: One accent for each signal, the same everywhere.
        danger, warning, good: Recording and errors, things to do, all is well.
        on_accent: Writing on a filled accent.
    """

    name: str
    background: str
    surface: str
    raised: str
    hover: str
    sunken: str
    line: str
    outline: str
    text: str
    muted: str
    vocals: str
    accompaniment: str
    microphone: str
    danger: str
    warning: str
    good: str
    on_accent: str

    def color(self, role: str) -> QColor:
        """Return the colour of a role by its name."""
        return QColor(getattr(self, role))

    def palette(self) -> QPalette:
        """Return the palette that Qt's own widgets paint with."""
        palette = QPalette()
        roles = {
            QPalette.ColorRole.Window: self.background,
            QPalette.ColorRole.WindowText: self.text,
            QPalette.ColorRole.Base: self.surface,
            QPalette.ColorRole.AlternateBase: self.raised,
            QPalette.ColorRole.Text: self.text,
            QPalette.ColorRole.PlaceholderText: self.muted,
            QPalette.ColorRole.Button: self.raised,
            QPalette.ColorRole.ButtonText: self.text,
            QPalette.ColorRole.BrightText: self.danger,
            QPalette.ColorRole.Highlight: self.accompaniment,
            QPalette.ColorRole.HighlightedText: self.on_accent,
            QPalette.ColorRole.ToolTipBase: self.raised,
            QPalette.ColorRole.ToolTipText: self.text,
            QPalette.ColorRole.Link: self.accompaniment,
            QPalette.ColorRole.Mid: self.line,
        }
        for role, value in roles.items():
            palette.setColor(role, QColor(value))
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(self.muted))
        return palette

    def stylesheet(self) -> str:
        """Return the style sheet of the whole application."""
        return stylesheet(self)


DARK = Theme(
    name="dark",
    background="#0e1116",
    surface="#161b22",
    raised="#222933",
    hover="#2c3541",
    sunken="#090b0f",
    line="#262e38",
    outline="#6b7888",
    text="#eef2f6",
    muted="#9dabba",
    vocals="#ffa057",
    accompaniment="#56bdf5",
    microphone="#b8a1ff",
    danger="#ff7477",
    warning="#f2cc60",
    good="#5fd39a",
    on_accent="#10141a",
)
LIGHT = Theme(
    name="light",
    background="#eef1f5",
    surface="#ffffff",
    raised="#eceff4",
    hover="#dde3eb",
    sunken="#f7f9fb",
    line="#d6dce4",
    outline="#77828f",
    text="#141a21",
    muted="#505c69",
    vocals="#a84200",
    accompaniment="#00669c",
    microphone="#6a41c9",
    danger="#bf1f2d",
    warning="#7d5700",
    good="#12703f",
    on_accent="#ffffff",
)


def current_theme() -> Theme:
    """Return the theme the application wears, for widgets that paint themselves; a PaletteChange tells of another."""
    return DARK if QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def base_font() -> QFont:
    """Return the font of the whole application: the system's own, with a Chinese one behind it."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setFamilies([*font.families(), *CHINESE_FAMILIES])
    font.setPixelSize(13)
    return font


def font(base: QFont, pixels: int, bold: bool = False) -> QFont:
    """Return `base` in another size, its figures of equal width so that changing numbers stand still."""
    changed = QFont(base)
    changed.setPixelSize(pixels)
    changed.setBold(bold)
    changed.setFeature(QFont.Tag("tnum"), 1)
    return changed


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours by WCAG 2: from 1 to 21, 4.5 for text and 3 for controls is AA."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(value: str) -> float:
    color = QColor(value)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
