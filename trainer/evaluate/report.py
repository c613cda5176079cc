"""From results to a report: medians, a Markdown table, JSON."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluate.bsseval import DITHER_RMS, METRICS, TARGETS, WINDOW_S, harness_identity, nan_median
from trainer.evaluate.estimators import Estimator
from trainer.evaluate.machine import cpu_name, usable_cores, versions
from trainer.evaluate.runner import Result


@dataclass(frozen=True)
class Row:
    """One estimator over all songs.

    Attributes:
        estimator: Who it is.
        songs: Names of the songs.
        song_medians: `(targets, metrics, songs)` in dB, medians over a song's windows; NaN where none has a score.
        silent_references, silent_estimates: Windows without a score, by cause, over all songs.
        rtf: Processor time on one thread per second of audio; None where it is not measured.
    """

    estimator: Estimator
    songs: tuple[str, ...]
    song_medians: NDArray[np.float64]
    silent_references: int
    silent_estimates: int
    rtf: float | None

    @classmethod
    def of(cls, estimator: Estimator, results: Sequence[Result]) -> Row:
        """Aggregate the results of one estimator, one per song and at least one."""
        busy = [result.busy_s for result in results]
        rtf = None if None in busy else sum(busy) / sum(result.audio_s for result in results)
        return cls(
            estimator,
            tuple(result.song for result in results),
            np.stack([nan_median(result.scores()) for result in results], axis=-1),
            sum(result.silent_references for result in results),
            sum(result.silent_estimates for result in results),
            rtf,
        )

    def median(self) -> NDArray[np.float64]:
        """Return the median over songs of the medians over windows, `(targets, metrics)`."""
        return nan_median(self.song_medians)

    def scored_songs(self) -> int:
        """Return how many songs have a score at all."""
        return int(np.isfinite(self.song_medians[0, 0]).sum())


def to_markdown(rows: Sequence[Row], missing: Sequence[Estimator], title: str) -> str:
    """Return the report, ready to be read."""
    heads = ["target", "model", *METRICS, "songs", "latency (ms)", "RTF"]
    table = [heads, ["---"] * 2 + ["---:"] * (len(heads) - 2)]
    for index, target in enumerate(TARGETS):
        for row in rows:
            scores = [_number(value) for value in row.median()[index]]
            table.append(
                [
                    target,
                    row.estimator.label,
                    *scores,
                    str(row.scored_songs()),
                    _number(row.estimator.latency_ms, 1),
                    _number(row.rtf, 3),
                ]
            )
        table += [[target, estimator.label, estimator.unavailable, *[""] * 6] for estimator in missing]
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    unscored = "; ".join(f"{row.estimator.label} {row.silent_references} / {row.silent_estimates}" for row in rows)
    songs = "\n".join(f"- {name}" for name in (rows[0].songs if rows else ()))
    return f"""# {title}

{lines}

Scores in dB: {protocol()}

Windows without a score, because a reference / an estimate is silent in them: {unscored or "none"}.

Models run from their ONNX files through the streaming host. Latency is algorithmic. RTF is processor time on one thread
per second of audio, as fast as it goes and beside other songs; a live call, once per block, takes longer.

Machine: {cpu_name()}, {usable_cores()} cores, {platform.system()} {platform.machine()}.
Versions: {", ".join(f"{name} {version}" for name, version in versions().items())}.

![SDR per song](sdr.png)

Songs:

{songs}
"""


def to_json(rows: Sequence[Row], missing: Sequence[Estimator]) -> str:
    """Return the report for programs: the same figures, and every song's."""
    return json.dumps(
        {
            "protocol": protocol(),
            "harness": harness_identity(),
            "machine": {"cpu": cpu_name(), "cores": usable_cores()},
            "versions": versions(),
            "rows": [_row_as_json(row) for row in rows],
            "not_available": {estimator.label: estimator.unavailable for estimator in missing},
        },
        indent=1,
        allow_nan=False,
    )


def protocol() -> str:
    """Return the sentences without which the figures mean nothing."""
    return (
        f"museval BSSEval v4, windows of {WINDOW_S:g} s without overlap, median over windows, then over songs. "
        f"The references carry seeded noise at {DITHER_RMS:g} of full scale, because band-limited references make "
        "BSSEval's projection singular. Windows in which a reference or an estimate is silent have no score, as in "
        "museval. The mixture of a STEMS file is the sum of its stems."
    )


def _row_as_json(row: Row) -> dict[str, Any]:
    estimator = row.estimator
    return {
        "model": estimator.label,
        "identity": estimator.identity,
        "latency_ms": estimator.latency_ms,
        "rtf": row.rtf,
        "silent_references": row.silent_references,
        "silent_estimates": row.silent_estimates,
        "median": _named(row.median()),
        "songs": {name: _named(row.song_medians[..., index]) for index, name in enumerate(row.songs)},
    }


def _named(scores: NDArray[np.float64]) -> Mapping[str, Mapping[str, float | None]]:
    return {
        target: {
            metric: float(value) if math.isfinite(value) else None
            for metric, value in zip(METRICS, values, strict=True)
        }
        for target, values in zip(TARGETS, scores, strict=True)
    }


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else "-" if math.isnan(value) else f"{value:.{digits}f}"
