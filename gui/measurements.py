"""The figures of `python -m gui.measure`, taken from the real window and the real engine."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PyQt6.QtWidgets import QApplication, QWidget

from gui.app import destroy, make_window
from gui.engine_bridge import EngineBridge
from gui.main_window import MainWindow
from gui.screenshot_song import write_song
from gui.settings import Settings
from realtime.live.client import EngineSnapshot, EngineState, messages

_PATIENCE_S = 60.0
_DROPPED = 500
_DROPPED_S = 0.3  # length of each of these files
_WATCHED_S = 8.0
_ROUNDS = 2


def measure(begun: float, seconds: float) -> None:
    """Show the window and print what was measured.

    Args:
        begun: Time of `time.monotonic` when the program was started.
        seconds: How long each measurement with music takes.
    """
    app = QApplication(["unsing"])
    with tempfile.TemporaryDirectory(prefix="unsing-") as folder:
        _measure_in(app, Path(folder), begun, seconds)  # on its own, so that the window is gone before the application


def _measure_in(app: QApplication, folder: Path, begun: float, seconds: float) -> None:
    settings, bridge = Settings(folder / "window.json"), EngineBridge(app)
    settings.put("first_steps_read", True)
    settings.put("files_output", {"folder": str(folder / "stems")})
    window = make_window(app, settings, bridge)
    paint = _FirstPaint(window)
    window.show()
    _wait(lambda: paint.seen_at is not None)
    print(f"window seen after {1000 * ((paint.seen_at or 0.0) - begun):.0f} ms, {_load()}", flush=True)
    bridge.open()
    window.prepare_files_view()
    _wait(lambda: bridge.answer(messages.Devices) is not None)
    if _has_output(bridge):
        _measure_music(window, bridge, write_song(folder / "song.wav", _ROUNDS * 2 * seconds + 60), seconds)
    else:
        print("no audio output, so music was not measured: connect one, or start a sound server")
    _measure_drops(window, folder)
    window.close()
    bridge.close()
    destroy(window)


def _measure_music(window: MainWindow, bridge: EngineBridge, song: Path, seconds: float) -> None:
    for attempt in ("first start", "second start"):
        sound_ms = _start(bridge, str(song))
        if bridge.snapshot.state is EngineState.FAILED:
            print(f"music was not measured: {bridge.snapshot.message}")
            return
        print(f"sound after {sound_ms:.0f} ms ({attempt}), {_load()}", flush=True)
        _stop(bridge)
    print(f"\n{'window':<8}{'hops':>8}{'misses':>8}{'gaps':>6}{'callback p50':>14}{'p99':>9}{'max':>9}  (ms)")
    for shown in (True, False) * _ROUNDS:
        window.setVisible(shown)
        _start(bridge, str(song))
        _wait(lambda: bridge.snapshot.state is not EngineState.WARMING_UP)
        before = bridge.snapshot
        _wait(lambda: False, seconds)
        _print_row("shown" if shown else "hidden", before, bridge.snapshot)
        _stop(bridge)
    window.show()
    print()


def _print_row(name: str, before: EngineSnapshot, after: EngineSnapshot) -> None:
    hops, misses, gaps = after.hops - before.hops, after.misses - before.misses, after.xruns - before.xruns
    callback = after.callback
    print(
        f"{name:<8}{hops:>8}{misses:>8}{gaps:>6}"
        f"{callback.p50_ms:>14.3f}{callback.p99_ms:>9.3f}{callback.max_ms:>9.3f}  {_load()}",
        flush=True,
    )


def _start(bridge: EngineBridge, song: str) -> float:
    """Let a song sound; return after how many ms it did, or failed to."""
    before, begun = bridge.scope(0), time.monotonic()
    seen = before[1] if before is not None else 0
    bridge.start(song)

    def is_decided() -> bool:
        now = bridge.scope(seen)
        return bridge.snapshot.state is EngineState.FAILED or (now is not None and bool(now[0][1].any()))

    _wait(is_decided)
    return 1000 * (time.monotonic() - begun)


def _stop(bridge: EngineBridge) -> None:
    bridge.stop()
    _wait(lambda: not bridge.active)


def _measure_drops(window: MainWindow, folder: Path) -> None:
    """Drop many files on the Live view, so that the Files view has to be built, and as many on the Files view."""
    song = write_song(folder / "short.wav", _DROPPED_S)
    window.segments.set_index(0)
    print(f"{'event loop':<32}{'longest gap':>12}{'its own work':>14}  (ms)")
    _measure_gap("at rest", lambda: None)
    for name in (f"{_DROPPED} files on the Live view", f"{_DROPPED} more on the Files view"):
        album = folder / name
        album.mkdir()
        songs = [Path(shutil.copy(song, album / f"{number:03d}.wav")) for number in range(_DROPPED)]
        _measure_gap(name, lambda songs=songs: window.add_files(songs))


def _measure_gap(name: str, act: Callable[[], None]) -> None:
    gaps = _Gaps()
    QTimer.singleShot(0, act)
    _wait(lambda: False, _WATCHED_S)
    gaps.stop()
    print(f"{name:<32}{gaps.longest_ms:>12.0f}{gaps.longest_work_ms:>14.0f}  {_load()}", flush=True)


def _has_output(bridge: EngineBridge) -> bool:
    devices = bridge.answer(messages.Devices)
    return not isinstance(devices, str) and any(device.output_channels for device in devices or ())


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""


def _wait(done: Callable[[], bool], seconds: float = _PATIENCE_S) -> None:
    """Let the window live until `done`, or for `seconds`."""
    loop, timer, end = QEventLoop(), QTimer(), time.monotonic() + seconds
    timer.timeout.connect(lambda: loop.quit() if done() or time.monotonic() > end else None)
    timer.start(5)
    loop.exec()


class _FirstPaint(QObject):
    """Notes when a widget was first painted."""

    def __init__(self, watched: QWidget) -> None:
        super().__init__(watched)
        self.seen_at: float | None = None
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if self.seen_at is None and event is not None and event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self._note)  # once everything in it is painted too
        return super().eventFilter(watched, event)

    def _note(self) -> None:
        self.seen_at = self.seen_at or time.monotonic()


class _Gaps:
    """Finds the longest time in which the event loop did not come round, and the longest it worked in such a time.

    The rest of a gap is the wait for a processor that others use.
    """

    def __init__(self) -> None:
        self.longest_ms = self.longest_work_ms = 0.0
        self._last, self._work = time.monotonic(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._come_round)
        self._timer.start(1)

    def stop(self) -> None:
        """Look no longer."""
        self._timer.stop()

    def _come_round(self) -> None:
        now, work = time.monotonic(), time.thread_time()
        self.longest_ms = max(self.longest_ms, 1000 * (now - self._last))
        self.longest_work_ms = max(self.longest_work_ms, 1000 * (work - self._work))
        self._last, self._work = now, work
