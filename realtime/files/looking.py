"""Searches and waveforms for a queue: what is seen comes first, and a file that kills its reader is left out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from realtime.files.entries import Entry
from realtime.files.helper import Helper
from realtime.files.orders import Died, Find, Measure, Measured, Report, Searched, Unreadable

_REPORTS_AT_ONCE = 20
_PATHS_PER_ORDER = 100  # so that an order fits into the pipe of a process that is still starting


class Looker:
    """One helper process that searches at once and reads one file after another."""

    def __init__(self) -> None:
        self._helper = Helper("realtime.files.scout")
        self._wanted: dict[tuple[int, str], Measure] = {}
        self._first: tuple[int, ...] = ()
        self._measuring: Measure | None = None
        self._searches: deque[Find] = deque()

    @property
    def is_searching(self) -> bool:
        """Whether a search is under way."""
        return bool(self._searches)

    def find(self, paths: tuple[Path, ...], output: Path) -> None:
        """Search files and folders for songs."""
        is_idle = not self._searches
        for start in range(0, len(paths), _PATHS_PER_ORDER):
            self._searches.append(Find(paths[start : start + _PATHS_PER_ORDER], output))
        if is_idle:
            self._search_next()

    def want(self, entry: Entry) -> None:
        """Read the waveforms of a song that it has not got yet."""
        for part, path in (("mixture", entry.source), *entry.stems):
            if part not in entry.waveforms:
                self._wanted[entry.key, part] = Measure(entry.key, part, path)

    def forget(self, key: int) -> None:
        """Leave a song out."""
        for name in [name for name in self._wanted if name[0] == key]:
            del self._wanted[name]

    def look_first(self, keys: Iterable[int]) -> None:
        """Read these songs before others."""
        self._first = tuple(keys)

    def reports(self) -> Iterator[Report]:
        """Yield what has come, and give the process its next file."""
        for report in self._helper.reports(_REPORTS_AT_ONCE):
            match report:
                case Died():
                    yield from self._recover()
                    continue
                case Searched():
                    self._searches.popleft()
                    self._search_next()
                case Measured() | Unreadable():
                    self._measuring = None
            yield report
        if self._measuring is None and self._wanted:
            self._measuring = self._wanted.pop(self._next())
            self._helper.send(self._measuring)

    def close(self) -> None:
        """End the process."""
        self._helper.close()

    def _next(self) -> tuple[int, str]:
        first = set(self._first)
        seen = (name for name in self._wanted if name[0] in first)
        return next(seen, next(iter(self._wanted)))

    def _recover(self) -> Iterator[Report]:
        """Say what cannot be read, and search again where a search was lost."""
        if self._measuring is not None:
            lost, self._measuring = self._measuring, None
            yield Unreadable(lost.key, lost.part, f"{lost.path}: it cannot be read; choose another file")
        self._search_next()

    def _search_next(self) -> None:
        if self._searches:
            self._helper.send(self._searches[0])
