"""Shows a batch in a terminal: a bar where there is one, plain lines where there is not."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from realtime.files.batch import Event, SongDone, SongFailed, SongProgress, SongSkipped, SongStarted

_LINE_EVERY_S = 10.0
_BAR = "{percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s, {remaining} left"


class BatchPrinter:
    """Prints the events of a batch: results on standard output, problems on standard error."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._started = self._last_line = 0.0
        self._seconds: float | None = None

    def show(self, event: Event) -> None:
        """Print one event."""
        match event:
            case SongStarted():
                self._start(event)
            case SongProgress():
                self._progress(event.seconds)
            case SongDone():
                self.close()
                print(f"  {event.song.folder}: {clock(event.seconds)} of audio in {clock(event.elapsed_s)}")
                for stem, count in event.clipped_samples.items():
                    print(f"  {count} clipped sample{'s' * (count != 1)} in {stem} (32-bit wav keeps them)")
            case SongSkipped():
                print(f"{event.song.source}: done before, skipped")
            case SongFailed():
                self.close()
                print(event.message, file=sys.stderr)
        sys.stdout.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _start(self, event: SongStarted) -> None:
        title = f"[{event.number}/{event.count}] {event.song.source}"
        print(title)
        self._seconds = event.seconds
        self._started = self._last_line = time.monotonic()
        if sys.stderr.isatty():
            self._bar = tqdm(total=event.seconds, bar_format=event.seconds and _BAR, unit="s", leave=False)

    def _progress(self, seconds: float) -> None:
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(seconds - self._bar.n)
        elif now - self._last_line >= _LINE_EVERY_S and seconds > 0:
            self._last_line = now
            left = ""
            if self._seconds:
                left_s = (self._seconds - seconds) * (now - self._started) / seconds
                left = f" of {clock(self._seconds)}, {clock(left_s)} left"
            print(f"  {clock(seconds)}{left}")


def clock(seconds: float) -> str:
    """Return a duration as `m:ss` or `h:mm:ss`, with tenths below a minute."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
