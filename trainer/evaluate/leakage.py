"""Leakage: the voice left in the accompaniment, and a voice where nobody sings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.contract import StftSpec
from trainer.data.songs import Audio, References
from trainer.evaluate.levels import LIMIT_DB
from trainer.evaluate.masking import spectrogram

STFT = StftSpec(n_fft=2048, hop_length=1024, analysis_window="hann", synthesis_window="hann")
TILE_S = 1.0
TILE_BINS = 16
PASSAGE_S = 0.5
# A voice this far below the mixture is not heard: reverberation, or the noise of a lossy codec.
UNSUNG_DB = -50.0
SILENCE_RMS = 1e-4


def vocals_left_db(references: References, accompaniment: Audio) -> float:
    """Return the level of the voice in an estimated accompaniment, relative to the voice in the mixture.

    In every tile of `TILE_S` by `TILE_BINS` of the spectrogram the estimate is fitted by gains of both references;
    what the gain of the vocals carries is voice that was left. 0 dB is all of it, NaN means that nobody sings.
    """
    frames = max(1, round(TILE_S * references.sample_rate / STFT.hop_length))
    vocals, rest, estimate = (
        _tiles(spectrogram(audio, STFT), frames)
        for audio in (references.vocals, references.accompaniment, accompaniment)
    )
    left = _gain_of_first(vocals, rest, estimate)
    power = np.sum(np.abs(vocals) ** 2, axis=-1)
    return _level_db(np.sum(np.abs(left) ** 2 * power), np.sum(power))


def false_vocals_db(references: References, vocals: Audio) -> float:
    """Return the level of the estimated vocals relative to the mixture, in passages of `PASSAGE_S` without singing.

    0 dB is the mixture passed on as a voice; NaN means that somebody sings all the time.
    """
    size = round(PASSAGE_S * references.sample_rate)
    mixture, voice, estimate = (
        _passage_powers(audio, size) for audio in (references.mixture, references.vocals, vocals)
    )
    unsung = (mixture > SILENCE_RMS**2) & (voice < 10 ** (UNSUNG_DB / 10) * mixture)
    return _level_db(estimate[unsung].sum(), mixture[unsung].sum())


def _level_db(power: float, whole: float) -> float:
    if whole == 0:
        return float("nan")
    return float(10 * np.log10(max(power / whole, 10 ** (-LIMIT_DB / 10))))


def _tiles(frames: NDArray[np.complex64], tile_frames: int) -> NDArray[np.complex128]:
    """Cut `(channels, bins, frames)` into `(tiles, values)`, padded with zeros."""
    channels, bins, count = frames.shape
    padded = np.pad(frames, ((0, 0), (0, -bins % TILE_BINS), (0, -count % tile_frames)))
    cut = padded.reshape(channels, -1, TILE_BINS, padded.shape[2] // tile_frames, tile_frames)
    return cut.transpose(1, 3, 0, 2, 4).reshape(-1, channels * TILE_BINS * tile_frames)


def _gain_of_first(
    first: NDArray[np.complex128], second: NDArray[np.complex128], estimate: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """Return per tile the least-squares gain of `first` where `first` and `second` together make the estimate."""
    basis = np.stack([first, second], axis=1)
    matrix = basis.conj() @ basis.swapaxes(1, 2)
    wanted = basis.conj() @ estimate[..., None]
    # Where a reference has no power its gain means nothing; the ridge keeps it small instead of undefined.
    trace = np.trace(matrix, axis1=1, axis2=2).real
    ridge = (1e-9 * trace + np.finfo(np.float64).tiny)[:, None, None] * np.eye(2)
    return np.linalg.solve(matrix + ridge, wanted)[:, 0, 0]


def _passage_powers(audio: Audio, size: int) -> NDArray[np.float64]:
    """Return the mean power of each whole passage of `(channels, samples)`."""
    count = audio.shape[1] // size
    return (audio[:, : count * size].astype(np.float64).reshape(-1, count, size) ** 2).mean(axis=(0, 2))
