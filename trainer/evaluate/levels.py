"""Scores without filters: how far an estimate is from its reference over a whole song, one number each."""

from __future__ import annotations

import numpy as np

from trainer.data.songs import Audio

# Float32 audio holds no more than this, and a finite number can be averaged and printed.
LIMIT_DB = 100.0


def utterance_sdr_db(reference: Audio, estimate: Audio) -> float:
    """Return power of the reference over power of the error in dB, all of `(channels, samples)` at once.

    NaN where the reference is silent, and at most `LIMIT_DB` either way.
    """
    wanted = reference.astype(np.float64)
    return power_ratio_db(np.sum(wanted**2), np.sum((wanted - estimate) ** 2))


def si_sdr_db(reference: Audio, estimate: Audio) -> float:
    """Return `utterance_sdr_db` with the reference scaled by the gain that fits best (Le Roux et al., 2019).

    One gain serves all channels and no mean is taken off. NaN where the reference is silent.
    """
    wanted, got = reference.astype(np.float64), estimate.astype(np.float64)
    power = np.sum(wanted**2)
    scaled = wanted * (np.sum(wanted * got) / power) if power else wanted
    if power and not scaled.any():
        return -LIMIT_DB
    return power_ratio_db(np.sum(scaled**2), np.sum((scaled - got) ** 2))


def power_ratio_db(power: float, other: float) -> float:
    """Return `power` over `other` in dB within ± `LIMIT_DB`; NaN where `power` is zero."""
    if power == 0:
        return float("nan")
    smallest = power * 10 ** (-LIMIT_DB / 10)
    return float(max(-LIMIT_DB, 10 * np.log10(power / max(other, smallest))))
