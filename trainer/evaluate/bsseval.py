"""BSSEval version 4 by museval: SDR, SIR, ISR and SAR of vocals and accompaniment in 1-s windows."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

import numpy as np
from numpy.typing import NDArray

from trainer.data.songs import Audio, References
from trainer.errors import TrainerError
from trainer.evaluate.packages import load_module, package_folder

TARGETS = ("vocals", "accompaniment")
METRICS = ("SDR", "SIR", "ISR", "SAR")
WINDOW_S = 1.0
DITHER_RMS = 1e-4
HARNESS_VERSION = "1"


class EvaluationError(TrainerError):
    """An evaluation cannot be done as asked."""


@dataclass(frozen=True)
class SongScores:
    """Scores of one song in dB.

    Attributes:
        windows: `(targets, metrics, windows)` in the order of `TARGETS` and `METRICS`; NaN where a window has no score.
        silent_references, silent_estimates: Windows without a score because a reference or an estimate is all zeros.
    """

    windows: NDArray[np.float64]
    silent_references: int
    silent_estimates: int

    def median(self) -> NDArray[np.float64]:
        """Return the median over the windows that have a score, `(targets, metrics)`; NaN where none has."""
        return nan_median(self.windows)


def nan_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median over the last axis, ignoring NaN; NaN where there is nothing else."""
    empty = np.isnan(values).all(axis=-1)
    return np.where(empty, np.nan, np.nanmedian(np.where(empty[..., None], 0.0, values), axis=-1))


def harness_identity() -> str:
    """Name everything that decides a score besides the audio."""
    return f"harness {HARNESS_VERSION}, museval {metadata.version('museval')}, window {WINDOW_S} s, dither {DITHER_RMS}"


def score(references: References, vocals: Audio, accompaniment: Audio) -> SongScores:
    """Score the estimates `vocals` and `accompaniment` of one song, `(channels, samples)` each.

    Windows in which a reference or an estimate is silent get no score, as in museval. The references are dithered
    afterwards: AAC and other band limits leave BSSEval's projection on delayed references singular, and SIR, ISR and
    SAR meaningless; noise at `DITHER_RMS` makes it regular and does not move SDR.

    Raises:
        EvaluationError: The shapes differ, a sample is not finite, or museval is not installed.
    """
    folder = package_folder("museval")
    if folder is None:
        raise EvaluationError('museval is not installed; run: pip install "unsing[evaluate]"')
    clean = np.stack([references.vocals, references.accompaniment])
    estimated = np.stack([vocals, accompaniment])
    if clean.shape != estimated.shape:
        raise EvaluationError(f"estimates of shape {estimated.shape} do not fit references of shape {clean.shape}")
    for name, signals in (("song", clean), ("estimate", estimated)):
        if not np.isfinite(signals).all():
            raise EvaluationError(
                f"the {name} holds NaN or infinite samples, which have no score; repair it or leave it out"
            )
    size = min(round(WINDOW_S * references.sample_rate), clean.shape[-1])
    silent_reference, silent_estimate = _silent_windows(clean, size), _silent_windows(estimated, size)
    unscored = silent_reference | silent_estimate
    windows = np.full((len(TARGETS), len(METRICS), len(unscored)), np.nan)
    if not unscored.all():
        noise = np.random.default_rng(0).standard_normal(clean.shape)
        # museval's own layout is (targets, samples, channels), its order SDR, ISR, SIR, SAR.
        sdr, isr, sir, sar, _ = load_module(folder / "metrics.py").bss_eval(
            np.moveaxis(clean + DITHER_RMS * noise, 1, 2),
            np.moveaxis(estimated, 1, 2).astype(np.float64),
            window=size,
            hop=size,
            compute_permutation=False,
            framewise_filters=False,
        )
        windows = np.where(unscored, np.nan, np.stack([sdr, sir, isr, sar], axis=1))
    return SongScores(windows, int(silent_reference.sum()), int((silent_estimate & ~silent_reference).sum()))


def _silent_windows(signals: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    """Tell for each window whether any of `(targets, channels, samples)` is silent, by museval's definition."""
    count = signals.shape[-1] // size
    summed = signals.sum(axis=1)[:, : count * size].reshape(len(signals), count, size)
    return (summed == 0).all(axis=-1).any(axis=0)
