"""What devices, models and the engine's state are called in the window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gui.translation import mark, plural, tr
from gui.widgets.decibels import write_db
from gui.widgets.model_picker import Fact
from gui.widgets.status_line import Figure
from realtime.live.client import EngineSnapshot, EngineState

if TYPE_CHECKING:
    from realtime.contract import ModelSpec

TIGHT_MARGIN = 0.25  # share of the deadline below which a machine is close to missing it

_STATES = {
    EngineState.STOPPED: (mark("Ready"), "muted"),
    EngineState.LOADING: (mark("Opening…"), "warning"),
    EngineState.WARMING_UP: (mark("Warming up…"), "warning"),
    EngineState.RUNNING: (mark("Playing"), "good"),
    EngineState.BYPASSED: (mark("Original"), "warning"),
    EngineState.FAILED: (mark("Stopped"), "danger"),
}
_PROVIDERS = {
    "CPUExecutionProvider": mark("Processor"),
    "CUDAExecutionProvider": mark("Graphics card"),
    "CoreMLExecutionProvider": mark("Apple accelerator"),
    "DmlExecutionProvider": mark("Graphics card"),
}
_NOTHING = "\N{EN DASH}"
_STAR = " ★"
_LATENCY_PARTS = (  # so that the catalogue has them
    mark("device input"),
    mark("device output"),
    mark("queue"),
    mark("synthesis window"),
    mark("chunk and lookahead"),
    mark("reserve for the model"),
    mark("drift resampler"),
    mark("resampling"),
    mark("key change"),
)


def state_words(state: EngineState) -> tuple[str, str]:
    """Return the word for a state, and the role that colours it."""
    text, role = _STATES[state]
    return tr(text), role


def device_choices(devices: Sequence[Any], direction: str, chosen: str, none: str) -> list[tuple[str, str]]:
    """Return `(key, text)` for every device of a direction.

    Args:
        devices: `DeviceInfo` of the engine.
        direction: `"input"` or `"output"`.
        chosen: Key of the one in use, which stays in the list though it may be unplugged.
        none: What an empty key is called where nothing else is known.
    """
    able = [device for device in devices if device.channels(direction) > 0]
    names = Counter(device.name for device in able)
    usual = next((device.name for device in able if direction in device.default_for), "")
    choices = [("", none if not usual else tr("Automatic: {name}", name=usual))]
    for device in able:
        text = device.label if names[device.name] > 1 else device.name
        choices.append((device.label, tr("This computer's sound: {name}", name=text) if device.is_monitor else text))
    if chosen not in [key for key, _ in choices]:
        choices.append((chosen, tr("{name} (not connected)", name=chosen)))
    return choices


def model_choices(
    models: Sequence[tuple[str, ModelSpec]], chosen: str = "", recommended: str = ""
) -> list[tuple[str, str]]:
    """Return `(key, text)` for every model that can run live, quickest answer first.

    Args:
        models: Keys, which are names or paths, and specs.
        chosen: Key of the one in use, which is in the list though there may be no such model.
        recommended: Key of the one that gets a star.
    """
    live = sorted((pair for pair in models if pair[1].causal), key=lambda pair: pair[1].latency_ms)
    choices = [(key, f"{_model_words(key, spec)}{_STAR * (key == recommended)}") for key, spec in live]
    if models and chosen and chosen not in dict(choices):
        choices.append((chosen, tr("{name} (cannot be used)", name=model_name(chosen))))
    return choices


def model_name(key: str) -> str:
    """Return what the model of a name or path is called."""
    return PurePath(key).stem.capitalize()


def _model_words(key: str, spec: ModelSpec) -> str:
    name, ms = model_name(key), round(spec.latency_ms)
    score_db = spec.card.get("scores", {}).get("vocals", {}).get("SDR")
    if score_db is None:
        return tr("{name}, {ms} ms", name=name, ms=ms)
    return tr("{name}, {ms} ms, {db} dB", name=name, ms=ms, db=f"{score_db:.1f}")


def recommendation(timings: Sequence[Any], chosen: str) -> str:
    """Return a sentence about what was found out on this computer; empty where nothing was.

    Args:
        timings: `ModelTiming` of the engine, the recommended one first.
        chosen: The model in use.
    """
    if not timings:
        return ""
    best = timings[0]
    if best.name == chosen:
        if best.is_safe:
            return tr("★ Recommended: runs with time to spare.")
        return tr("★ The easiest to run, yet slow here.")
    mine = next((timing for timing in timings if timing.name == chosen), best)
    if not mine.is_safe:
        return tr("Too slow here? Recommended: {model} ★", model=model_name(best.name))
    return tr("Recommended here: {model} ★", model=model_name(best.name))


def model_facts(spec: ModelSpec, snapshot: EngineSnapshot) -> tuple[Fact, ...]:
    """Return the card of a model: how well, how costly, on what terms. How soon stands in its choice already."""
    card = spec.card
    scores = [card.get("scores", {}).get(name, {}) for name in ("vocals", "accompaniment")]
    quality = " / ".join(f"{values['SDR']:.1f}" for values in scores if "SDR" in values)
    here = f"{snapshot.call.p50_ms / snapshot.deadline_ms:.0%}" if snapshot.deadline_ms and snapshot.hops else ""
    there = f"{card['rtf']:.0%}" if "rtf" in card else tr("not measured")
    return (
        Fact(
            tr("Quality (SDR)"),
            tr("{scores} dB", scores=quality) if quality else tr("not measured"),
            tr("Vocals / accompaniment, on {test_set}", test_set=card.get("test_set", "?")),
        ),
        Fact(
            tr("Work for one core"),
            here or there,
            tr("Measured now, on this computer") if here else tr("Measured on: {cpu}", cpu=card.get("cpu", "?")),
        ),
        *_leakage(snapshot),
        Fact(
            tr("Licence"),
            spec.license,
            tr("{licence}\nTrained on: {data}", licence=spec.license, data=spec.training_data),
        ),
    )


def _leakage(snapshot: EngineSnapshot) -> tuple[Fact, ...]:
    if snapshot.false_vocals_db is None:
        return ()
    detail = tr("What the model took for a voice while nobody sang, next to the music; less is better")
    return (Fact(tr("False vocals"), f"{write_db(snapshot.false_vocals_db)} dB", detail),)


def margin(snapshot: EngineSnapshot) -> float:
    """Return the share of the deadline that slow calls leave unused."""
    return 1 - snapshot.call.p99_ms / snapshot.deadline_ms if snapshot.deadline_ms else 0.0


def figures(snapshot: EngineSnapshot) -> tuple[Figure, ...]:
    """Return the status line: state, delay, time to spare, drop-outs, what runs the model."""
    word, role = state_words(snapshot.state)
    state = Figure(tr("State"), word, snapshot.message, role)
    if not snapshot.hops:
        blank = tuple(Figure(tr(name), _NOTHING, "", "muted") for name in (mark("Delay"), mark("Time to spare")))
        return (
            state,
            *blank,
            Figure(tr("Drop-outs"), _NOTHING, "", "muted"),
            Figure(tr("Runs on"), _NOTHING, "", "muted"),
        )
    spare = margin(snapshot)
    lost = snapshot.misses + snapshot.xruns
    return (
        state,
        Figure(tr("Delay"), f"{snapshot.latency_ms:.0f} ms", _latency_words(snapshot)),
        Figure(tr("Time to spare"), f"{max(spare, 0):.0%}", _spare_words(snapshot), _spare_role(spare)),
        Figure(
            tr("Drop-outs"), str(lost) if lost else tr("none"), _loss_words(snapshot), "warning" if lost else "good"
        ),
        Figure(tr("Runs on"), tr(_PROVIDERS.get(snapshot.provider, snapshot.provider)), snapshot.provider),
    )


def _latency_words(snapshot: EngineSnapshot) -> str:
    lines = [tr("You hear the music this much later:")]
    lines += [f"{part.ms:.1f} ms  {tr(part.name)}" for part in snapshot.latency]
    return "\n".join([*lines, tr("Your microphone does not wait for the model.")])


def _spare_words(snapshot: EngineSnapshot) -> str:
    return tr(
        "One step of the model has {deadline:.1f} ms; it takes {p50:.1f} ms, slow ones {p99:.1f} ms, "
        "the slowest {most:.1f} ms.",
        deadline=snapshot.deadline_ms,
        p50=snapshot.call.p50_ms,
        p99=snapshot.call.p99_ms,
        most=snapshot.call.max_ms,
    )


def _spare_role(spare: float) -> str:
    return "danger" if spare <= 0 else "warning" if spare < TIGHT_MARGIN else "good"


def _loss_words(snapshot: EngineSnapshot) -> str:
    return "\n".join(
        (
            plural(
                "{n} late step of {hops}: the original was heard instead",
                "{n} late steps of {hops}: the original was heard instead",
                snapshot.misses,
                hops=snapshot.hops,
            ),
            plural("{n} gap in the sound card's stream", "{n} gaps in the sound card's stream", snapshot.xruns),
        )
    )
