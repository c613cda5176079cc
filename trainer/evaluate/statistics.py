"""How sure a median over few songs is, and whether two separators differ on the same songs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 9999


@dataclass(frozen=True)
class Interval:
    """A median with its bootstrap interval in dB; NaN where it cannot be had."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """One separator against another on the same songs.

    Attributes:
        difference: Median of the paired differences, positive where the first scores higher.
        higher, lower: On how many songs the first scores higher or lower; ties count as neither.
        p_value: Of a two-sided sign test; NaN without a song that differs.
    """

    difference: Interval
    higher: int
    lower: int
    p_value: float


def median_interval(values: NDArray[np.float64]) -> Interval:
    """Return the median over songs and its 95 % percentile bootstrap interval; NaN is left out."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        median = float(values[0]) if len(values) else float("nan")
        return Interval(median, float("nan"), float("nan"))
    found = stats.bootstrap(
        (values,),
        np.median,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(np.median(values)), float(found.low), float(found.high))


def compare(first: NDArray[np.float64], second: NDArray[np.float64]) -> Comparison:
    """Compare two separators, `(songs,)` each in the same order; songs that lack a score of either are left out."""
    differences = first - second
    differences = differences[np.isfinite(differences)]
    higher, lower = int((differences > 0).sum()), int((differences < 0).sum())
    p_value = float(stats.binomtest(higher, higher + lower).pvalue) if higher + lower else float("nan")
    return Comparison(median_interval(differences), higher, lower, p_value)
