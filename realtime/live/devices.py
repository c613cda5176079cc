"""The audio devices of this machine: listing them and finding one by what the user calls it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from realtime.live.errors import LiveError
from realtime.live.parameters import Problem

Direction = Literal["input", "output"]

# Where a device is offered several times, the first of these has it with the least delay; an unknown one comes last.
_HOST_APIS = (
    "JACK Audio Connection Kit",
    "Core Audio",
    "ASIO",
    "Windows WASAPI",
    "ALSA",
    "PulseAudio",
    "Windows WDM-KS",
    "Windows DirectSound",
    "MME",
)
_MONITOR_WORDS = ("[loopback]", "monitor of ", ".monitor")
_NEAREST = 3


@dataclass(frozen=True)
class DeviceInfo:
    """One device as one host API offers it.

    Attributes:
        index: Its number, which lasts until the list is refreshed.
        name: Its name, which other devices of other host APIs may share.
        host_api: The host API.
        input_channels, output_channels: Channels it has; 0 for a direction it lacks.
        default_rate_hz: Its own sample rate; under JACK that of the server.
        is_monitor: Whether it records what the machine plays: a WASAPI loopback or the monitor of a sound server.
        default_for: The directions in which it is what an empty name means.
    """

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    default_rate_hz: int
    is_monitor: bool
    default_for: tuple[Direction, ...] = ()

    @property
    def label(self) -> str:
        """Name and host API, as `find_device` takes them."""
        return f"{self.name}, {self.host_api}"

    def channels(self, direction: Direction) -> int:
        """Return how many channels it has in `direction`."""
        return self.input_channels if direction == "input" else self.output_channels


def portaudio() -> ModuleType:
    """Return the sounddevice module, which starts PortAudio; a JACK server must run before that.

    ASIO devices are only among those of PortAudio on Windows if `SD_ENABLE_ASIO=1` is set in the environment.

    Raises:
        LiveError: The PortAudio library is missing.
    """
    try:
        import sounddevice
    except OSError as error:
        raise LiveError(
            "live audio needs the PortAudio library: install it (Debian and Ubuntu: apt install libportaudio2)"
        ) from error
    return sounddevice


def refresh() -> None:
    """Look for devices anew, as after one was plugged in; every stream must be closed before.

    Raises:
        LiveError: The PortAudio library is missing.
    """
    # PortAudio lists devices only while it starts, and sounddevice has no public way to start it again.
    library = portaudio()
    library._terminate()
    library._initialize()


def list_devices() -> tuple[DeviceInfo, ...]:
    """Return every device there is, by index.

    Raises:
        LiveError: The PortAudio library is missing.
    """
    library = portaudio()
    host_apis = library.query_hostapis()
    usual = {direction: _default_index(host_apis, direction) for direction in ("input", "output")}
    return tuple(
        DeviceInfo(
            index=device["index"],
            name=device["name"],
            host_api=host_apis[device["hostapi"]]["name"],
            input_channels=device["max_input_channels"],
            output_channels=device["max_output_channels"],
            default_rate_hz=round(device["default_samplerate"]),
            is_monitor=any(word in device["name"].lower() for word in _MONITOR_WORDS),
            default_for=tuple(direction for direction in usual if usual[direction] == device["index"]),
        )
        for device in library.query_devices()
    )


def find_device(text: str, direction: Direction) -> DeviceInfo:
    """Return the device that `text` means.

    Args:
        text: An index, a name, `"name, host API"` or a part of either, in any case; empty for the default device.
        direction: What it has to be able to do.

    Raises:
        LiveError: There is none, it cannot do that, or several could be meant.
    """
    return choose_device(list_devices(), text, direction)


def choose_device(devices: tuple[DeviceInfo, ...], text: str, direction: Direction) -> DeviceInfo:
    """Do `find_device` among `devices`."""
    able = [device for device in devices if device.channels(direction) > 0]
    if not able:
        raise LiveError(
            f"this machine has no audio {direction}: connect one or start the sound server "
            "(PipeWire, PulseAudio or JACK), then try again",
            Problem.NO_DEVICE,
        )
    if not text.strip():
        return _default_device(able, direction)
    meant = _named(devices, text.strip())
    if not meant:
        raise LiveError(
            f"there is no audio device {text!r}: {_suggestion(able, text)}", Problem.UNKNOWN_DEVICE, text.strip()
        )
    usable = [device for device in meant if device.channels(direction) > 0]
    if not usable:
        other = "output" if direction == "input" else "input"
        raise LiveError(f"{meant[0].label} is an audio {other} and has no {direction}: {_suggestion(able, text)}")
    if len({device.name for device in usable}) > 1:
        labels = ", ".join(repr(device.label) for device in usable[:_NEAREST])
        raise LiveError(f"{text!r} could be {labels}: give more of the name or the number")
    return min(usable, key=_rank)


def _named(devices: tuple[DeviceInfo, ...], text: str) -> list[DeviceInfo]:
    """Return the devices that `text` fits best: its number, else its whole name, else a part of it."""
    if text.isdecimal():
        return [device for device in devices if device.index == int(text)]
    wanted = text.casefold()
    whole = [device for device in devices if wanted in (device.name.casefold(), device.label.casefold())]
    return whole or [device for device in devices if wanted in device.label.casefold()]


def _default_device(able: list[DeviceInfo], direction: Direction) -> DeviceInfo:
    usual = [device for device in able if direction in device.default_for]
    return min(usual or able, key=_rank)


def _default_index(host_apis: tuple[dict, ...], direction: str) -> int:
    """Return the default device of the best host API that has one, -1 for none.

    PortAudio's own default is ALSA's even while a JACK server runs, and MME's on Windows.
    """
    ranked = sorted(host_apis, key=lambda host_api: _api_rank(host_api["name"]))
    defaults = (host_api[f"default_{direction}_device"] for host_api in ranked)
    return next((index for index in defaults if index >= 0), -1)


def _rank(device: DeviceInfo) -> int:
    return _api_rank(device.host_api)


def _api_rank(host_api: str) -> int:
    return _HOST_APIS.index(host_api) if host_api in _HOST_APIS else len(_HOST_APIS)


def _suggestion(able: list[DeviceInfo], text: str) -> str:
    """Return what to try instead, nearest first."""
    names = list(dict.fromkeys(device.name for device in able))
    by_likeness = sorted(
        names, key=lambda name: -difflib.SequenceMatcher(None, text.casefold(), name.casefold()).ratio()
    )
    return f"try {' or '.join(repr(name) for name in by_likeness[:_NEAREST])}, or see: python -m realtime devices"
