"""How long the machine itself stalls: an empty audio callback in a process of its own, beside everything else."""

from __future__ import annotations

import multiprocessing
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from realtime.live.devices import find_device, portaudio
from realtime.live.errors import LiveError
from realtime.live.parameters import StreamSettings
from realtime.live.timing import Durations

_JOIN_S = 3.0


@dataclass(frozen=True)
class Stalls:
    """What an empty callback saw.

    Attributes:
        period_ms: How often it should come.
        p99_ms, max_ms: Between one and the next.
        late: How often it was a whole period late.
        error: Why it could not be measured; empty where it was.
    """

    period_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    late: int = 0
    error: str = ""


class StallMeter:
    """Measures from its making until `finish`.

    Args:
        settings: The output device and block are taken from it.
    """

    def __init__(self, settings: StreamSettings) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_listen, args=(theirs, settings), name="unsing-stalls", daemon=True)
        self._process.start()
        theirs.close()

    def finish(self) -> Stalls:
        """Stop and return what was measured."""
        try:
            self._connection.send(None)
            stalls = self._connection.recv()
        except (EOFError, OSError):
            stalls = Stalls(error="the measuring process ended early")
        self._process.join(_JOIN_S)
        self._process.kill()
        return stalls


def _listen(connection: Connection, settings: StreamSettings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked for the figures hears Ctrl-C, and still wants them
    gaps, late, last_s, period_ms = Durations(), 0, 0.0, 0.0

    def callback(out: Any, frames: int, _times: Any, _status: Any) -> None:
        nonlocal late, last_s, period_ms
        now_s = time.perf_counter()
        out.fill(0)
        period_ms = 1000 * frames / rate
        if last_s:
            gap_ms = 1000 * (now_s - last_s)
            gaps.add(gap_ms)
            late += gap_ms > 2 * period_ms
        last_s = now_s

    try:
        library = portaudio()
        device = find_device(settings.output, "output")
        rate = device.default_rate_hz
        stream = library.OutputStream(
            rate, settings.block_samples, device.index, device.output_channels, "float32", "low", callback=callback
        )
    except LiveError as error:
        connection.recv()
        connection.send(Stalls(error=str(error)))
        return
    except library.PortAudioError:
        connection.recv()
        connection.send(Stalls(error=f"{device.label} does not open twice"))
        return
    with stream:
        connection.recv()
    connection.send(Stalls(period_ms, gaps.percentile_ms(99), gaps.max_ms, late))
