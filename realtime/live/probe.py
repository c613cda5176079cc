"""Which models this machine holds: measured once, remembered, recommended. Imports nothing that is slow to load."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.live.text_files import write_text

# A model is recommended where this share of its deadline is enough for 99 of 100 calls: the rest is for the mix, the
# window and whatever else the machine does.
_SAFE_SHARE = 0.5
_NEVER = 1e9  # no figure is as large, and none that is breaks what is counted with it


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


def recommend(timings: Sequence[ModelTiming]) -> ModelTiming:
    """Return the model with the best vocals that this machine holds with margin; the fastest if there is none."""
    safe = [timing for timing in timings if timing.is_safe]
    if not safe:
        return min(timings, key=lambda timing: timing.rtf)
    return max(safe, key=lambda timing: (timing.vocals_sdr_db or 0.0, -timing.latency_ms))


class KnownTimings:
    """Timings of model files, as long as machine and file are the same.

    Args:
        path: The file they are kept in. One that is damaged or of another machine counts as empty.
        machine: What they were measured on.
    """

    def __init__(self, path: Path, machine: str) -> None:
        self._path, self._machine = path, machine
        self._timings: dict[str, ModelTiming] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["machine"] == machine:
                self._timings = {digest: _read(values) for digest, values in stored["models"].items()}

    def get(self, model: Path) -> ModelTiming | None:
        """Return what was measured with this very file; None before it was."""
        timing = self._timings.get(_digest(model))
        return timing and dataclasses.replace(timing, name=model.stem)

    def put(self, model: Path, timing: ModelTiming) -> None:
        """Remember a timing; where the file cannot be written it is measured again another day."""
        self._timings[_digest(model)] = timing
        models = {digest: dataclasses.asdict(known) for digest, known in self._timings.items()}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, json.dumps({"machine": self._machine, "models": models}, indent=2))


def _read(stored: dict[str, Any]) -> ModelTiming:
    """Build a timing from what was stored; ValueError where it holds what was never measured."""
    timing = ModelTiming(**stored)
    for name, value in vars(timing).items():
        if name == "name" or (value is None and name in ("peak_memory_mib", "vocals_sdr_db")):
            continue
        if type(value) not in (int, float) or not abs(value) < _NEVER:
            raise ValueError(f"{name} is {value!r}")
    return timing


def _digest(model: Path) -> str:
    with model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
