"""From results to a report: the figures of every row, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluate.bsseval import TARGETS, harness_identity
from trainer.evaluate.cost import Cost
from trainer.evaluate.estimators import Estimator
from trainer.evaluate.machine import cpu_name, usable_cores, versions
from trainer.evaluate.metrics import FIGURES
from trainer.evaluate.protocols import Passage, Protocol
from trainer.evaluate.runner import Result
from trainer.evaluate.statistics import Comparison, Interval, compare, median_interval

# Rows that say where the floor and the ceiling are.
NO_SEPARATORS = ("mixture", "oracle")


@dataclass(frozen=True)
class Row:
    """One estimator over all songs.

    Attributes:
        estimator: Who it is.
        results: One per song, in the order of the report.
        cost: What it costs.
    """

    estimator: Estimator
    results: tuple[Result, ...]
    cost: Cost

    @property
    def label(self) -> str:
        """Its name in the report."""
        return self.estimator.label

    def values(self, target: str, metric: str) -> NDArray[np.float64]:
        """Return one figure in dB for every song, `(songs,)`; NaN where a song has none."""
        return np.array([result.figure(target, metric) for result in self.results])

    def interval(self, target: str, metric: str) -> Interval:
        """Return the median over songs with its 95 % interval."""
        return median_interval(self.values(target, metric))

    def count(self, name: str) -> int:
        """Return what BSSEval counted, over all songs."""
        return sum(result.measured["bsseval"].counts[name] for result in self.results)


@dataclass(frozen=True)
class Report:
    """Everything an evaluation found.

    Attributes:
        protocol: How it was done.
        passages: What was scored, in the order of the results.
        rows: One per estimator that could run.
        missing: The estimators that could not.
        rival: Label of the row the others are compared with; None where there is nothing to compare.
        excerpts: What there are pictures and sound of.
    """

    protocol: Protocol
    passages: tuple[Passage, ...]
    rows: tuple[Row, ...]
    missing: tuple[Estimator, ...]
    rival: str | None
    excerpts: tuple[Passage, ...] = ()

    def row(self, label: str) -> Row:
        """Return the row of that name."""
        return next(row for row in self.rows if row.label == label)

    def challengers(self) -> list[Row]:
        """Return the separators that are compared with the rival."""
        return [row for row in self.rows if self.rival is not None and row.label not in (self.rival, *NO_SEPARATORS)]

    def comparison(self, row: Row, target: str, metric: str) -> Comparison:
        """Compare a row with the rival, song by song."""
        return compare(row.values(target, metric), self.row(self.rival).values(target, metric))


def to_json(report: Report) -> str:
    """Return the report for programs: the same figures, and every song's."""
    return json.dumps(
        _jsonable(
            {
                "protocol": asdict(report.protocol),
                "harness": harness_identity(),
                "machine": {"cpu": cpu_name(), "cores": usable_cores()},
                "versions": versions(),
                "songs": {
                    passage.name: {"start_s": passage.start_s, "length_s": round(passage.length_s(), 2)}
                    for passage in report.passages
                },
                "rows": [_row_as_json(row) for row in report.rows],
                "rival": report.rival,
                "comparisons": {
                    row.label: _by_figure(lambda *figure, row=row: asdict(report.comparison(row, *figure)))
                    for row in report.challengers()
                },
                "not_available": {estimator.label: estimator.unavailable for estimator in report.missing},
            }
        ),
        indent=1,
        allow_nan=False,
    )


def to_csv(report: Report) -> str:
    """Return one line per song, target, model and metric; a figure that does not exist is empty."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("song", "target", "model", "metric", "value_db"))
    for index, passage in enumerate(report.passages):
        for row in report.rows:
            for target, metric in FIGURES:
                value = row.results[index].figure(target, metric)
                lines.writerow((passage.name, target, row.label, metric, "" if math.isnan(value) else f"{value:.4f}"))
    return text.getvalue()


def _row_as_json(row: Row) -> dict[str, Any]:
    intervals = {figure: row.interval(*figure) for figure in FIGURES}
    return {
        "model": row.label,
        "identity": row.estimator.identity,
        "latency_ms": row.estimator.latency_ms,
        **asdict(row.cost),
        **{name: row.count(name) for name in row.results[0].measured["bsseval"].counts},
        "median": _by_figure(lambda *figure: intervals[figure].median),
        "interval": _by_figure(lambda *figure: [intervals[figure].low, intervals[figure].high]),
        "songs": {result.song: _by_figure(result.figure) for result in row.results},
    }


def _by_figure(value: Any) -> dict[str, dict[str, Any]]:
    return {
        target: {metric: value(target, metric) for owner, metric in FIGURES if owner == target} for target in TARGETS
    }


def _jsonable(value: Any) -> Any:
    """Return nested values with None for NaN, which JSON does not know."""
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
