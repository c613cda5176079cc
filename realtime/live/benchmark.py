"""How fast each model is on this machine, one hop at a time at the pace of the music."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from realtime.catalog import shipped_models
from realtime.contract import ModelSpec
from realtime.live.priority import Priority, ask_for_priority
from realtime.live.probe import KnownTimings, ModelTiming, recommend
from realtime.live.timing import Durations
from realtime.plugin import OnnxPlugin, read_spec
from realtime.separator import StreamingSeparator

_WARM_UP_HOPS = 20
_LEVEL = 0.1
_PROBE_S = 3.0


def benchmark(models: Sequence[Path], seconds: float) -> Iterator[ModelTiming]:
    """Measure one model after the other, each for `seconds` of music in a process of its own.

    Raises:
        PluginError: A file breaks the contract.
    """
    context = multiprocessing.get_context("spawn")
    for path in models:
        read_spec(path)
        # It is this process that hears Ctrl-C.
        with context.Pool(1, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
            yield pool.apply(measure, (path, seconds))


def measure(path: Path, seconds: float) -> ModelTiming:
    """Run one model at the pace of the music in this process."""
    ask_for_priority(Priority.MODEL)
    plugin = OnnxPlugin(path)
    spec, separator = plugin.spec, StreamingSeparator(plugin)
    deadline_s = spec.call_samples / spec.sample_rate
    rng = np.random.default_rng(0)
    music = np.float32(_LEVEL * rng.standard_normal((spec.channels, 64 * spec.call_samples)))
    result = np.zeros((len(spec.outputs) + 1, spec.channels, spec.call_samples), np.float32)
    durations = Durations()
    inside_s, late = 0.0, 0
    due = time.perf_counter()
    for hop in range(_WARM_UP_HOPS + max(1, round(seconds / deadline_s))):
        start = (hop % 64) * spec.call_samples
        due += deadline_s
        time.sleep(max(0.0, due - time.perf_counter()))
        before, started = plugin.session_s, time.perf_counter()
        separator.process_into(music[:, start : start + spec.call_samples], result)
        elapsed_s = time.perf_counter() - started
        if hop >= _WARM_UP_HOPS:
            durations.add(1000 * elapsed_s)
            inside_s += plugin.session_s - before
            late += elapsed_s > deadline_s
    return ModelTiming(
        name=path.stem,
        latency_ms=spec.latency_ms,
        deadline_ms=1000 * deadline_s,
        hops=durations.count,
        p50_ms=durations.percentile_ms(50),
        p99_ms=durations.percentile_ms(99),
        p999_ms=durations.percentile_ms(99.9),
        max_ms=durations.max_ms,
        rtf=durations.total_ms / durations.count / (1000 * deadline_s),
        outside_share=1 - 1000 * inside_s / durations.total_ms,
        late=late,
        peak_memory_mib=_peak_memory_mib(),
        vocals_sdr_db=_vocals_sdr_db(spec),
    )


def probe(path: Path, report: Callable[[float], None]) -> tuple[ModelTiming, ...]:
    """Measure every model that ships and can run live, but for those that `path` remembers.

    Args:
        path: Where timings are remembered, from model to model, so that a probe that is given up was not in vain.
        report: Called with the share that is done.

    Returns:
        The recommended one first; nothing where no model ships.
    """
    known, models = KnownTimings(path, _machine_name()), _live_models()
    for index, model in enumerate(models):
        if known.get(model) is None:
            known.put(model, measure(model, _PROBE_S))
        report((index + 1) / len(models))
    return known_timings(path) or ()


def known_timings(path: Path) -> tuple[ModelTiming, ...] | None:
    """Return what `probe` would, where nothing has to be measured for it; else None."""
    known = KnownTimings(path, _machine_name())
    timings = [known.get(model) for model in _live_models()]
    if None in timings:
        return None
    best = recommend(timings) if timings else None
    return tuple(sorted(timings, key=lambda timing: timing is not best))


def _live_models() -> list[Path]:
    return [path for path in shipped_models() if read_spec(path).causal]


def _machine_name() -> str:
    here = machine()
    return f"{here['cpu']}, {here['cores']} cores"


def machine() -> dict[str, str | int]:
    """Return what the figures were measured on."""
    return {"cpu": _cpu_name(), "cores": len(_usable_cores()), "system": platform.platform(), "python": sys.version}


def _usable_cores() -> Sequence[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _peak_memory_mib() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _vocals_sdr_db(spec: ModelSpec) -> float | None:
    return spec.card.get("scores", {}).get("vocals", {}).get("SDR")
