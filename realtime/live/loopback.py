"""Measuring mouth-to-ear latency: a chirp is played, comes back over a cable, and goes through the whole engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.catalog import find_model
from realtime.live.errors import LiveError
from realtime.live.lane import CHANNELS, Lane
from realtime.live.mixer import Mixer
from realtime.live.parameters import LatencyPart, Parameters, StreamSettings
from realtime.live.ports import AudioPorts
from realtime.plugin import OnnxPlugin

_CHIRPS = 5
_CHIRP_S, _PAUSE_S, _SETTLE_S = 0.1, 1.0, 1.0
_LOWEST_HZ, _HIGHEST_HZ = 300.0, 6000.0
_LEVEL = 0.25
_CLEAR = 8.0  # times the median of the correlation: below it nothing was heard
_WAIT_S = 2.0


@dataclass(frozen=True)
class LoopLatency:
    """What was measured.

    Attributes:
        measured_ms: From the sample that left for the output to the same sample having come in again and gone through
            the engine; the median of all chirps that were heard.
        spread_ms: Between the shortest and the longest.
        heard: How many chirps of `_CHIRPS` were heard.
        parts: The named parts of the same way. That of the devices is measured too, where the chirp enters the engine:
            what devices say of themselves is often wrong, and a loop inside a sound server leaves them out.
        claimed_ms: What the devices say of themselves, input and output.
    """

    measured_ms: float
    spread_ms: float
    heard: int
    parts: tuple[LatencyPart, ...]
    claimed_ms: float


def chirp(sample_rate: int) -> NDArray[np.float32]:
    """Return a rising tone `(samples,)` with soft ends, whose correlation with itself is one sharp peak."""
    time_s = np.arange(round(_CHIRP_S * sample_rate)) / sample_rate
    sweep_hz_per_s = (_HIGHEST_HZ - _LOWEST_HZ) / _CHIRP_S
    phase = 2 * np.pi * (_LOWEST_HZ * time_s + sweep_hz_per_s / 2 * time_s**2)
    return np.float32(_LEVEL * np.sin(phase) * np.hanning(time_s.size))


def find_delay(played: NDArray[np.float32], heard: NDArray[np.float32]) -> int | None:
    """Return by how many samples `played` is late in `heard`, both `(samples,)`; None where it is not in there."""
    size = 1 << int(np.ceil(np.log2(len(played) + len(heard))))
    correlation = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size)), size)
    strength = np.abs(correlation[: len(heard)])
    if strength.max() < _CLEAR * np.median(strength) + 1e-6:
        return None
    return int(strength.argmax())


def measure_latency(settings: StreamSettings) -> LoopLatency:
    """Play chirps and wait for them; the output must be wired to the input.

    Raises:
        LiveError: A device fails, or nothing comes back.
        PluginError: The model cannot be loaded.
    """
    plugin = OnnxPlugin(find_model(settings.model))
    ports = AudioPorts(settings)
    lane = Lane(plugin, ports.sample_rate, ports.block_samples)
    try:
        mixer = Mixer(ports.sample_rate, ports.block_samples, lane, Parameters(bypass=True))
        ports.start()
        signal = chirp(ports.sample_rate)
        chirps = [_one_chirp(ports, mixer, signal) for _ in range(_CHIRPS)]
        ports_parts, lane_parts = ports.latency_parts(), lane.latency_parts()
    finally:
        ports.close()
        lane.close()
    to_ms = 1000 / ports.sample_rate
    heard = [(entering * to_ms, leaving * to_ms) for entering, leaving in filter(None, chirps)]
    if not heard:
        raise LiveError(
            "the chirp did not come back: connect the output to the input with a cable (or a virtual one), and turn up "
            "the input"
        )
    entering_ms, leaving_ms = zip(*heard, strict=True)
    inside = tuple(part for part in ports_parts if not part.name.startswith("device"))
    devices_ms = float(np.median(entering_ms)) - sum(part.ms for part in inside)
    return LoopLatency(
        measured_ms=float(np.median(leaving_ms)),
        spread_ms=max(leaving_ms) - min(leaving_ms),
        heard=len(heard),
        parts=(LatencyPart("devices, output to input", devices_ms), *inside, *lane_parts),
        claimed_ms=sum(part.ms for part in ports_parts if part.name.startswith("device")),
    )


def _one_chirp(ports: AudioPorts, mixer: Mixer, signal: NDArray[np.float32]) -> tuple[int, int] | None:
    """Return after how many samples one chirp entered the engine and left it; None where it was not heard."""
    rate, block = ports.sample_rate, ports.block_samples
    blocks = round((_SETTLE_S + _PAUSE_S) * rate / block)
    start = round(_SETTLE_S * rate / block) * block
    played = np.zeros(blocks * block, np.float32)
    played[start : start + len(signal)] = signal
    entered, left = np.zeros_like(played), np.zeros_like(played)
    music = np.zeros((CHANNELS, block), np.float32)
    for index in range(blocks):
        if not ports.wait(_WAIT_S):
            raise LiveError("the audio device stopped answering; choose another or plug it in again")
        here = slice(index * block, (index + 1) * block)
        ports.read_music(music)
        entered[here] = music[0]
        left[here] = mixer.process(music, None, ports.deadline())[0]
        ports.write(np.broadcast_to(played[here], (CHANNELS, block)))
    delays = find_delay(signal, entered[start:]), find_delay(signal, left[start:])
    return None if None in delays else delays
