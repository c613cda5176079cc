"""What is worth knowing of a recording before it is mixed: how loud it is when, its bandwidth, its tempo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOUDNESS_BLOCK_S = 0.25
_SILENCE_DB = -100.0

# Bandwidth: a codec's low-pass leaves nothing but rounding noise above it.
_SPECTRUM = 2048
_SPECTRA = 400  # looked at, spread over the recording; the loudest twentieth counts
_NOTHING_DB = -112.0  # of a full-scale sine; 16-bit rounding noise lies near -122
_NARROWEST_HZ = 5000.0  # below, an instrument or a vowel ends by itself

# Tempo
_EXCERPT_S = 40.0
_ONSET_FRAME, _ONSET_HOP = 2048, 512
_ONSET_BANDS = 24
_SLOWEST_BPM, _FASTEST_BPM = 60.0, 200.0
_CLEAR = 0.1  # autocorrelation of the onsets from which a beat is believed


def loudness_db(audio: NDArray, sample_rate: int) -> NDArray[np.int16]:
    """Return the level of `(channels, samples)` float audio in blocks of `LOUDNESS_BLOCK_S`, in whole dBFS."""
    block = round(LOUDNESS_BLOCK_S * sample_rate)
    blocks = np.pad(audio, ((0, 0), (0, -audio.shape[1] % block))).reshape(audio.shape[0], -1, block)
    power = np.einsum("cbs,cbs->b", blocks, blocks) / (audio.shape[0] * block)
    return np.round(10 * np.log10(power + 10 ** (_SILENCE_DB / 10))).astype(np.int16)


def bandwidth_hz(audio: NDArray, sample_rate: int) -> float:
    """Return the highest frequency at which `(channels, samples)` float audio holds more than rounding noise.

    Half the sample rate where that is so narrow that the music rather than a codec may end there.
    """
    mono = audio.mean(axis=0)
    if mono.size < _SPECTRUM:
        return sample_rate / 2
    starts = np.linspace(0, mono.size - _SPECTRUM, min(_SPECTRA, mono.size // _SPECTRUM)).astype(int)
    window = np.hanning(_SPECTRUM).astype(np.float32)
    power = np.abs(np.fft.rfft(np.stack([mono[start : start + _SPECTRUM] for start in starts]) * window)) ** 2
    loud = np.sort(power, axis=0)[-max(1, starts.size // 20)] / (window.sum() / 2) ** 2
    held = np.flatnonzero(loud > 10 ** (_NOTHING_DB / 10))
    highest = (held[-1] + 1) * sample_rate / _SPECTRUM if held.size else 0.0
    return min(highest, sample_rate / 2) if highest > _NARROWEST_HZ else sample_rate / 2


def tempo_bpm(audio: NDArray, sample_rate: int) -> float | None:
    """Estimate the tempo of `(channels, samples)` float audio from its onsets; None where no beat stands out.

    The autocorrelation of the spectral flux of the middle of the recording, weighted towards 120 beats a minute. Half
    and double tempo are often taken for each other; who compares tempi must allow for octaves.
    """
    length = round(_EXCERPT_S * sample_rate)
    start = max(0, audio.shape[1] - length) // 2
    onsets = _onsets(audio[:, start : start + length].mean(axis=0))
    rate = sample_rate / _ONSET_HOP
    lags = np.arange(int(60 * rate / _FASTEST_BPM), int(60 * rate / _SLOWEST_BPM) + 1)
    if onsets.size < 4 * lags[-1] or not onsets.any():
        return None
    spectrum = np.fft.rfft(onsets, 2 * onsets.size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: onsets.size]
    correlation /= correlation[0] * (1 - np.arange(onsets.size) / onsets.size)
    # A beat repeats: its second period counts too, and settles the tempo twice as finely.
    score = (correlation[lags] + correlation[2 * lags]) * np.exp(-0.5 * np.log2(60 * rate / lags / 120) ** 2)
    best = int(np.argmax(score))
    if correlation[lags[best]] < _CLEAR:
        return None
    return 60 * rate / (lags[best] + _peak_offset(score, best))


def _onsets(mono: NDArray) -> NDArray:
    """Return the spectral flux per hop, less its own slow average."""
    if mono.size < _ONSET_FRAME:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(mono, _ONSET_FRAME)[::_ONSET_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_ONSET_FRAME).astype(np.float32))) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1] - 1, _ONSET_BANDS + 1).astype(int))[:-1]
    level = np.log10(np.add.reduceat(power, edges, axis=1) + 1e-3)
    flux = np.maximum(0, np.diff(level, axis=0)).sum(axis=1)
    width = 43
    return flux - np.convolve(flux, np.full(width, 1 / width), mode="same")


def _peak_offset(values: NDArray, index: int) -> float:
    """Return where, between its neighbours, the parabola through a peak has its top."""
    if not 0 < index < values.size - 1:
        return 0.0
    before, peak, after = values[index - 1 : index + 2]
    bend = before - 2 * peak + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0
