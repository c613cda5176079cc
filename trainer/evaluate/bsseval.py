"""BSSEval version 4 by museval: SDR, SIR, ISR and SAR of vocals and accompaniment in 1-s windows."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

import numpy as np
from numpy.typing import NDArray

from trainer.data.songs import Audio, References, SongError
from trainer.errors import TrainerError
from trainer.evaluate.levels import LIMIT_DB
from trainer.evaluate.packages import load_module, package_folder

TARGETS = ("vocals", "accompaniment")
METRICS = ("SDR", "SIR", "ISR", "SAR")
WINDOW_S = 1.0
DITHER_RMS = 1e-4
# Where the weakest direction of the references' spectra lies below this, double precision cannot invert it any more:
# AAC cut at 16 kHz reaches -135 dB and lower, 16-bit recordings of full bandwidth stay above -110 dB.
SINGULAR_DB = -120.0
HARNESS_VERSION = "2"
_SEGMENT_SAMPLES = 1024


class EvaluationError(TrainerError):
    """An evaluation cannot be done as asked."""


@dataclass(frozen=True)
class SongScores:
    """Scores of one song in dB.

    Attributes:
        windows: `(targets, metrics, windows)` in the order of `TARGETS` and `METRICS`; NaN where a window has no score,
            at most `LIMIT_DB` either way.
        silent_references, silent_estimates: Windows without a score because a reference or an estimate is all zeros.
        dithered: Whether the references were singular and carried noise.
    """

    windows: NDArray[np.float64]
    silent_references: int
    silent_estimates: int
    dithered: bool

    def median(self) -> NDArray[np.float64]:
        """Return the median over the windows that have a score, `(targets, metrics)`; NaN where none has."""
        return nan_median(self.windows)


def nan_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median over the last axis, ignoring NaN; NaN where there is nothing else."""
    empty = np.isnan(values).all(axis=-1)
    return np.where(empty, np.nan, np.nanmedian(np.where(empty[..., None], 0.0, values), axis=-1))


def harness_identity() -> str:
    """Name everything that decides a score besides the audio."""
    dither = f"dither {DITHER_RMS} below {SINGULAR_DB} dB"
    return f"harness {HARNESS_VERSION}, museval {metadata.version('museval')}, window {WINDOW_S} s, {dither}"


def score(references: References, vocals: Audio, accompaniment: Audio) -> SongScores:
    """Score the estimates `vocals` and `accompaniment` of one song, `(channels, samples)` each.

    Windows in which a reference or an estimate is silent get no score, as in museval. Singular references are dithered
    afterwards: band limits leave BSSEval's projection on delayed references without an answer, and SIR, ISR and SAR
    meaningless; noise at `DITHER_RMS` makes it regular and does not move SDR.

    Raises:
        SongError: The song is shorter than a window, or a sample of it is not finite.
        EvaluationError: The shapes differ, a sample of an estimate is not finite, or museval is not installed.
    """
    clean = np.stack([references.vocals, references.accompaniment])
    estimated = np.stack([vocals, accompaniment])
    _check_signals(clean, estimated)
    size = round(WINDOW_S * references.sample_rate)
    if clean.shape[-1] < size:
        seconds = clean.shape[-1] / references.sample_rate
        raise SongError(f"it is {seconds:.2f} s long, but a score takes {WINDOW_S:g} s; leave the song out")
    silent_reference, silent_estimate = _silent_windows(clean, size), _silent_windows(estimated, size)
    unscored = silent_reference | silent_estimate
    windows = np.full((len(TARGETS), len(METRICS), len(unscored)), np.nan)
    dithered = not unscored.all() and is_singular(clean)
    if dithered:
        clean = clean + DITHER_RMS * np.random.default_rng(0).standard_normal(clean.shape)
    if not unscored.all():
        windows = np.where(unscored, np.nan, np.clip(_bss_eval(clean, estimated, size), -LIMIT_DB, LIMIT_DB))
    return SongScores(windows, int(silent_reference.sum()), int((silent_estimate & ~silent_reference).sum()), dithered)


def is_singular(references: NDArray[np.floating]) -> bool:
    """Tell whether BSSEval's projection on delayed copies of `(targets, channels, samples)` has no stable answer.

    It has none where, at any frequency, some mix of the references' channels has next to no power: beyond a band
    limit, or between equal channels.
    """
    signals = references.reshape(-1, references.shape[-1]).astype(np.float64)
    window = np.hanning(_SEGMENT_SAMPLES)
    powers = np.zeros((_SEGMENT_SAMPLES // 2 + 1, len(signals), len(signals)), np.complex128)
    # A piece at a time: the spectra of a whole song would take as much memory as the scores.
    step = 256 * _SEGMENT_SAMPLES
    for start in range(0, signals.shape[1] - _SEGMENT_SAMPLES + 1, step):
        piece = signals[:, start : start + step]
        segments = piece[:, : piece.shape[1] // _SEGMENT_SAMPLES * _SEGMENT_SAMPLES]
        spectra = np.fft.rfft(segments.reshape(len(signals), -1, _SEGMENT_SAMPLES) * window)
        powers += np.einsum("ifk,jfk->kij", spectra, spectra.conj())
    strengths = np.linalg.eigvalsh(powers)
    return bool(strengths.min() < 10 ** (SINGULAR_DB / 10) * strengths.max())


def _check_signals(clean: NDArray[np.floating], estimated: NDArray[np.floating]) -> None:
    if clean.shape != estimated.shape:
        raise EvaluationError(f"estimates of shape {estimated.shape} do not fit references of shape {clean.shape}")
    if not np.isfinite(clean).all():
        raise SongError("its stems hold NaN or infinite samples, which have no score; repair the song or leave it out")
    if not np.isfinite(estimated).all():
        raise EvaluationError("the estimates hold NaN or infinite samples, which have no score; leave the model out")


def _bss_eval(clean: NDArray[np.floating], estimated: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Return museval's scores, `(targets, metrics, windows)` in the order of `METRICS`."""
    folder = package_folder("museval")
    if folder is None:
        raise EvaluationError('museval is not installed; run: pip install "unsing[evaluate]"')
    # museval's own layout is (targets, samples, channels), its order SDR, ISR, SIR, SAR.
    sdr, isr, sir, sar, _ = load_module(folder / "metrics.py").bss_eval(
        np.moveaxis(clean, 1, 2).astype(np.float64),
        np.moveaxis(estimated, 1, 2).astype(np.float64),
        window=size,
        hop=size,
        compute_permutation=False,
        framewise_filters=False,
    )
    return np.stack([sdr, sir, isr, sar], axis=1)


def _silent_windows(signals: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    """Tell for each window whether any of `(targets, channels, samples)` is silent, by museval's definition."""
    count = signals.shape[-1] // size
    summed = signals.sum(axis=1)[:, : count * size].reshape(len(signals), count, size)
    return (summed == 0).all(axis=-1).any(axis=0)
