"""How decibels are placed on a fader and written."""

from __future__ import annotations

import math

FLOOR_DB = -60.0  # a fader below this is closed
_MINUS = "\N{MINUS SIGN}"


def position_of(db: float, top_db: float) -> float:
    """Return where a fader that ends at `top_db` stands, 0 to 1: the fourth root of the gain.

    It is close to straight in dB where music is mixed and still ends in silence.
    """
    return 0.0 if db < FLOOR_DB else 10 ** ((db - top_db) / 80)


def db_at(position: float, top_db: float) -> float:
    """Return the dB of a position 0 to 1, minus infinity at the bottom; the inverse of `position_of`."""
    db = top_db + 80 * math.log10(position) if position > 0 else -math.inf
    return db if db >= FLOOR_DB else -math.inf


def write_db(db: float) -> str:
    """Return dB as short text: `-12.0`, `+3.5`, `0.0`, and the sign of infinity for silence."""
    if db < FLOOR_DB:
        return f"{_MINUS}∞"
    return f"{db:+.1f}".replace("-", _MINUS) if abs(db) >= 0.05 else "0.0"


def write_mark(number: int, plus: bool = True) -> str:
    """Return a whole number for a scale, with a true minus and, if asked for, a plus."""
    return (f"{number:+d}" if plus and number else str(number)).replace("-", _MINUS)
