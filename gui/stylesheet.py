"""The style sheet of the whole application, as one template for every theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.theme import Theme

# The property `role` of a widget picks its look.
_TEMPLATE = """
* {{ outline: none; }}
QWidget {{ color: {text}; font-size: 13px; }}
QMainWindow, QDialog {{ background: {background}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {outline}; padding: 8px; font-size: 12px; }}

QFrame[role="card"] {{ background: {surface}; border: 1px solid {line}; border-radius: 12px; }}
QFrame[role="bar"] {{ background: {surface}; border: none; border-bottom: 1px solid {line}; }}
QFrame[role="footer"] {{ background: {surface}; border: none; border-top: 1px solid {line}; }}
QFrame[role="rule"] {{ background: {line}; border: none; max-height: 1px; min-height: 1px; }}

QLabel {{ background: transparent; }}
QLabel[role="brand"] {{ font-size: 18px; font-weight: 700; }}
QLabel[role="title"] {{ font-size: 22px; font-weight: 700; }}
QLabel[role="lead"] {{ font-size: 15px; }}
QLabel[role="step"] {{ color: {vocals}; font-size: 15px; font-weight: 700; }}
QLabel[role="heading"] {{ font-size: 13px; font-weight: 700; }}
QLabel[role="caption"] {{ color: {muted}; font-size: 12px; }}
QLabel[role="value"] {{ font-size: 15px; font-weight: 600; }}
QLabel[role="vocals"] {{ color: {vocals}; font-weight: 700; }}
QLabel[role="accompaniment"] {{ color: {accompaniment}; font-weight: 700; }}
QLabel[role="microphone"] {{ color: {microphone}; font-weight: 700; }}
QLabel[role="key"] {{
    background: {raised}; border: 1px solid {line}; border-radius: 6px; padding: 3px 8px; font-size: 12px;
}}
QLabel[role="muted"] {{ color: {muted}; }}
QLabel[role="danger"] {{ color: {danger}; }}
QLabel[role="warning"] {{ color: {warning}; }}
QLabel[role="good"] {{ color: {good}; }}

QPushButton, QToolButton {{
    background: {raised}; color: {text}; border: 1px solid {line}; border-radius: 8px;
    padding: 0 12px; min-height: 30px; font-weight: 600;
}}
QPushButton:hover, QToolButton:hover {{ background: {hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {sunken}; }}
QPushButton:focus, QToolButton:focus {{ border: 2px solid {accompaniment}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {muted}; background: transparent; border-color: {line}; }}
QPushButton[role="primary"] {{
    background: {vocals}; color: {on_accent}; border: 2px solid {vocals}; border-radius: 12px;
    font-size: 18px; font-weight: 700; padding: 0 24px; min-height: 52px; min-width: 144px;
}}
QPushButton[role="primary"]:hover {{ border-color: {text}; }}
QPushButton[role="primary"]:focus {{ border-color: {text}; }}
QPushButton[role="primary"][running="true"] {{ background: {raised}; color: {text}; border-color: {vocals}; }}
QPushButton[role="primary"][running="true"]:hover {{ background: {hover}; }}
QPushButton[role="primary"]:disabled {{ background: {raised}; color: {muted}; border-color: {line}; }}
QPushButton[role="accent"] {{ background: {accompaniment}; color: {on_accent}; border: 2px solid {accompaniment}; }}
QPushButton[role="accent"]:hover, QPushButton[role="accent"]:focus {{ border-color: {text}; }}
QPushButton[role="accent"]:disabled {{ background: {raised}; color: {muted}; border-color: {line}; }}
QPushButton[role="quiet"], QToolButton[role="quiet"] {{ background: transparent; border-color: transparent; }}
QPushButton[role="quiet"]:hover, QToolButton[role="quiet"]:hover {{ background: {hover}; }}
QPushButton[role="quiet"]:focus, QToolButton[role="quiet"]:focus {{ border-color: {accompaniment}; }}
QPushButton[role="record"]:checked {{ background: {danger}; color: {on_accent}; border-color: {danger}; }}
QPushButton[role="record"], QPushButton[role="compare"] {{ min-height: 38px; }}
QPushButton[role="compare"]:pressed {{ background: {text}; color: {background}; border-color: {text}; }}
QPushButton[role="segment"] {{
    background: transparent; border: 2px solid transparent; color: {muted}; min-width: 80px;
}}
QPushButton[role="segment"]:hover {{ color: {text}; }}
QPushButton[role="segment"]:checked {{ background: {hover}; color: {text}; }}
QPushButton[role="segment"]:focus {{ border-color: {accompaniment}; }}
QFrame[role="segments"] {{ background: {sunken}; border: 1px solid {line}; border-radius: 10px; }}
QPushButton[role="solo"] {{ padding: 0; min-height: 26px; font-size: 12px; }}
QPushButton[role="solo"]:checked {{ background: {warning}; color: {on_accent}; border-color: {warning}; }}
QToolButton::menu-indicator {{ image: none; }}

QComboBox, QLineEdit, QSpinBox, QDoubleSpinBox {{
    background: {raised}; border: 1px solid {line}; border-radius: 8px; padding: 0 10px; min-height: 30px;
    selection-background-color: {accompaniment}; selection-color: {on_accent};
}}
QComboBox:hover, QLineEdit:hover {{ background: {hover}; }}
QComboBox:focus, QLineEdit:focus, QSpinBox:focus {{ border: 2px solid {accompaniment}; padding: 0 9px; }}
QComboBox:disabled {{ color: {muted}; background: transparent; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: none; }}
QComboBox QAbstractItemView {{
    background: {surface}; border: 1px solid {outline}; border-radius: 8px; padding: 4px;
    selection-background-color: {hover}; selection-color: {text};
}}
QMenu {{ background: {surface}; border: 1px solid {outline}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 24px; border-radius: 4px; }}
QMenu::item:selected {{ background: {hover}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 8px; }}

QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 12px; margin: 2px; }}
QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 2px; }}
QScrollBar::handle {{ background: {outline}; border-radius: 4px; min-height: 32px; min-width: 32px; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
    background: none; border: none; width: 0; height: 0;
}}
QProgressBar {{ background: {sunken}; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }}
QProgressBar::chunk {{ background: {accompaniment}; border-radius: 3px; }}
QCheckBox, QRadioButton {{ background: transparent; spacing: 8px; border: 2px solid transparent; border-radius: 4px; }}
QCheckBox:focus, QRadioButton:focus {{ border-color: {accompaniment}; }}
QPlainTextEdit, QTextBrowser {{ background: {sunken}; border: 1px solid {line}; border-radius: 8px; padding: 8px; }}
QTableView, QListView, QTreeView {{
    background: {surface}; border: 1px solid {line}; border-radius: 12px; gridline-color: {line};
    selection-background-color: {hover}; selection-color: {text};
}}
QHeaderView::section {{ background: {surface}; color: {muted}; border: none; padding: 8px; font-weight: 600; }}
"""


def stylesheet(theme: Theme) -> str:
    """Return the style sheet in the colours of `theme`."""
    return _TEMPLATE.format_map(vars(theme))
