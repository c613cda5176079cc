"""What listeners notice, as figures: clicks, seams, pumping, musical noise. Audio is `(channels, samples)`."""

import functools

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.ndimage import maximum_filter1d
from scipy.signal import butter, lfilter, sosfiltfilt, stft

from realtime.separator import StreamingSeparator
from trainer.data.songs import Audio, References
from trainer.evaluate.demo import SECONDS, START_S, demo_song

ENVELOPE_S = 0.1
# A click is a prediction error so many times the usual one, and larger than any of the mixture nearby. What is
# predicted of a stem is not what is of its mixture, so the mixture's error by the stem's predictor counts too, where
# onsets of both coincide.
CLICK = 20.0
NEARBY_SAMPLES, COINCIDING_SAMPLES = 512, 4
# Below this a prediction error is not heard, however quiet its surroundings: -80 dB of full scale.
USUAL_FLOOR = 1e-4
PREDICTOR_ORDER, PREDICTOR_SAMPLES = 32, 2048
# A spectral peak this far above all around it and above the truth is a birdie.
BIRDIE_DB = 10.0
BIRDIE_N_FFT, BIRDIE_HOP = 2048, 1024
BIRDIE_RANGE_DB = 70.0
_TINY = 1e-12


@functools.cache
def real_song() -> References:
    """Return the one real song with stems that a package holds, less the clicks at its cuts."""
    return demo_song().load(START_S, SECONDS)


def separate(separator: StreamingSeparator, mixture: Audio) -> tuple[Audio, Audio]:
    """Return vocals and accompaniment of a mixture, from a fresh stream and aligned with it."""
    separator.reset()
    outputs = np.concatenate([separator.process(np.float32(mixture)), separator.flush()], axis=-1)
    vocals, accompaniment = (outputs[separator.outputs.index(name)] for name in ("vocals", "accompaniment"))
    return vocals[:, separator.latency_samples :], accompaniment[:, separator.latency_samples :]


def level_db(audio: Audio) -> float:
    """Return the mean power in dB; full scale is 0 dB, and there is nothing below -240 dB."""
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + _TINY**2))


def sdr_db(estimate: Audio, reference: Audio) -> float:
    """Return the power of the reference over that of the error, in dB."""
    return level_db(reference) - level_db(estimate - reference)


def band(audio: Audio, low_hz: float, high_hz: float, sample_rate: int) -> Audio:
    """Keep a band, without delay."""
    return sosfiltfilt(butter(4, (low_hz, high_hz), "bandpass", fs=sample_rate, output="sos"), audio)


def count_clicks(audio: Audio, mixture: Audio) -> int:
    """Count samples of `audio` that nothing before them and nothing in the mixture leads to expect.

    That is how restorers of old records find clicks (Godsill and Rayner, 1998): music is predictable, clicks are not.
    """
    error, error_of_mixture, usual = _prediction_errors(audio, mixture)
    own = maximum_filter1d(_prediction_errors(mixture, mixture)[0], 2 * NEARBY_SAMPLES + 1, axis=1)
    coinciding = maximum_filter1d(error_of_mixture, 2 * COINCIDING_SAMPLES + 1, axis=1)
    return int(np.count_nonzero((error > CLICK * usual) & (error > own) & (error > coinciding)))


def _prediction_errors(audio: Audio, mixture: Audio) -> tuple[Audio, Audio, Audio]:
    """Return how far each sample lies from what the ones before it predict, and what is usual around it.

    Predictors are those of `audio`; the second are the mixture's errors by them.
    """
    error, error_of_mixture, usual = np.zeros((3, *audio.shape))
    for channel in range(len(audio)):
        for start in range(0, audio.shape[1], PREDICTOR_SAMPLES):
            lead = min(start, PREDICTOR_ORDER)
            reached = slice(start - lead, start + PREDICTOR_SAMPLES)
            block, mixed = (signal[channel, reached].astype(np.float64) for signal in (audio, mixture))
            spectrum = np.fft.rfft(block * np.hanning(block.size), 4 * PREDICTOR_SAMPLES)
            correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: PREDICTOR_ORDER + 1]
            correlation[0] = 1.0001 * correlation[0] + 1e-9
            predictor = solve_toeplitz(correlation[:-1], correlation[1:])
            here = slice(start, start + PREDICTOR_SAMPLES)
            errors = np.abs(lfilter([1, *-predictor], 1, [block, mixed]))[:, lead:]
            error[channel, here], error_of_mixture[channel, here] = errors
            usual[channel, here] = np.median(error[channel, here]) + USUAL_FLOOR
    # A passage cut out of a song begins with samples that have too few before them to be predicted.
    error[:, :PREDICTOR_ORDER] = 0
    return error, error_of_mixture, usual


def seam_db(audio: Audio, period: int) -> float:
    """Return how far the typical curvature at the worst place of a period lies above that at the others, in dB.

    What is heard of badly joined chunks is a hum at their rate; each seam may be far too weak to be a click.
    """
    curvature = np.log10(np.abs(np.diff(audio, 2, axis=1)) + 1e-9)
    by_place = 20 * curvature[:, : curvature.shape[1] // period * period].reshape(-1, period).mean(axis=0)
    return float(by_place.max() - np.median(by_place))


def pumping_db(estimate: Audio, reference: Audio, sample_rate: int) -> float:
    """Return by how much the estimate's level strays from the reference's, in dB.

    It is the standard deviation over time of the difference of their levels, so a constant gain does not count, and
    neither do passages 40 dB below the loudest.
    """
    found, true = (_envelope_db(audio, round(ENVELOPE_S * sample_rate)) for audio in (estimate, reference))
    return float(np.std((found - true)[true > true.max() - 40]))


def _envelope_db(audio: Audio, size: int) -> Audio:
    pieces = audio[:, : audio.shape[1] // size * size].reshape(audio.shape[0], -1, size)
    return 10 * np.log10(np.mean(pieces.astype(np.float64) ** 2, axis=(0, 2)) + _TINY)


def birdies_per_s(estimate: Audio, reference: Audio, sample_rate: int) -> float:
    """Return how many lonely short tones per second stand in the estimate but not in the reference: musical noise.

    A birdie towers over the frames before and after it, the bins beside it, and the reference there.
    """
    found, true = (
        20 * np.log10(np.abs(_spectrogram(audio.mean(axis=0), sample_rate)) + 1e-6) for audio in (estimate, reference)
    )
    ring = np.ones((9, 5), bool)
    ring[2:7, 1:4] = False  # the tone itself: its window spans as much
    around = np.stack([np.roll(found, offset, (0, 1)) for offset in np.argwhere(ring) - (4, 2)]).max(axis=0)
    lonely = (found > np.maximum(around, true) + BIRDIE_DB) & (found > found.max() - BIRDIE_RANGE_DB)
    return float(np.count_nonzero(lonely) * sample_rate / estimate.shape[1])


def _spectrogram(samples: Audio, sample_rate: int) -> Audio:
    return stft(samples, sample_rate, nperseg=BIRDIE_N_FFT, noverlap=BIRDIE_N_FFT - BIRDIE_HOP)[2]
