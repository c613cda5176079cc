"""What the values on the command line mean, and what is wrong with them."""

from __future__ import annotations

import argparse
import math

from realtime.live.parameters import FADER_TOP_DB, KEY_RANGE_SEMITONES


def level_db(text: str) -> float:
    """Read a fader's level."""
    number = _number(text)
    if not number <= FADER_TOP_DB:
        raise argparse.ArgumentTypeError(f"{text!r} is no level; give -inf to {FADER_TOP_DB:g} dB")
    return number


def semitones(text: str) -> int:
    """Read a key change."""
    number = _number(text)
    if not number.is_integer() or abs(number) > KEY_RANGE_SEMITONES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no key change; give -{KEY_RANGE_SEMITONES} to {KEY_RANGE_SEMITONES} semitones"
        )
    return int(number)


def share(text: str) -> float:
    """Read a share from 0 to 1."""
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not 0 to 1")
    return number


def positive(text: str) -> float:
    """Read a number above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def block(text: str) -> int:
    """Read a number of samples at a time."""
    number = _number(text)
    if not number.is_integer() or not 16 <= number <= 8192:
        raise argparse.ArgumentTypeError(f"{text!r} is no block; give 16 to 8192 samples")
    return int(number)


def channels(text: str) -> tuple[int, ...]:
    """Read channels counted from 1."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of channels; give for example 1,2") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
