"""The doors of the audio process: what the devices bring and take, block by block."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.live.callback_log import CallbackLog
from realtime.live.devices import DeviceInfo, find_device, portaudio
from realtime.live.errors import LiveError
from realtime.live.feeds import DirectFeed, DriftingFeed
from realtime.live.outlet import Outlet
from realtime.live.parameters import LatencyPart, Problem, StreamSettings, Timing
from realtime.live.streams import (
    JACK,
    block_of,
    close_streams,
    comes_in_bursts,
    open_stream,
    pick_channels,
    start_stream,
)

# How late a block of an input with a clock of its own may come; a sound server brings 20 ms at once.
_RESERVE_S, _BURST_RESERVE_S = 0.004, 0.03
_ALIVE_S = 1.0
_CLOSE_S = 2.0
_FILLING_S, _FIRST_CALLBACK_S, _POLL_S = 0.1, 5.0, 0.005


@dataclass(frozen=True)
class PortStats:
    """How the devices fare since the start.

    Attributes:
        callbacks: How often the output asked for a block.
        xruns: Gaps in the devices' own streams; one of a sound server counts once, though all its streams tell of it.
        underruns: Blocks that the mixer brought too late, so that silence was played.
        overruns: Blocks that were lost because nobody fetched or took them.
        shortages: Blocks of input that were silence, or jumped, because the input device was not in time.
        ring_fill: Share of the prefill that was waiting when the output last took from the queue.
        drift_ppm: By how much the input's clock runs ahead of the output's.
    """

    callbacks: int = 0
    xruns: int = 0
    underruns: int = 0
    overruns: int = 0
    shortages: int = 0
    ring_fill: float = 0.0
    drift_ppm: float = 0.0


@dataclass
class _Input:
    """An input device: with a stream of its own, or the output's where it is the same device."""

    device: DeviceInfo
    block_samples: int
    log: CallbackLog
    feeds: list[DirectFeed | DriftingFeed] = field(default_factory=list)
    channels: int = 0


class AudioPorts:
    """The open devices, seen from the mixer thread, which the output's clock drives.

    The mixer's turn is: `wait`, `read_music` and `read_microphone`, mix, `write`, all of `block_samples`. The callbacks
    run on PortAudio's threads and only copy, note the time and wake the mixer. From opening on, the output plays
    silence; `start` connects it. Late blocks are replaced by silence and dropped when they come, so that the latency
    stays as it is.

    Args:
        settings: Devices, channels and block.

    Attributes:
        sample_rate: The output device's own, in Hz.
        block_samples: Samples per turn.

    Raises:
        LiveError: A device is missing, busy or does not do what is asked of it.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._output = find_device(settings.output, "output")
        self.sample_rate = self._output.default_rate_hz
        self.block_samples = block_of(self._output, settings.block_samples)
        self._output_channels = pick_channels(self._output, "output", settings.output_channels, 2)
        settles = self._output.host_api != JACK
        self._outlet = Outlet(self._output_channels, self.sample_rate, self.block_samples, settles)
        self._log = CallbackLog()
        self._inputs: dict[int, _Input] = {}
        self._music = self._microphone = None
        if not settings.song:
            device = find_device(settings.input, "input")
            channels = pick_channels(device, "input", settings.input_channels, 2)
            self._music = self._add_feed(device, channels, settings.block_samples)
        if settings.microphone:
            device = find_device(settings.microphone, "input")
            channels = pick_channels(device, "input", settings.microphone_channels, 1)
            self._microphone = self._add_feed(device, channels, settings.block_samples)
        # A server whose period grows while it runs ends the stream: the queues were made for another one.
        self._abort = portaudio().CallbackAbort
        self._is_connected = False
        self._streams: list[Any] = []
        try:
            self._open()
        except LiveError:
            self.close()
            raise

    @property
    def prefill_samples(self) -> int:
        """How many samples wait in the output's queue when all is well."""
        return self._outlet.prefill_samples

    @property
    def is_alive(self) -> bool:
        """Whether every stream runs and the output asked within the last second.

        An input may pause: a WASAPI loopback brings nothing while nothing plays.
        """
        is_on_time = time.perf_counter() - self._log.last_s < _ALIVE_S
        return is_on_time and bool(self._streams) and all(stream.active for stream in self._streams)

    def start(self) -> None:
        """Connect the devices to the queues; the mixer thread is to be ready."""
        for entry in self._inputs.values():
            for feed in entry.feeds:
                feed.reset()
        self._outlet.connect()
        self._is_connected = True

    def stop(self) -> None:
        """Disconnect them; the output plays silence."""
        self._is_connected = False
        self._outlet.disconnect()

    def close(self) -> None:
        """Close the devices, within seconds.

        Where a sound server died, PortAudio may hang for ever in a thread of its own and again when the process ends:
        whoever started this process has to kill it then.
        """
        self.stop()
        streams, self._streams = self._streams, []
        if streams:
            close_streams(streams, _CLOSE_S)

    def wait(self, timeout_s: float) -> bool:
        """Wait until the output wants a block; return False if it did not in that time (mixer thread)."""
        return self._outlet.wait(timeout_s)

    def deadline(self) -> float:
        """Return until when, on `time.perf_counter`, the block asked for has to be written (mixer thread)."""
        return self._outlet.deadline()

    def read_music(self, out: NDArray[np.float32]) -> None:
        """Fill `out`, `(2, block_samples)`, from the music's input; silence where there is none (mixer thread)."""
        self._read(self._music, out)

    def read_microphone(self, out: NDArray[np.float32]) -> None:
        """Fill `out`, `(2, block_samples)`, from the microphone; silence where there is none (mixer thread)."""
        self._read(self._microphone, out)

    def write(self, block: NDArray[np.float32]) -> None:
        """Queue `(2, block_samples)` for the output, less what should have been played before (mixer thread)."""
        self._outlet.write(block)

    def stats(self) -> PortStats:
        """Return how the devices fare."""
        feeds = [feed for entry in self._inputs.values() for feed in entry.feeds]
        main = self._music or self._microphone
        return PortStats(
            callbacks=self._log.callbacks,
            xruns=self._xruns(),
            underruns=self._outlet.underruns,
            overruns=self._outlet.overruns + sum(feed.overruns for feed in feeds),
            shortages=sum(feed.shortages for feed in feeds),
            ring_fill=self._outlet.waiting / self.prefill_samples,
            drift_ppm=main.drift_ppm if main else 0.0,
        )

    def callback_timing(self) -> Timing:
        """Return how long the output's callback took."""
        return self._log.timing()

    def latency_parts(self) -> tuple[LatencyPart, ...]:
        """Return the parts of the way from the music's input to the output that lie here, in their order."""
        parts = []
        for entry in self._inputs.values():
            if self._music in entry.feeds:
                parts.append(LatencyPart("device input", 1e3 * entry.log.input_latency_s()))
        if self._music and self._music.delay_s:
            parts.append(LatencyPart("drift resampler", 1e3 * self._music.delay_s))
        parts.append(LatencyPart("queue", 1e3 * self.prefill_samples / self.sample_rate))
        parts.append(LatencyPart("device output", 1e3 * self._log.output_latency_s()))
        return tuple(parts)

    def _xruns(self) -> int:
        others = [(entry.device, entry.log.xruns) for entry in self._inputs.values() if entry.log is not self._log]
        streams = [(self._output, self._log.xruns), *others]
        of_server = max((xruns for device, xruns in streams if device.host_api == JACK), default=0)
        return of_server + sum(xruns for device, xruns in streams if device.host_api != JACK)

    def _read(self, feed: DirectFeed | DriftingFeed | None, out: NDArray[np.float32]) -> None:
        if feed is None:
            out[...] = 0
        else:
            feed.read(out, self._outlet.asked_at())

    # Opening

    def _add_feed(self, device: DeviceInfo, channels: tuple[int, int], asked: int) -> DirectFeed | DriftingFeed:
        if device.index not in self._inputs:
            if self._shares_stream(device):
                self._inputs[device.index] = _Input(device, self.block_samples, self._log)
            else:
                self._inputs[device.index] = _Input(device, block_of(device, asked), CallbackLog())
        entry = self._inputs[device.index]
        if entry.log is self._log:
            feed = DirectFeed(channels, self.sample_rate, self.block_samples)
        else:
            clocks = device.default_rate_hz, entry.block_samples, self.sample_rate, self.block_samples
            reserve_s = _BURST_RESERVE_S if comes_in_bursts(device) else _RESERVE_S
            feed = DriftingFeed(channels, *clocks, reserve_s)
        entry.feeds.append(feed)
        entry.channels = max(entry.channels, *(channel + 1 for channel in channels))
        return feed

    def _shares_stream(self, device: DeviceInfo) -> bool:
        """Return whether `device` is to be opened as one with the output: the same device, or one of the same server.

        A stream has one input, so only the first device of a JACK server can be that.
        """
        is_free = all(entry.log is not self._log for entry in self._inputs.values())
        return device.index == self._output.index or (is_free and device.host_api == self._output.host_api == JACK)

    def _open(self) -> None:
        sink = self._output, max(self._output_channels) + 1
        shared = next((entry for entry in self._inputs.values() if entry.log is self._log), None)
        source = (shared.device, shared.channels) if shared else None
        callback = self._duplex_callback(shared) if shared else self._output_callback
        self._streams.append(open_stream(source, sink, self.sample_rate, self.block_samples, callback))
        for entry in self._inputs.values():
            if entry is not shared:
                rate, callback = entry.device.default_rate_hz, self._input_callback(entry)
                source = entry.device, entry.channels
                self._streams.append(open_stream(source, None, rate, entry.block_samples, callback))
        for stream in self._streams:
            start_stream(stream, self._output)
        self._wait_until_running()

    def _wait_until_running(self) -> None:
        """Return once the output keeps asking: a sound server fills its buffers at once and may then take seconds."""
        began = time.perf_counter()
        while self._log.last_s < began + _FILLING_S:
            if time.perf_counter() > began + _FIRST_CALLBACK_S:
                label = self._output.label
                text = f"{label} does not play: restart the sound server or choose another device"
                raise LiveError(text, Problem.DEVICE_REFUSES, label)
            time.sleep(_POLL_S)

    # The callbacks, on PortAudio's threads: they copy, note the time, wake the mixer, and never wait

    def _duplex_callback(self, entry: _Input) -> Callable[..., None]:
        def callback(samples: NDArray, out: NDArray, frames: int, times: Any, status: Any) -> None:
            now = time.perf_counter()
            self._take(entry, samples, now)
            self._outlet.play(out, now)
            self._log.note(now, time.perf_counter(), times, status)

        return callback

    def _input_callback(self, entry: _Input) -> Callable[..., None]:
        def callback(samples: NDArray, frames: int, times: Any, status: Any) -> None:
            now = time.perf_counter()
            self._take(entry, samples, now)
            entry.log.note(now, time.perf_counter(), times, status)

        return callback

    def _output_callback(self, out: NDArray, frames: int, times: Any, status: Any) -> None:
        now = time.perf_counter()
        if frames > self.block_samples:
            raise self._abort
        self._outlet.play(out, now)
        self._log.note(now, time.perf_counter(), times, status)

    def _take(self, entry: _Input, samples: NDArray[np.float32], now: float) -> None:
        if len(samples) > entry.block_samples:
            raise self._abort
        if self._is_connected:
            for feed in entry.feeds:
                feed.take(samples, now)
