"""What a search varies: `key=V1,V2` and `key=LOW..HIGH[:log]`, beside the plain `key=value` of a training."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.config import Config, load_preset
from trainer.errors import TrainerError

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")


@dataclass(frozen=True)
class Choice:
    """A setting tried with each of several values, which stay as they were written."""

    key: str
    values: tuple[str, ...]

    @property
    def examples(self) -> tuple[str, ...]:
        """Values that must all be allowed."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A numeric setting tried anywhere from `low` to `high`, evenly in its logarithm where `log`."""

    key: str
    low: float
    high: float
    integer: bool
    log: bool

    @property
    def examples(self) -> tuple[str, ...]:
        """Values that must all be allowed."""
        return repr(self.low), repr(self.high)


@dataclass(frozen=True)
class Space:
    """The settings every trial shares, and those that differ.

    Attributes:
        preset: Name or .toml file the settings change.
        fixed: `key=value`, the same for all.
        dimensions: What is varied, in the order it was given.
    """

    preset: str
    fixed: tuple[str, ...]
    dimensions: tuple[Choice | Range, ...]

    @classmethod
    def parse(cls, preset: str, settings: Sequence[str]) -> Space:
        """Read the settings of a command line.

        Raises:
            TrainerError: A key or value is unknown or out of range, or nothing is varied.
        """
        fixed = [word for word in settings if _is_fixed(word)]
        values = load_preset(preset, fixed).to_dict()
        varied = [_dimension(preset, fixed, word, values) for word in settings if not _is_fixed(word)]
        if not varied:
            raise TrainerError("nothing to search: give a setting several values, as in optimizer.seed=0,1")
        keys = [word.partition("=")[0] for word in settings]
        for key in keys:
            if keys.count(key) > 1:
                raise TrainerError(f"{key}: is given more than once; give all its values in one setting")
        return cls(preset, tuple(fixed), tuple(varied))

    @property
    def is_grid(self) -> bool:
        """Whether every combination can be tried."""
        return all(isinstance(dimension, Choice) for dimension in self.dimensions)

    def grid(self) -> Iterator[dict[str, str]]:
        """Yield every combination of a grid, the last setting changing fastest."""
        keys = [dimension.key for dimension in self.dimensions]
        for values in itertools.product(*(dimension.examples for dimension in self.dimensions)):
            yield dict(zip(keys, values, strict=True))

    def config(self, values: dict[str, Any]) -> Config:
        """Return the configuration of one trial.

        Raises:
            TrainerError: The values do not fit together.
        """
        return load_preset(self.preset, [*self.fixed, *(f"{key}={value}" for key, value in values.items())])

    def check(self) -> None:
        """Raise TrainerError where a value is not allowed: in any combination of a grid, else with all others first."""
        if self.is_grid:
            for values in self.grid():
                self.config(values)
            return
        first = {dimension.key: dimension.examples[0] for dimension in self.dimensions}
        for dimension in self.dimensions:
            for value in dimension.examples:
                self.config(first | {dimension.key: value})


def _is_fixed(word: str) -> bool:
    text = word.partition("=")[2]
    return len(_split(text)) == 1 and text != "" and not _RANGE.fullmatch(text)


def _dimension(preset: str, fixed: Sequence[str], word: str, values: dict[str, Any]) -> Choice | Range:
    key, _, text = word.partition("=")
    match = _RANGE.fullmatch(text)
    if match is None:
        choices = tuple(dict.fromkeys(part.strip() for part in _split(text)))
        if "" in choices:
            raise TrainerError(f"{word}: a value is missing; give all of them, as in {key}=V1,V2")
        return Choice(key, choices)
    low_text, high_text, log = match.groups()
    load_preset(preset, [*fixed, f"{key}={low_text}"])  # names an unknown key
    for part in key.split("."):
        values = values.get(part, {})
    integer = isinstance(values, int) and not isinstance(values, bool)
    try:
        low, high = (int(end) if integer else float(end) for end in (low_text, high_text))
    except ValueError as error:
        raise TrainerError(f"{word}: {key} takes whole numbers; give whole ends") from error
    if not low < high or (log and low <= 0):
        raise TrainerError(f"{word}: give a range as LOW..HIGH with LOW below HIGH, and above zero for :log")
    return Range(key, low, high, integer, log is not None)


def _split(text: str) -> list[str]:
    """Split at the commas that stand neither in brackets nor in quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        depth += not quote and (character in "[{") - (character in "]}")
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return parts
