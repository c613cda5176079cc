"""How fast each model is on this machine, one hop at a time at the pace of the music."""

from __future__ import annotations

import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.contract import ModelSpec
from realtime.live.priority import Priority, ask_for_priority
from realtime.live.timing import Durations
from realtime.plugin import OnnxPlugin, read_spec
from realtime.separator import StreamingSeparator

_WARM_UP_HOPS = 20
_LEVEL = 0.1
# A model is recommended where this share of its deadline is enough for 99 of 100 calls: the rest is for the mix, the
# window and whatever else the machine does.
_SAFE_SHARE = 0.5


@dataclass(frozen=True)
class ModelTiming:
    """What one model costs here.

    Attributes:
        name: The file's name without its ending.
        latency_ms: Algorithmic.
        deadline_ms: Time between two calls.
        hops: Calls that were measured.
        p50_ms, p99_ms, p999_ms, max_ms: Of one call with the transform and everything else around it.
        rtf: Mean duration of a call over its deadline, on one thread.
        outside_share: Share of that time that was not spent inside ONNX Runtime.
        late: Calls that took longer than their deadline.
        peak_memory_mib: Of a process that does nothing else; None where the system does not tell.
        vocals_sdr_db: From the card; None where there is none.
    """

    name: str
    latency_ms: float
    deadline_ms: float
    hops: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    rtf: float
    outside_share: float
    late: int
    peak_memory_mib: float | None
    vocals_sdr_db: float | None

    @property
    def is_safe(self) -> bool:
        """Whether this machine holds the model with margin."""
        return self.p99_ms <= _SAFE_SHARE * self.deadline_ms


def benchmark(models: Sequence[Path], seconds: float) -> Iterator[ModelTiming]:
    """Measure one model after the other, each for `seconds` of music in a process of its own.

    Raises:
        PluginError: A file breaks the contract.
    """
    context = multiprocessing.get_context("spawn")
    for path in models:
        read_spec(path)
        with context.Pool(1) as pool:
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
    for hop in range(_WARM_UP_HOPS + round(seconds / deadline_s)):
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


def recommend(timings: Sequence[ModelTiming]) -> ModelTiming:
    """Return the model with the best vocals that this machine holds with margin; the fastest if there is none."""
    safe = [timing for timing in timings if timing.is_safe]
    if not safe:
        return min(timings, key=lambda timing: timing.rtf)
    return max(safe, key=lambda timing: (timing.vocals_sdr_db or 0.0, -timing.latency_ms))


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
