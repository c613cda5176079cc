"""A song in a window's queue, as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from realtime.files.waveform import Waveform


class SongState(StrEnum):
    """What has become of a song in the queue."""

    WAITING = "waiting"
    SEPARATING = "separating"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Entry:
    """One song.

    Attributes:
        key: What names it as long as it is in the queue.
        source: Its file.
        album: The sub-folder it was found in.
        place: Its real path, by which doubles are told.
        state: What has become of it.
        seconds: Its length; None while that is unknown.
        separated_s: How much of it has been separated.
        message: Why it failed, one sentence; empty otherwise.
        folder: Where its stems are; None before.
        stems: Their names and files.
        clipped_samples: How many samples of the stems were clipped.
        waveforms: Of the `mixture` and, when it is done, the stems, as far as they have been measured.
    """

    key: int
    source: Path
    album: Path
    place: str
    state: SongState = SongState.WAITING
    seconds: float | None = None
    separated_s: float = 0.0
    message: str = ""
    folder: Path | None = None
    stems: tuple[tuple[str, Path], ...] = ()
    clipped_samples: int = 0
    waveforms: dict[str, Waveform] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether there is still work to do."""
        return self.state in (SongState.WAITING, SongState.SEPARATING)

    @property
    def progress(self) -> float:
        """How much of it is done, 0 to 1."""
        if self.state is SongState.DONE:
            return 1.0
        return min(1.0, self.separated_s / self.seconds) if self.seconds else 0.0


@dataclass(frozen=True)
class Overview:
    """How the whole queue stands.

    Attributes:
        songs, done, failed: Numbers of songs.
        open: How many are waiting or being separated.
        progress: Share of the audio that is done, 0 to 1, songs left out that failed or were cancelled.
        left_s: Seconds until all is done at the speed so far; None while that is unknown.
        paused: Whether the queue stands still on request.
        searching: Whether what was dropped is still being searched.
    """

    songs: int
    done: int
    failed: int
    open: int
    progress: float
    left_s: float | None
    paused: bool
    searching: bool
