"""The families of scores: what each needs, what it gives, and what it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from trainer.data.songs import References
from trainer.evaluate import bsseval, leakage, levels
from trainer.evaluate.bsseval import METRICS, TARGETS
from trainer.evaluate.estimators import Estimates

SONG_METRICS = ("SI-SDR", "uSDR")
VOCALS_LEFT, FALSE_VOCALS = "vocals left", "false vocals"
# Every figure a song has, `(target, metric)`, in the order of the report.
FIGURES = (
    *((target, metric) for target in TARGETS for metric in (*METRICS, *SONG_METRICS)),
    ("accompaniment", VOCALS_LEFT),
    ("vocals", FALSE_VOCALS),
)

Figures = Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Measured:
    """What one family says about one song by one estimator; None stands where there is no score.

    Attributes:
        figures: `{target: {metric: dB}}` of the song.
        windows: `{target: {metric: [dB per window]}}`, where the family has windows.
        counts: Whatever was counted on the way.
    """

    figures: Figures
    windows: Mapping[str, Mapping[str, list[float | None]]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """Scores that are computed together and kept together.

    Attributes:
        name: For people.
        identity: Everything that decides its scores besides the audio; another identity makes kept scores void.
        measure: Scores the estimates of one song.
    """

    name: str
    identity: str
    measure: Callable[[References, Estimates], Measured]


def families() -> tuple[Family, ...]:
    """Return all families."""
    return (
        Family("bsseval", bsseval.harness_identity(), _measure_bsseval),
        Family("levels", "levels 1", _measure_levels),
        Family("leakage", "leakage 1", _measure_leakage),
    )


def _measure_bsseval(references: References, estimates: Estimates) -> Measured:
    scores = bsseval.score(references, estimates.vocals, estimates.accompaniment)
    counts = {
        "windows": scores.windows.shape[-1],
        "silent_references": scores.silent_references,
        "silent_estimates": scores.silent_estimates,
        "dithered": int(scores.dithered),
    }
    return Measured(_named(scores.median()), _named(scores.windows), counts)


def _measure_levels(references: References, estimates: Estimates) -> Measured:
    pairs = {
        "vocals": (references.vocals, estimates.vocals),
        "accompaniment": (references.accompaniment, estimates.accompaniment),
    }
    return Measured(
        {
            target: {
                "SI-SDR": _finite(levels.si_sdr_db(*pair)),
                "uSDR": _finite(levels.utterance_sdr_db(*pair)),
            }
            for target, pair in pairs.items()
        }
    )


def _measure_leakage(references: References, estimates: Estimates) -> Measured:
    return Measured(
        {
            "vocals": {FALSE_VOCALS: _finite(leakage.false_vocals_db(references, estimates.vocals))},
            "accompaniment": {VOCALS_LEFT: _finite(leakage.vocals_left_db(references, estimates.accompaniment))},
        }
    )


def _named(scores: np.ndarray) -> dict:
    values = np.where(np.isnan(scores), None, scores).tolist()
    return {
        target: dict(zip(METRICS, by_metric, strict=True)) for target, by_metric in zip(TARGETS, values, strict=True)
    }


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else value
