"""The queue behind a window: which song is next, and what became of each; the work is done by two other processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.files.entries import Entry, Overview, SongState
from realtime.files.helper import Helper
from realtime.files.looking import Looker
from realtime.files.orders import (
    Advanced,
    Cancel,
    Cancelled,
    Died,
    Failed,
    Finished,
    Found,
    Hold,
    Measured,
    OutputSettings,
    Report,
    Searched,
    Separate,
    Started,
    Unreadable,
)

_REPORTS_AT_ONCE = 20
_SPEED_MEMORY = 0.9


@dataclass(frozen=True)
class Appended:
    """`count` songs have come to the end of the queue."""

    count: int


@dataclass(frozen=True)
class Changed:
    """A song is not as it was."""

    key: int


Change = Appended | Changed | Searched


class SongQueue:
    """Songs in their order, one of them being separated.

    It belongs to one thread and never waits: `poll` is called some twenty times a second. A song takes the settings
    that hold when its turn comes.

    Args:
        settings: How and where stems are written.
    """

    def __init__(self, settings: OutputSettings) -> None:
        self.settings = settings
        self._worker = Helper("realtime.files.worker")
        self._looker = Looker()
        self._entries: dict[int, Entry] = {}
        self._order: list[int] = []
        self._places: set[str] = set()
        self._next_key = 0
        self._active: int | None = None
        self._paused = False
        self._speed: float | None = None  # seconds of audio per second

    @property
    def order(self) -> Sequence[int]:
        """The songs' keys, first to last."""
        return self._order

    @property
    def process_id(self) -> int | None:
        """The process that separates, None while there is none."""
        return self._worker.process_id

    @property
    def speed(self) -> float | None:
        """Seconds of audio separated in a second; None while that is unknown."""
        return self._speed

    def entry(self, key: int) -> Entry:
        """Return a song as it stands."""
        return self._entries[key]

    def add(self, paths: Iterable[Path]) -> None:
        """Search files and folders for songs; they appear with the next polls."""
        self._looker.find(tuple(paths), self.settings.folder)

    def pause(self, paused: bool) -> None:
        """Let the queue stand still, also in the middle of a song, or go on."""
        self._paused = paused
        if self._active is not None:
            self._worker.send(Hold(paused))

    def cancel(self, key: int) -> None:
        """Give a song up, also in the middle of it."""
        if key == self._active:
            self._worker.send(Cancel(key))
        elif self._entries[key].state is SongState.WAITING:
            self._set(key, state=SongState.CANCELLED)

    def retry(self, key: int) -> None:
        """Separate a song again that has had its turn."""
        if not self._entries[key].is_open:
            fresh = self._entries[key]
            self._entries[key] = Entry(key, fresh.source, fresh.album, fresh.place)
            self._looker.want(self._entries[key])

    def remove(self, key: int) -> None:
        """Forget a song, giving it up if it is being separated; its stems stay."""
        self.cancel(key)
        self._looker.forget(key)
        self._order.remove(key)
        self._places.discard(self._entries.pop(key).place)

    def move(self, key: int, position: int) -> None:
        """Give a song another position in the queue."""
        self._order.remove(key)
        self._order.insert(position, key)

    def look_first(self, keys: Iterable[int]) -> None:
        """Read the waveforms of these songs before others, because they are seen."""
        self._looker.look_first(keys)

    def overview(self) -> Overview:
        """Return how the whole queue stands."""
        entries = [entry for entry in self._entries.values() if entry.is_open or entry.state is SongState.DONE]
        known = [entry.seconds for entry in self._entries.values() if entry.seconds]
        usual = sum(known) / len(known) if known else 0.0
        total = sum(entry.seconds or usual for entry in entries)
        left = sum((entry.seconds or usual) * (1 - entry.progress) for entry in entries)
        states = [entry.state for entry in self._entries.values()]
        return Overview(
            songs=len(states),
            done=states.count(SongState.DONE),
            failed=states.count(SongState.FAILED),
            open=sum(entry.is_open for entry in entries),
            progress=1 - left / total if total else 0.0,
            left_s=left / self._speed if self._speed and total else None,
            paused=self._paused,
            searching=self._looker.is_searching,
        )

    def poll(self) -> list[Change]:
        """Take in what the other processes said, give them what is next, and return what changed."""
        changes: list[Change] = []
        for report in self._worker.reports(_REPORTS_AT_ONCE):
            changes += self._hear(report)
        for report in self._looker.reports():
            changes += self._hear(report)
        if self._active is None and not self._paused:
            changes += self._begin_next()
        return changes

    def close(self) -> None:
        """End the other processes; a song under way is given up without a trace."""
        self._worker.close()
        self._looker.close()

    def _begin_next(self) -> Iterator[Change]:
        key = next((key for key in self._order if self._entries[key].state is SongState.WAITING), None)
        if key is not None:
            entry = self._set(key, state=SongState.SEPARATING)
            self._active = key
            self._worker.send(Hold(False))
            self._worker.send(Separate(key, entry.source, entry.album, self.settings))
            yield Changed(key)

    def _hear(self, report: Report) -> Iterator[Change]:
        match report:
            case Found():
                yield from self._append(report)
            case Searched():
                yield report
            case Died():
                yield from self._mourn()
            case Measured() | Unreadable() if report.key in self._entries:
                yield from self._take_waveform(report)
            case Started() | Advanced() | Finished() | Failed() | Cancelled():
                yield from self._follow(report)

    def _append(self, found: Found) -> Iterator[Change]:
        before = len(self._order)
        for song in found.songs:
            if song.place not in self._places:
                self._places.add(song.place)
                entry = Entry(self._next_key, song.source, song.album, song.place)
                self._entries[entry.key] = entry
                self._order.append(entry.key)
                self._looker.want(entry)
                self._next_key += 1
        if len(self._order) > before:
            yield Appended(len(self._order) - before)

    def _follow(self, report: Started | Advanced | Finished | Failed | Cancelled) -> Iterator[Change]:
        """Follow the song being separated; one that was removed meanwhile only frees the place."""
        if report.key == self._active and not isinstance(report, Started | Advanced):
            self._active = None
        if report.key not in self._entries:
            return
        match report:
            case Started():
                self._set(report.key, seconds=report.seconds or self._entries[report.key].seconds)
            case Advanced():
                self._note_speed(report)
                self._set(report.key, separated_s=report.seconds)
            case Finished():
                entry = self._set(
                    report.key,
                    state=SongState.DONE,
                    folder=report.folder,
                    stems=report.stems,
                    clipped_samples=report.clipped_samples,
                )
                self._looker.want(entry)
            case Failed():
                self._set(report.key, state=SongState.FAILED, message=report.message)
            case Cancelled():
                self._set(report.key, state=SongState.CANCELLED, separated_s=0.0)
        yield Changed(report.key)

    def _take_waveform(self, report: Measured | Unreadable) -> Iterator[Change]:
        entry = self._entries[report.key]
        if isinstance(report, Measured):
            waveforms = {**entry.waveforms, report.part: report.waveform}
            self._set(report.key, waveforms=waveforms, seconds=report.waveform.seconds)
        elif report.part == "mixture" and entry.state is SongState.WAITING:
            self._set(report.key, state=SongState.FAILED, message=report.message)
        yield Changed(report.key)

    def _mourn(self) -> Iterator[Change]:
        """Go on with the next song where the separating process died; the looking one cares for itself."""
        if self._active is not None:
            key, self._active = self._active, None
            if key in self._entries:
                message = f"{self._entries[key].source}: the separation broke off; retry it or choose another file"
                self._set(key, state=SongState.FAILED, message=message)
                yield Changed(key)

    def _note_speed(self, report: Advanced) -> None:
        if report.elapsed_s > 0:
            speed = report.seconds / report.elapsed_s
            before = speed if self._speed is None else self._speed
            self._speed = _SPEED_MEMORY * before + (1 - _SPEED_MEMORY) * speed

    def _set(self, key: int, **fields: object) -> Entry:
        self._entries[key] = dataclasses.replace(self._entries[key], **fields)
        return self._entries[key]
