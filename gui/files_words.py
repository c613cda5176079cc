"""What the Files view says about a song and about the queue, in the user's language."""

from __future__ import annotations

import math

from gui.translation import mark, tr
from gui.widgets.clock import clock
from realtime.files.entries import Entry, Overview, SongState

_STATES = {
    SongState.WAITING: mark("Waiting"),
    SongState.SEPARATING: mark("Separating"),
    SongState.DONE: mark("Done"),
    SongState.FAILED: mark("Failed"),
    SongState.CANCELLED: mark("Cancelled"),
}


# What the helper processes say most often, so that it can be translated.
_REASONS = (
    mark("it is empty (0 bytes); get a whole copy"),
    mark("it is cut short, its end is missing; get a whole copy"),
    mark("there is no such file; check the path"),
    mark("it is not a file; name an audio file or a folder of them"),
    mark("it is not audio, or it is damaged; get a whole copy or choose another file"),
    mark("it has no audio track; choose a file with sound"),
    mark("it is damaged or cut short; get a whole copy"),
    mark("it cannot be read (Permission denied); check its permissions"),
    mark("it cannot be read; choose another file"),
    mark("the separation broke off; retry it or choose another file"),
    mark("its header says it has no sound; export it again"),
    mark("Only the fields {folder}, {song}, {model} and {format} can stand in braces."),
    mark("A brace stands alone; write a field like {song}."),
    mark('Signs such as : " | ? * < > cannot stand in names; leave them out.'),
    mark("Without {song} all songs would share one folder; add it."),
)
# The same sentences name the options of a terminal.
_OPTIONS = {"choose another -o": "choose another folder", "--format wav": "the format WAV"}


def title(entry: Entry) -> str:
    """Return a song's name as a line of its own."""
    return entry.source.stem.removesuffix(".stem") or entry.source.name


def subtitle(entry: Entry) -> str:
    """Return the line below a song's name: why it failed, or its length, format and where it was found."""
    if entry.message:
        return sentence(entry)
    parts = [clock(entry.seconds)] if entry.seconds else []
    parts.append(entry.source.suffix[1:].upper())
    parts += [str(entry.album)] if entry.album.parts else []
    if entry.clipped_samples:
        parts.append(tr("clipped; 32-bit WAV would keep it"))
    return "  ·  ".join(part for part in parts if part)


def sentence(entry: Entry) -> str:
    """Return why a song failed, without its own name, which stands above."""
    text = tr(entry.message.removeprefix(f"{entry.source}: "))
    for option, words in _OPTIONS.items():
        text = text.replace(option, words)
    stop = "" if text.endswith("\N{IDEOGRAPHIC FULL STOP}") else "."
    return f"{text[:1].upper()}{text[1:]}{stop}"


def status(entry: Entry, speed: float | None, paused: bool) -> str:
    """Return the word at the end of a song's row; `speed` is audio seconds per second."""
    if entry.state is not SongState.SEPARATING:
        return tr(_STATES[entry.state])
    if paused:
        return tr("Paused")
    if entry.seconds and speed:
        return tr("{time} left", time=duration((entry.seconds - entry.separated_s) / speed))
    return tr("Starting")


def spoken(entry: Entry, speed: float | None, paused: bool) -> str:
    """Return a song's row for a screen reader."""
    percent = f"{entry.progress:.0%}" if entry.state is SongState.SEPARATING else ""
    parts = (title(entry), status(entry, speed, paused), percent, subtitle(entry))
    return ", ".join(part for part in parts if part)


def duration(seconds: float) -> str:
    """Return how long something takes, no more exactly than anyone cares."""
    if seconds < 55:
        return tr("{n} s", n=max(1, math.ceil(seconds)))
    if seconds < 3570:
        return tr("{n} min", n=max(1, round(seconds / 60)))
    hours, minutes = divmod(round(seconds / 60), 60)
    return tr("{hours} h {minutes} min", hours=hours, minutes=minutes)


def summary(overview: Overview) -> str:
    """Return one line about the whole queue."""
    if not overview.songs:
        return tr("Looking for songs") if overview.searching else ""
    parts = [tr("{done} of {songs} done", done=overview.done, songs=overview.songs)]
    if overview.failed:
        parts.append(tr("{n} failed", n=overview.failed))
    if overview.open and overview.paused:
        parts.append(tr("paused"))
    elif overview.open and overview.left_s is not None:
        parts.append(tr("{time} left", time=duration(overview.left_s)))
    if overview.searching:
        parts.append(tr("looking for more"))
    return "  ·  ".join(parts)
