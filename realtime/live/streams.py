"""Opening and closing PortAudio's streams, and saying in plain words why one does not open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from realtime.live.devices import DeviceInfo, Direction, portaudio
from realtime.live.errors import LiveError
from realtime.live.parameters import Problem

JACK = "JACK Audio Connection Kit"
_PROBE_S = 2.0
# PortAudio's error numbers, which sounddevice hands on.
_INVALID_CHANNELS, _INVALID_RATE, _UNAVAILABLE = -9998, -9997, -9985
_INVALID_DEVICE, _HOST_ERROR, _BAD_PAIR = -9996, -9999, -9993


def pick_channels(device: DeviceInfo, direction: Direction, wanted: tuple[int, ...], usual: int) -> tuple[int, int]:
    """Return the channels, from 0, that are left and right; twice the same for mono.

    Args:
        device: The device.
        direction: Which side of it.
        wanted: Channels from 1; empty for the first ones.
        usual: How many those are, where it has as many.

    Raises:
        LiveError: There are no such channels.
    """
    has = device.channels(direction)
    picked = wanted or tuple(range(1, min(usual, has) + 1))
    if len(picked) > 2:
        raise LiveError(f"{len(picked)} channels of {device.label} were asked for: give one or two")
    for channel in picked:
        if not 1 <= channel <= has:
            raise LiveError(f"{device.label} has no {direction} channel {channel}: give 1 to {has}")
    return picked[0] - 1, picked[-1] - 1


def open_stream(
    source: tuple[DeviceInfo, int] | None,
    sink: tuple[DeviceInfo, int] | None,
    sample_rate: int,
    block_samples: int,
    callback: Callable[..., None],
) -> Any:
    """Open, and do not start, a stream of float32.

    Args:
        source: Device and number of channels to record from.
        sink: The same for playing; at least one of the two.
        sample_rate: In Hz; the device's own, so that nobody resamples.
        block_samples: What each callback is to handle, as `block_of` says.
        callback: As sounddevice calls it.

    Raises:
        LiveError: It cannot be opened.
    """
    library = portaudio()
    # Where the block is the server's own, asking for it would make PortAudio hold back a block.
    is_jack = (sink or source)[0].host_api == JACK
    blocksize = 0 if is_jack else block_samples
    common = {"samplerate": sample_rate, "blocksize": blocksize, "dtype": "float32", "callback": callback}
    try:
        if source and sink:
            return library.Stream(
                device=(source[0].index, sink[0].index),
                channels=(source[1], sink[1]),
                latency=(_latency(source[0]), _latency(sink[0])),
                extra_settings=(_extra_settings(source[0]), _extra_settings(sink[0])),
                **common,
            )
        device, channels = source or sink
        kind = library.InputStream if source else library.OutputStream
        return kind(
            device=device.index,
            channels=channels,
            latency=_latency(device),
            extra_settings=_extra_settings(device),
            **common,
        )
    except library.PortAudioError as error:
        raise _explained(error, (source or sink)[0], sample_rate) from error


def start_stream(stream: Any, device: DeviceInfo) -> None:
    """Start it.

    Raises:
        LiveError: The device refuses.
    """
    try:
        stream.start()
    except portaudio().PortAudioError as error:
        raise _explained(error, device, round(stream.samplerate)) from error


def close_streams(streams: list[Any], seconds: float) -> bool:
    """Stop and close them; return False if PortAudio still hangs after that long, as where the sound server died."""

    def close() -> None:
        for stream in streams:
            stream.abort()
            stream.close()

    worker = threading.Thread(target=close, daemon=True, name="close streams")
    worker.start()
    worker.join(seconds)
    return not worker.is_alive()


def block_of(device: DeviceInfo, asked_samples: int) -> int:
    """Return how many samples the callbacks of `device` will handle: what is asked for, but a JACK server's own period.

    PortAudio would cut a longer period into several callbacks at once, with no time in between to mix.

    Raises:
        LiveError: The server does not answer.
    """
    if device.host_api != JACK:
        return asked_samples
    came = threading.Event()
    frames = 0

    def note(data: Any, count: int, times: Any, status: Any) -> None:
        nonlocal frames
        frames = count
        if device.output_channels:
            data.fill(0)
        came.set()

    end = (device, 1)
    is_output = device.output_channels > 0
    stream = open_stream(None if is_output else end, end if is_output else None, device.default_rate_hz, 0, note)
    start_stream(stream, device)
    came.wait(_PROBE_S)
    if not close_streams([stream], _PROBE_S) or not frames:
        raise LiveError("the JACK server does not answer: restart it, then try again", Problem.SERVER_SILENT)
    return frames


def comes_in_bursts(device: DeviceInfo) -> bool:
    """Return whether a sound server or an old API stands between, which brings and takes several blocks at once."""
    is_plugin = device.host_api == "ALSA" and "(hw:" not in device.name
    return is_plugin or device.host_api in ("MME", "Windows DirectSound")


def _latency(device: DeviceInfo) -> str:
    """Return what PortAudio calls a safe latency where blocks come in bursts, else what it calls a low one."""
    return "high" if comes_in_bursts(device) else "low"


def _extra_settings(device: DeviceInfo) -> Any:
    """Let WASAPI fit the number of channels; the rate is the device's own already."""
    return portaudio().WasapiSettings(auto_convert=True) if device.host_api == "Windows WASAPI" else None


def _explained(error: Exception, device: DeviceInfo, sample_rate: int) -> LiveError:
    number = error.args[1] if len(error.args) > 1 else 0
    told = error.args[2][2] if len(error.args) > 2 else str(error.args[0])
    is_busy = number == _UNAVAILABLE or "busy" in told.lower()
    if is_busy:
        text = f"{device.label} is in use by another program: close that or choose another device"
        return LiveError(text, Problem.DEVICE_BUSY, device.label)
    sentences = {
        _INVALID_RATE: f"{device.label} does not run at {sample_rate} Hz: set it to that rate or choose another device",
        _INVALID_CHANNELS: f"{device.label} does not offer these channels: choose others or another device",
        _INVALID_DEVICE: f"{device.label} is gone: plug it in again or choose another device",
        _BAD_PAIR: f"{device.label} cannot record and play at once: choose another device for one of the two",
    }
    text = sentences.get(number, f"{device.label} does not open ({told}): plug it in again or choose another device")
    problem = Problem.DEVICE_GONE if number == _INVALID_DEVICE else Problem.DEVICE_REFUSES
    return LiveError(text, problem, device.label)
