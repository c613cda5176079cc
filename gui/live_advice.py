"""What goes wrong with live sound, and what the singer can do about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gui.engine_words import trouble
from gui.translation import tr
from realtime.live.client import EngineSnapshot, EngineState, StreamSettings

if TYPE_CHECKING:
    from realtime.contract import ModelSpec

_BLUETOOTH_WORDS = ("bluetooth", "bluez", "airpods", "hands-free", "a2dp")
_SLOW_DEVICE_MS = 80.0
_WATCHED_HOPS = 600  # some seven seconds
_MISSED_SHARE = 0.02


class MissWatch:
    """Finds the share of late calls among the last ones: a stumble at the start is soon forgotten."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()

    def share(self, snapshot: EngineSnapshot) -> float:
        """Return the share, 0 to 1, once enough calls were seen; 0 before."""
        if self._seen and snapshot.hops < self._seen[-1][0]:  # a new start
            self._seen.clear()
        self._seen.append((snapshot.hops, snapshot.misses))
        while len(self._seen) > 1 and snapshot.hops - self._seen[1][0] >= _WATCHED_HOPS:
            self._seen.popleft()
        hops, misses = self._seen[0]
        watched = snapshot.hops - hops
        return (snapshot.misses - misses) / watched if watched >= _WATCHED_HOPS else 0.0


@dataclass(frozen=True)
class Advice:
    """One sentence for the singer, and what one press of a button can do.

    Attributes:
        kind: `"info"`, `"warning"` or `"error"`.
        text: The sentence, translated.
        action: Words of the button; empty for none.
        model: The model that the button changes to.
    """

    kind: str
    text: str
    action: str = ""
    model: str = ""


def advise(
    snapshot: EngineSnapshot,
    settings: StreamSettings,
    devices: Sequence[Any] | str | None,
    models: Sequence[tuple[str, ModelSpec]],
    missed_share: float = 0.0,
) -> tuple[Advice, ...]:
    """Return what is to be said, the most urgent first.

    Args:
        snapshot: How the engine is.
        settings: What it was started with.
        devices: The devices there are, the sentence why none can be listed, or None before they are known.
        models: Names and specs of the models there are.
        missed_share: Share of the last calls that were late, 0 to 1.
    """
    if snapshot.state is EngineState.FAILED:
        return (Advice("error", trouble(snapshot) or tr("The sound stopped.")),)
    found = [*_about_feedback(snapshot), *_about_speed(snapshot.model, models, missed_share)]
    if snapshot.message:
        found.append(Advice("warning", trouble(snapshot)))
    found += _about_devices(devices)
    if snapshot.hops:
        found += [*_about_bluetooth(snapshot, settings), *_about_rate(snapshot, models)]
    return tuple(found)


def lighter_model(name: str, models: Sequence[tuple[str, ModelSpec]]) -> str:
    """Return the live model that asks least of the machine, if it asks less than `name`; else empty."""
    costs = {other: spec.card["rtf"] for other, spec in models if spec.causal and "rtf" in spec.card}
    if name not in costs:
        return ""
    least = min(costs, key=costs.__getitem__)
    return least if costs[least] < costs[name] else ""


def _about_feedback(snapshot: EngineSnapshot) -> list[Advice]:
    if not snapshot.feedback:
        return []
    text = tr(
        "The microphone began to whistle and was turned down: move it away from the loudspeakers, or wear headphones."
    )
    return [Advice("warning", text)]


def _about_speed(model: str, models: Sequence[tuple[str, ModelSpec]], missed_share: float) -> list[Advice]:
    if missed_share < _MISSED_SHARE:
        return []
    lighter = lighter_model(model, models)
    if not lighter:
        text = tr("This computer is too slow for the model: close other programs and plug in its power supply.")
        return [Advice("warning", text)]
    return [
        Advice(
            "warning",
            tr("This computer is too slow for the model “{model}”.", model=model),
            tr("Use “{model}”", model=lighter),
            lighter,
        )
    ]


def _about_devices(devices: Sequence[Any] | str | None) -> list[Advice]:
    if isinstance(devices, str):
        return [Advice("error", f"{devices[:1].upper()}{devices[1:]}")]
    if devices is None:
        return []
    if not any(device.output_channels for device in devices):
        text = tr("There is no audio device: connect one and it appears here. Files work without.")
        return [Advice("info", text)]
    if not any(device.input_channels for device in devices):
        return [Advice("info", tr("There is no audio input: connect one to sing live. Files work without."))]
    return []


def _about_bluetooth(snapshot: EngineSnapshot, settings: StreamSettings) -> list[Advice]:
    named = (settings.input, settings.output, settings.microphone)
    wireless = any(word in name.casefold() for name in named for word in _BLUETOOTH_WORDS)
    slow = sum(part.ms for part in snapshot.latency if part.name.startswith("device"))
    if not wireless and slow < _SLOW_DEVICE_MS:
        return []
    if wireless:
        text = tr("Bluetooth delays the sound far too much to sing along: use a cable.")
    else:
        text = tr("The audio device alone takes {ms} ms: use another one, or a cable.", ms=round(slow))
    return [Advice("warning", text)]


def _about_rate(snapshot: EngineSnapshot, models: Sequence[tuple[str, ModelSpec]]) -> list[Advice]:
    rate = next((spec.sample_rate for name, spec in models if name == snapshot.model), snapshot.sample_rate)
    if rate == snapshot.sample_rate:
        return []
    cost = sum(part.ms for part in snapshot.latency if part.name == "resampling")
    text = tr(
        "The audio device runs at {device} kHz: set it to {model} kHz, the rate of the model, "
        "and the sound comes {ms} ms sooner.",
        device=f"{snapshot.sample_rate / 1000:g}",
        model=f"{rate / 1000:g}",
        ms=f"{cost:.0f}",
    )
    return [Advice("info", text)]
