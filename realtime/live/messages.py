"""What the two processes say to each other besides snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.live.parameters import Parameters, StreamSettings


@dataclass(frozen=True)
class Start:
    """Open devices and model."""

    settings: StreamSettings


@dataclass(frozen=True)
class Stop:
    """Close the devices."""


@dataclass(frozen=True)
class Quit:
    """End the process."""


@dataclass(frozen=True)
class Set:
    """Move faders and switches."""

    parameters: Parameters


@dataclass(frozen=True)
class Load:
    """Change to another model."""

    model: str


@dataclass(frozen=True)
class Record:
    """Begin a take in a folder; None ends it."""

    folder: Path | None


@dataclass(frozen=True)
class Pause:
    """Hold the song, or let it go on."""

    paused: bool


@dataclass(frozen=True)
class Seek:
    """Go to a place in the song."""

    position_s: float


@dataclass(frozen=True)
class Loop:
    """Repeat the song from one place to another; None ends that."""

    span_s: tuple[float, float] | None


class Question:
    """Asks for a list."""


@dataclass(frozen=True)
class Devices(Question):
    """Which devices are there now: a tuple of `devices.DeviceInfo`."""


@dataclass(frozen=True)
class Models(Question):
    """Which models there are: a tuple of names and their `ModelSpec`, those that ship, then `path` if it is one."""

    path: str = ""


@dataclass(frozen=True)
class Probe(Question):
    """Which live models this machine holds: a tuple of `probe.ModelTiming`, the recommended one first.

    They are measured unless `path` remembers them, which takes some seconds; a start of the music ends that, and then
    there is no answer.
    """

    path: Path


@dataclass(frozen=True)
class Answer:
    """What came of a question."""

    question: Question
    content: Any
