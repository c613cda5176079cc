"""A long run with a report: what was missed, how long everything took, whether memory grew."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.live.benchmark import machine
from realtime.live.parameters import EngineSnapshot, StreamSettings
from realtime.live.stall import Stalls


@dataclass(frozen=True)
class ProcessLoad:
    """What the audio process has used so far.

    Attributes:
        cpu_s: Processor time.
        memory_mib: Resident memory now; None where the system does not tell.
    """

    cpu_s: float
    memory_mib: float | None

    @classmethod
    def of(cls, process_id: int) -> ProcessLoad | None:
        """Look at a process; None where the system does not tell (only Linux does)."""
        try:
            fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
            pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
        except OSError:
            return None
        ticks = int(fields[11]) + int(fields[12])
        return cls(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


@dataclass(frozen=True)
class SoakReport:
    """A finished soak.

    Attributes:
        seconds: How long music played.
        settings: What was started.
        snapshot: The last look at the engine.
        stalls: What an empty callback saw meanwhile.
        core_share: Processor time of the audio process over the time that passed; None where it is not known.
        memory_mib: Its resident memory, once a minute from the end of the warm-up on.
    """

    seconds: float
    settings: StreamSettings
    snapshot: EngineSnapshot
    stalls: Stalls
    core_share: float | None
    memory_mib: tuple[float, ...]

    def to_json(self) -> str:
        """Return all of it, with the machine's name."""
        values = _storable(dataclasses.asdict(self)) | {"machine": machine()}
        return json.dumps(values, indent=2, allow_nan=False, default=str) + "\n"

    def to_text(self) -> str:
        """Return what a person wants to read, in lines."""
        snapshot, stalls = self.snapshot, self.stalls
        here = machine()
        parts = ", ".join(f"{part.name} {part.ms:.1f}" for part in snapshot.latency)
        lines = [
            f"{here['cpu']}, {here['cores']} cores, {here['system']}",
            f"{self.seconds / 60:.1f} minutes of {snapshot.model} at {snapshot.sample_rate} Hz on {snapshot.provider}",
            f"latency {snapshot.latency_ms:.1f} ms: {parts}",
            f"{snapshot.hops} calls, {snapshot.misses} missed, {snapshot.late_samples} samples heard dry, "
            f"{snapshot.xruns} gaps",
            f"one call: p50 {snapshot.call.p50_ms:.2f} ms, p99 {snapshot.call.p99_ms:.2f}, max "
            f"{snapshot.call.max_ms:.2f}, of {snapshot.deadline_ms:.2f} ms",
            f"callback: p50 {snapshot.callback.p50_ms:.3f} ms, p99 {snapshot.callback.p99_ms:.3f}, max "
            f"{snapshot.callback.max_ms:.3f}",
            f"empty callback beside it: not measured, {stalls.error}"
            if stalls.error
            else f"empty callback beside it, every {stalls.period_ms:.2f} ms: p99 {stalls.p99_ms:.2f} ms apart, max "
            f"{stalls.max_ms:.2f}, {stalls.late} times a whole period late",
        ]
        if self.core_share is not None:
            lines.append(f"audio process: {100 * self.core_share:.0f} % of one core")
        if self.memory_mib:
            lines.append(f"its memory: {self.memory_mib[0]:.0f} MiB at first, {self.memory_mib[-1]:.0f} MiB at the end")
        return "\n".join(lines)


def _storable(value: Any) -> Any:
    """Return nested values with infinity, which JSON lacks, in words."""
    if isinstance(value, dict):
        return {key: _storable(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_storable(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
