"""The batch queue: separates songs one after another, for a terminal or a window to show."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from realtime.files.discovery import Song
from realtime.files.errors import AudioFileError, CancelledError
from realtime.files.formats import StemFormat
from realtime.files.reading import AudioReader, open_audio
from realtime.files.receipt import ModelIdentity, Receipt, read_receipt
from realtime.files.song import SeparatorPool, separate
from realtime.files.stems import StemSet
from realtime.plugin import PluginError

_BLOCK_S = 0.2


@dataclass(frozen=True)
class SongStarted:
    """A song's turn has come: number `number` of `count`, `seconds` long if that is known."""

    song: Song
    number: int
    count: int
    seconds: float | None


@dataclass(frozen=True)
class SongProgress:
    """`seconds` of the song's audio have been separated so far."""

    song: Song
    seconds: float


@dataclass(frozen=True)
class SongDone:
    """A song's stems lie in its folder.

    Attributes:
        song: The song.
        seconds: Its length.
        elapsed_s: How long it took.
        clipped_samples: How many samples of each stem were clipped, for the stems where any was.
    """

    song: Song
    seconds: float
    elapsed_s: float
    clipped_samples: dict[str, int]


@dataclass(frozen=True)
class SongSkipped:
    """A song's stems were there already, made from the same file in the same way."""

    song: Song


@dataclass(frozen=True)
class SongFailed:
    """A song could not be separated; `message` is one sentence for the user."""

    song: Song
    message: str


Event = SongStarted | SongProgress | SongDone | SongSkipped | SongFailed


@dataclass(frozen=True)
class BatchSummary:
    """What became of a batch.

    Attributes:
        done, skipped, failed: Numbers of songs.
        cancelled: Whether it was stopped early.
        seconds: Length of the audio that was separated.
        elapsed_s: How long that took, the time for what failed left out.
    """

    done: int
    skipped: int
    failed: int
    cancelled: bool
    seconds: float
    elapsed_s: float


class Batch:
    """A queue of songs.

    Args:
        songs: The songs, in order.
        model: The plug-in file.
        targets: The stems to write, None for all the model offers.
        stem_format: How to write them.
        on_event: Called with every `Event`, in the thread that runs the batch; what it raises ends the batch.

    Attributes:
        spec: What the model says about itself.
        targets: The stems that are written.

    Raises:
        PluginError: The model breaks the contract, or cannot be run.
        AudioFileError: The model does not offer one of the targets.
    """

    def __init__(
        self,
        songs: Sequence[Song],
        model: Path,
        targets: Sequence[str] | None,
        stem_format: StemFormat,
        on_event: Callable[[Event], None],
    ) -> None:
        self._songs = tuple(songs)
        self._pool = SeparatorPool(model)
        self.spec = self._pool.spec
        self._identity = ModelIdentity.of(model, self.spec)
        self.targets = _check_targets(targets, self.spec.outputs)
        self._format = stem_format
        self._emit = on_event
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Stop at the next block, from any thread; what is unfinished is removed."""
        self._stop.set()

    def run(self) -> BatchSummary:
        """Separate every song that is not done yet; one that fails does not keep the others from their turn."""
        ends: list[Event] = []
        try:
            for number, song in enumerate(self._songs, 1):
                with closing(self._separate_or_explain(song, number)) as events:
                    for event in events:
                        self._emit(event)
                ends.append(event)
        except CancelledError:
            pass
        done = [end for end in ends if isinstance(end, SongDone)]
        return BatchSummary(
            done=len(done),
            skipped=sum(isinstance(end, SongSkipped) for end in ends),
            failed=sum(isinstance(end, SongFailed) for end in ends),
            cancelled=len(ends) < len(self._songs),
            seconds=sum(end.seconds for end in done),
            elapsed_s=sum(end.elapsed_s for end in done),
        )

    def _separate_or_explain(self, song: Song, number: int) -> Generator[Event, None, None]:
        """Yield a song's events, its end last; they are shown outside, so that an error there is not the song's."""
        self._check_cancelled()
        try:
            with open_audio(song.source) as reader:
                receipt = Receipt.of(song.source, self._identity, self.targets, self._format)
                if self._is_done(song, receipt):
                    yield SongSkipped(song)
                    return
                seconds = None if reader.frames is None else reader.frames / reader.sample_rate
                self._check_format(reader)
                yield SongStarted(song, number, len(self._songs), seconds)
                yield from self._separate(song, reader, receipt)
        except AudioFileError as error:
            yield SongFailed(song, str(error))
        except PluginError as error:
            yield SongFailed(song, f"{song.source}: {error}")
        except OSError as error:
            place = error.filename or song.source
            reason = (error.strerror or str(error)).lower()
            yield SongFailed(song, f"{place}: {reason}; check the path and its permissions")

    def _separate(self, song: Song, reader: AudioReader, receipt: Receipt) -> Iterator[Event]:
        start = time.perf_counter()
        with self._stems(song, reader) as stems:
            blocks = reader.blocks(max(1, round(_BLOCK_S * reader.sample_rate)))
            for outputs in separate(blocks, self._pool, reader.channels, reader.sample_rate):
                self._check_cancelled()
                stems.write(dict(zip(self.spec.outputs, outputs, strict=True)))
                yield SongProgress(song, stems.frames / reader.sample_rate)
            stems.commit(receipt)
        yield SongDone(song, stems.frames / reader.sample_rate, time.perf_counter() - start, stems.clipped_samples)

    @contextmanager
    def _stems(self, song: Song, reader: AudioReader) -> Iterator[StemSet]:
        stems = StemSet(
            song.folder,
            self.targets,
            self._format,
            reader.sample_rate,
            reader.channels,
            reader.frames,
            keep=[other.source for other in self._songs],
        )
        try:
            yield stems
        finally:
            stems.discard_unfinished()

    def _check_format(self, reader: AudioReader) -> None:
        problem = self._format.problem(reader.sample_rate, reader.channels)
        if problem:
            raise AudioFileError(f"{reader.path}: {problem}")

    def _is_done(self, song: Song, receipt: Receipt) -> bool:
        return read_receipt(song.folder) == receipt and all(
            (song.folder / f"{target}.{self._format.name}").is_file() for target in self.targets
        )

    def _check_cancelled(self) -> None:
        if self._stop.is_set():
            raise CancelledError


def _check_targets(wanted: Sequence[str] | None, offered: tuple[str, ...]) -> tuple[str, ...]:
    if not wanted:
        return offered
    unknown = [name for name in wanted if name not in offered]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise AudioFileError(f"this model has no target {names}; choose from {', '.join(offered)}")
    return tuple(name for name in offered if name in wanted)
