"""Which songs are scored, and how much of each."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.data.songs import FOLDER_SUFFIXES, INSTRUMENTS, References, Song, find_songs
from trainer.evaluate.bsseval import WINDOW_S, EvaluationError

PREVIEW_LIMIT_S = 60.0


@dataclass(frozen=True)
class Passage:
    """A song, or what is scored of it.

    Attributes:
        song: On disk.
        start_s: Where the passage begins.
        seconds: How long it is; None for the rest of the song.
    """

    song: Song
    start_s: float = 0.0
    seconds: float | None = None

    @property
    def name(self) -> str:
        """The song's name."""
        return self.song.name

    def load(self) -> References:
        """Read it.

        Raises:
            SongError: It cannot be read.
        """
        return self.song.load(self.start_s, self.seconds)

    def length_s(self) -> float:
        """Return its length by the song's header.

        Raises:
            SongError: The song is unreadable.
        """
        rest = self.song.seconds() - self.start_s
        return rest if self.seconds is None else min(rest, self.seconds)

    def identity(self) -> str:
        """Return what is in the song's files, and which part of it this is.

        Raises:
            SongError: The song is unreadable.
        """
        return f"{self.song.digest()} {self.start_s} {self.seconds}"


@dataclass(frozen=True)
class Protocol:
    """How an evaluation is done; scores by different protocols do not compare.

    Attributes:
        name: What the user calls it.
        words: What it means.
        songs: How many songs are drawn by the seed; None for all.
        seconds: Length of the chunk drawn from every song; None for whole songs.
        longest_s: Only songs up to this length take part; None for any.
        seed: Of the draws.
    """

    name: str
    words: str
    songs: int | None = None
    seconds: float | None = None
    longest_s: float | None = None
    seed: int = 0

    def adapted(self, songs: int | None, seconds: float | None, seed: int) -> Protocol:
        """Return it with what the user asked for otherwise.

        Raises:
            EvaluationError: A chunk is shorter than a window.
        """
        if seconds is not None and seconds < WINDOW_S:
            raise EvaluationError(f"--seconds {seconds:g}: a score takes {WINDOW_S:g} s; ask for that or more")
        return replace(self, songs=songs or self.songs, seconds=seconds or self.seconds, seed=seed)

    def choose(self, songs: Sequence[Song]) -> list[Passage]:
        """Return what is scored, in the order of the songs: the same passages for the same songs and seed.

        Raises:
            TrainerError: None is short enough, or a song is unreadable.
        """
        fitting = [song for song in songs if self.longest_s is None or song.seconds() <= self.longest_s]
        if not fitting:
            raise EvaluationError(
                f"none of the {len(songs)} songs is a preview of at most {self.longest_s:g} s; use --protocol full"
            )
        if self.songs is not None and self.songs < len(fitting):
            drawn = random.Random(self.seed).sample(range(len(fitting)), self.songs)
            fitting = [fitting[index] for index in sorted(drawn)]
        return [self._passage(song) for song in fitting]

    def describe(self) -> str:
        """Return one sentence: what was scored."""
        draw = f"{self.songs} songs drawn by seed {self.seed}" if self.songs else "all songs"
        piece = "each as a whole" if self.seconds is None else f"of each {self.seconds:g} s from a place drawn by seed"
        return f"Protocol `{self.name}` ({self.words}): {draw}, {piece}."

    def _passage(self, song: Song) -> Passage:
        if self.seconds is None:
            return Passage(song)
        # The name is part of the seed, so that the place does not depend on which other songs are there.
        latest_s = max(0.0, song.seconds() - self.seconds)
        return Passage(song, round(random.Random(f"{self.seed} {song.name}").uniform(0, latest_s), 2), self.seconds)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("full", "SiSEC 2018: whole songs"),
        Protocol("published", "25 random songs, 30 s of each", songs=25, seconds=30.0),
        Protocol("previews", f"songs of at most {PREVIEW_LIMIT_S:g} s", longest_s=PREVIEW_LIMIT_S),
    )
}


def complete_songs(folder: Path) -> list[Song]:
    """Return every song at or below `folder`.

    Raises:
        TrainerError: There is none, two have one name, or a folder looks like a song and lacks a stem.
    """
    songs = find_songs(folder)
    for song, following in itertools.pairwise(songs):
        if song.name == following.name:
            raise EvaluationError(f"{folder}: holds two songs called {song.name!r}; rename one or take it away")
    found = {path.parent for song in songs if not song.is_stems_file for _, path in song.parts}
    for place in sorted({path.parent for path in folder.rglob("*") if path.suffix.lower() in FOLDER_SUFFIXES} - found):
        names = {path.stem.lower() for path in place.iterdir() if path.suffix.lower() in FOLDER_SUFFIXES}
        if names & {"vocals", "mixture"}:
            missing = (
                "vocals" if "vocals" not in names else "accompaniment, mixture or " + ", ".join(sorted(INSTRUMENTS))
            )
            raise EvaluationError(f"{place}: has no {missing}; add what is missing or take the folder away")
    return songs
