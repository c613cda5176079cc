"""One model's way through the engine: its thread, the queues around it, and the dry signal it is aligned with."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
from numpy.typing import NDArray

from realtime.live.errors import LiveError
from realtime.live.parameters import LatencyPart, Problem
from realtime.live.priority import Priority, ask_for_priority
from realtime.live.resampling import Resampler
from realtime.live.rings import AudioRing
from realtime.live.timing import Durations
from realtime.live.wake import Wake
from realtime.plugin import OnnxPlugin, PluginError
from realtime.separator import StreamingSeparator

CHANNELS = 2
_BACKLOG_S = 0.5  # further behind than this, a model starts afresh instead of catching up
_IDLE_S = 0.1
_CLOSE_S = 1.0
# Samples of the model's rate that may be added to its latency so that it falls on a whole sample of the device's.
_PADDING = 16


class Lane:
    """Blocks in, vocals out `latency_samples` later, or the word that they are late.

    The mixer's thread feeds and takes, the lane's own thread separates, a whole chunk at a time. Every sample fed comes
    out of the queue once, in order: what came late is dropped when it arrives, so the latency never changes.

    Args:
        plugin: The model; it then belongs to this lane.
        sample_rate: Of what is fed and taken, in Hz.
        block_samples: The most that is fed or taken at once.

    Attributes:
        latency_samples: At `sample_rate`, resampling included.
        deadline_ms: What the model has for a call.
        calls: How long the calls took, the transform and all else included.
        misses, late_samples: Calls that came late or failed, and for how many samples the dry signal stood in.
        message: Why the model failed last; empty where it did not.

    Raises:
        LiveError: The model cannot run live.
    """

    def __init__(self, plugin: OnnxPlugin, sample_rate: int, block_samples: int) -> None:
        self.plugin, spec = plugin, plugin.spec
        _check(plugin)
        self._separator = StreamingSeparator(plugin)
        self._vocals = spec.outputs.index("vocals")
        self._to_model = Resampler(sample_rate, spec.sample_rate, spec.channels)
        self._back = Resampler(spec.sample_rate, sample_rate, spec.channels)
        ratio = sample_rate / spec.sample_rate
        in_model = self._to_model.delay_samples + spec.latency_samples
        self._padding = min(range(_PADDING), key=lambda extra: _off_grid((in_model + extra) * ratio))
        self._padded = math.ceil(self._padding * ratio)
        # Without it the model would have to answer within one block, however long its hop is.
        self._reserve = max(0, round(spec.call_samples * ratio) - block_samples)
        self._converted = round((in_model + self._padding) * ratio) + self._back.delay_samples - self._padded
        self.latency_samples = self._converted + self._reserve
        self._rate = sample_rate
        self.deadline_ms = 1000 * spec.call_samples / spec.sample_rate
        self.calls = Durations()
        self.misses = self.late_samples = 0
        self.message = ""
        self._backlog = round(_BACKLOG_S * sample_rate)
        capacity = 2 * (self._backlog + self.latency_samples) + 8 * block_samples
        self._fed, self._dry, self._separated = (AudioRing(CHANNELS, capacity) for _ in range(3))
        self._dry.write(np.zeros((CHANNELS, self.latency_samples), np.float32))
        # With room for what is left over where one sample becomes several.
        self._mixture = AudioRing(spec.channels, spec.call_samples + math.ceil(1 / ratio))
        self._chunk = np.zeros((spec.channels, spec.call_samples), np.float32)
        self._block = np.zeros((CHANNELS, math.ceil(spec.call_samples * ratio) + 1), np.float32)
        self._wanted = 0  # samples that complete the chunk; before that it does not pay to wake up
        self._silence = np.zeros((CHANNELS, capacity), np.float32)
        self._consumed = self._produced = self._taken = self._surplus = 0
        self._overdue = 0  # samples given up, to be dropped when they come
        self._lost = self._passed_over = 0  # samples there was no room for, and those of them that are reckoned with
        self._valid_from = 0  # what comes before, after the model began again, was separated from nothing
        self._work, self._done = Wake(), Wake()
        self._running = True
        self._align()
        self._thread = threading.Thread(target=self._run, name=f"unsing {spec.name}", daemon=True)
        self._thread.start()

    @property
    def is_filled(self) -> bool:
        """Whether what is taken next was fed, rather than the silence before it."""
        return self._taken >= self.latency_samples

    def latency_parts(self) -> tuple[LatencyPart, ...]:
        """Return the parts of `latency_samples` that are not nothing."""
        spec = self.plugin.spec
        parts = {
            "synthesis window": spec.stft.synthesis_samples / spec.sample_rate,
            "chunk and lookahead": (spec.latency_samples - spec.stft.synthesis_samples) / spec.sample_rate,
            "resampling": self._converted / self._rate - spec.latency_samples / spec.sample_rate,
            "reserve for the model": self._reserve / self._rate,
        }
        return tuple(LatencyPart(name, 1000 * seconds) for name, seconds in parts.items() if abs(seconds) > 1e-9)

    def feed(self, block: NDArray[np.float32]) -> None:
        """Hand over the next `(2, n)` samples (mixer thread)."""
        if block.shape[1] <= self._fed.space:
            self._fed.write(block)
        else:
            self._lost += block.shape[1]
        self._dry.write(block)
        if self._fed.available >= self._wanted:
            self._work.set()

    def take(self, vocals: NDArray[np.float32], dry: NDArray[np.float32], deadline: float) -> bool:
        """Fill `vocals` and `dry`, both `(2, n)`, with what was fed `latency_samples` ago (mixer thread).

        Args:
            vocals: Undefined afterwards where they are late.
            dry: The mixture they were separated from.
            deadline: Time of `time.perf_counter` until which to wait for them.

        Returns:
            Whether the vocals are there and were separated from music.
        """
        length = dry.shape[1]
        self._dry.read(dry)
        there = self._wait_for(length, deadline)
        if there:
            self._separated.read(vocals)
        else:
            self._overdue += length
        valid = there and self._taken >= self._valid_from
        if not valid and self.is_filled:
            self.late_samples += length
        self._taken += length
        return valid

    def close(self) -> None:
        """End the lane's thread; a call that takes long is not waited for."""
        self._running = False
        self._work.set()
        self._thread.join(_CLOSE_S)

    def _wait_for(self, length: int, deadline: float) -> bool:
        while True:
            self._overdue -= self._separated.discard(self._overdue)
            if not self._overdue and self._separated.available >= length:
                return True
            if not self._done.wait(deadline - time.perf_counter()):
                return False

    def _run(self) -> None:
        ask_for_priority(Priority.MODEL)
        while self._running:
            self._wanted = self._to_model.wanted(self._chunk.shape[1] - self._mixture.available)
            if self._fed.available < self._wanted:
                self._work.wait(_IDLE_S)
            elif self._fed.available > self._backlog or self._lost != self._passed_over:
                self._pass_over()
            else:
                self._separate()
                self._done.set()

    def _pass_over(self) -> None:
        """Give up what was fed so far, so as not to be behind any more."""
        self._consumed += self._fed.discard(self._fed.available)
        lost = self._lost
        self._consumed += lost - self._passed_over
        self._passed_over = lost
        self._separator.reset()
        self._begin_again()

    def _separate(self) -> None:
        """Complete a chunk and separate it."""
        late, started = self.late_samples, time.perf_counter()
        block = self._block[:, : self._wanted]
        self._consumed += self._fed.read(block)
        self._mixture.write(self._to_model.process(_fit(block, self._separator.spec.channels)))
        self._mixture.read(self._chunk)
        try:
            self._write_vocals(self._separator.separate_chunk(self._chunk)[self._vocals])
        except PluginError as error:
            self.misses += 1
            self.message = str(error)
            self._begin_again()
            return
        self.calls.add(1000 * (time.perf_counter() - started))
        self.misses += self.late_samples > late

    def _write_vocals(self, vocals: NDArray[np.float32]) -> None:
        vocals = self._back.process(vocals)
        dropped = min(self._surplus, vocals.shape[1])
        self._surplus -= dropped
        self._produced += self._separated.write(_fit(vocals[:, dropped:], CHANNELS))

    def _begin_again(self) -> None:
        """Start from nothing; what is heard until the first latency is over would be silence, so it counts as late."""
        self._valid_from = self._consumed + self.latency_samples
        self._to_model.reset()
        self._back.reset()
        self._align()
        self._done.set()

    def _align(self) -> None:
        """See to it that the sample consumed next comes out where it belongs."""
        ahead = self._produced - self._consumed - self._reserve
        missing, self._surplus = max(0, -ahead), max(0, ahead)
        while missing and self._running:
            written = self._separated.write(self._silence[:, :missing])
            self._produced += written
            missing -= written
            if missing:  # there is room when the mixer has taken some
                self._done.set()
                self._work.wait(_IDLE_S)
        self._mixture.discard(self._mixture.available)
        # Its result was taken off the latency.
        self._back.process(np.zeros((self._separator.spec.channels, self._padding), np.float32))
        # The chunk that is heard while the first one comes in.
        self._write_vocals(np.zeros_like(self._chunk))


def _check(plugin: OnnxPlugin) -> None:
    spec = plugin.spec
    if not spec.causal:
        problem = "this model needs whole songs, so it is for files; choose another for live use"
    elif "vocals" not in spec.outputs:
        problem = f"it gives {', '.join(spec.outputs)}, but no vocals; choose another model"
    elif spec.channels > CHANNELS:
        problem = f"it takes {spec.channels} channels, but live audio is stereo; choose another"
    else:
        return
    raise LiveError(f"{plugin.path}: {problem}", Problem.MODEL_UNUSABLE, plugin.path.stem)


def _off_grid(samples: float) -> float:
    return abs(samples - round(samples))


def _fit(block: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Turn stereo into mono or mono into stereo where the numbers of channels differ."""
    if block.shape[0] == channels:
        return block
    return block.mean(axis=0, keepdims=True) if channels == 1 else np.broadcast_to(block, (channels, block.shape[1]))
