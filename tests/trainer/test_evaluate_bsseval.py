"""The scores on cases whose answer is known on paper."""

import numpy as np
import pytest

from trainer.data.songs import References, SongError
from trainer.evaluate.bsseval import METRICS, EvaluationError, is_singular, nan_median, score
from trainer.evaluate.demo import START_S, demo_song
from trainer.evaluate.levels import LIMIT_DB
from trainer.evaluate.masking import phase_sensitive_estimate
from trainer.evaluate.packages import load_module, package_folder

RATE = 8000
RMS = 0.1


def white(seed, seconds=3, rms=RMS):
    return (rms * np.random.default_rng(seed).standard_normal((1, seconds * RATE))).astype(np.float32)


def song(vocals, accompaniment):
    return References(vocals + accompaniment, vocals, accompaniment, RATE)


def medians(references, vocals, accompaniment):
    voice, rest = score(references, vocals, accompaniment).median()
    return dict(zip(METRICS, voice, strict=True)), dict(zip(METRICS, rest, strict=True))


def band_limited(audio):
    """Cut everything above half of the band, as a lossy codec does."""
    spectrum = np.fft.rfft(audio)
    spectrum[:, spectrum.shape[1] // 2 :] = 0
    return np.fft.irfft(spectrum).astype(np.float32)


def test_perfect_estimates_score_the_most_there_is():
    references = song(white(1), white(2))
    for scores in medians(references, references.vocals, references.accompaniment):
        assert set(scores.values()) == {LIMIT_DB}


def test_perfect_estimates_of_band_limited_references_score_as_high_as_the_dither_allows():
    references = song(band_limited(white(1)), band_limited(white(2)))
    for scores in medians(references, references.vocals, references.accompaniment):
        # Half the power of rms 0.1 over dither of 1e-4.
        assert scores["SDR"] == pytest.approx(57, abs=0.5)
        assert min(scores.values()) > 52


def test_regular_references_score_exactly_what_museval_says():
    references = song(white(1), white(2))
    estimates = [
        0.7 * references.vocals + white(3, rms=0.02),
        references.accompaniment + 0.2 * references.vocals + white(4, rms=0.01),
    ]
    museval = load_module(package_folder("museval") / "metrics.py")
    signals = [
        np.stack([audio.T.astype(np.float64) for audio in pair])
        for pair in ((references.vocals, references.accompaniment), estimates)
    ]
    sdr, isr, sir, sar, _ = museval.bss_eval(*signals, window=RATE, hop=RATE)
    result = score(references, *estimates)
    assert not result.dithered
    np.testing.assert_allclose(result.windows, np.stack([sdr, sir, isr, sar], axis=1), atol=1e-9)


@pytest.mark.parametrize(
    ("vocals", "singular"),
    [
        (np.concatenate([white(1), white(3)]), False),
        (np.round(np.concatenate([white(1), white(3)]) * 2**15) / 2**15, False),
        (np.concatenate([white(1), white(1)]), True),
        (band_limited(np.concatenate([white(1), white(3)])), True),
        (np.zeros((2, 3 * RATE)), True),
    ],
    ids=["full band", "16 bit", "equal channels", "band-limited", "silent"],
)
def test_references_without_a_stable_projection_are_seen(vocals, singular):
    accompaniment = np.concatenate([white(2), white(4)])
    assert is_singular(np.stack([vocals, accompaniment])) == singular


def test_dither_does_not_move_the_distortion_ratio():
    vocals, accompaniment = band_limited(white(1)), band_limited(white(2))
    references = song(vocals, accompaniment)
    estimate = vocals + white(3, rms=0.03)
    windows = score(references, estimate, references.mixture - estimate)
    assert windows.dithered
    power = (vocals.reshape(-1, RATE) ** 2).sum(axis=1) / ((estimate - vocals).reshape(-1, RATE) ** 2).sum(axis=1)
    np.testing.assert_allclose(windows.windows[0, METRICS.index("SDR")], 10 * np.log10(power), atol=0.01)


@pytest.mark.parametrize("gain", [0.5, -1.0])
def test_a_gain_error_costs_what_it_leaves(gain):
    references = song(white(1), white(2))
    vocals, _ = medians(references, gain * references.vocals, references.accompaniment)
    assert vocals["SDR"] == pytest.approx(-20 * np.log10(abs(1 - gain)), abs=0.05)
    assert vocals["ISR"] == pytest.approx(vocals["SDR"], abs=0.3)
    assert min(vocals["SIR"], vocals["SAR"]) > 50


@pytest.mark.parametrize("snr_db", [0, 20])
def test_independent_noise_scores_its_signal_to_noise_ratio_as_artifacts(snr_db):
    references = song(white(1), white(2))
    noise = white(3, rms=RMS * 10 ** (-snr_db / 20))
    vocals, _ = medians(references, references.vocals + noise, references.accompaniment)
    assert vocals["SDR"] == pytest.approx(snr_db, abs=0.3)
    assert vocals["SAR"] == pytest.approx(snr_db, abs=1)
    assert vocals["SIR"] > snr_db + 10


def test_swapped_estimates_stay_swapped():
    references = song(white(1), white(2))
    for scores in medians(references, references.accompaniment, references.vocals):
        assert scores["SDR"] < -2
        assert scores["SIR"] < -10


def test_a_delay_is_a_spatial_error_within_the_filter_and_an_artifact_beyond_it():
    references = song(white(1), white(2))
    within, _ = medians(references, np.roll(references.vocals, 100), references.accompaniment)
    beyond, _ = medians(references, np.roll(references.vocals, 600), references.accompaniment)
    # A delayed copy of white noise is as far from it as an independent one of the same power.
    assert within["SDR"] == pytest.approx(-3, abs=0.3)
    assert beyond["SDR"] == pytest.approx(-3, abs=0.3)
    assert within["SAR"] > 15
    assert beyond["SAR"] < 0


@pytest.mark.parametrize("level_db", [-8, 5])
def test_the_mixture_scores_the_level_ratio(level_db):
    references = song(white(1, rms=RMS * 10 ** (level_db / 20)), white(2))
    vocals, accompaniment = medians(references, references.mixture, references.mixture)
    assert vocals["SDR"] == pytest.approx(level_db, abs=0.2)
    assert accompaniment["SDR"] == pytest.approx(-level_db, abs=0.2)
    assert vocals["SIR"] == pytest.approx(level_db, abs=1)
    assert vocals["SAR"] > 50


def test_residual_accompaniment_is_better_by_the_level_difference():
    references = song(white(1), white(2, rms=2 * RMS))
    vocals = 0.8 * references.vocals + 0.1 * references.accompaniment + white(3, rms=0.02)
    windows = score(references, vocals, references.mixture - vocals).windows[:, METRICS.index("SDR")]
    power = [(part.reshape(-1, RATE) ** 2).sum(axis=1) for part in (references.vocals, references.accompaniment)]
    np.testing.assert_allclose(windows[1] - windows[0], 10 * np.log10(power[1] / power[0]), atol=0.01)


def test_interference_and_artifacts_of_a_lossy_song_are_parts_of_its_distortion():
    # Undithered, the band limit of these AAC references makes BSSEval's projection singular: SIR 5.7 and SAR 5.5 below
    # an SDR of 7.2.
    references = demo_song().load(START_S, 3.0)
    vocals = phase_sensitive_estimate(references.mixture, references.vocals)
    for scores in medians(references, vocals, references.mixture - vocals):
        assert min(scores["SIR"], scores["SAR"], scores["ISR"]) > scores["SDR"]


def test_windows_with_a_silent_signal_have_no_score_and_are_counted():
    vocals, estimate = white(1, 4), white(1, 4)
    vocals[:, RATE : 2 * RATE] = 0
    estimate[:, RATE : 3 * RATE] = 0
    references = song(vocals, white(2, 4))
    result = score(references, estimate, references.accompaniment)
    assert (result.silent_references, result.silent_estimates) == (1, 1)
    assert np.isnan(result.windows[..., 1:3]).all()
    assert np.isfinite(result.windows[..., [0, 3]]).all()
    assert np.isfinite(result.median()).all()


def test_a_silent_song_has_no_score():
    references = song(np.zeros((1, 2 * RATE), np.float32), white(2, 2))
    result = score(references, references.mixture, references.mixture)
    assert result.silent_references == 2
    assert np.isnan(result.median()).all()


def test_a_song_shorter_than_a_window_is_refused():
    references = song(white(1)[:, : RATE // 2], white(2)[:, : RATE // 2])
    with pytest.raises(SongError, match=r"0\.50 s"):
        score(references, references.mixture, references.mixture)


def test_the_same_song_scores_the_same_twice():
    references = song(white(1), white(2))
    first, second = (score(references, references.mixture, references.mixture).windows for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_estimates_with_nan_are_refused():
    references = song(white(1), white(2))
    estimate = references.vocals.copy()
    estimate[0, 7] = np.nan
    with pytest.raises(EvaluationError, match=r"estimates.*NaN"):
        score(references, estimate, references.accompaniment)


def test_songs_with_nan_are_refused():
    references = song(white(1), white(2))
    references.vocals[0, 7] = np.nan
    with pytest.raises(SongError, match=r"stems.*NaN"):
        score(references, references.mixture, references.mixture)


def test_estimates_of_another_length_are_refused():
    references = song(white(1), white(2))
    with pytest.raises(EvaluationError, match="shape"):
        score(references, references.vocals[:, 1:], references.accompaniment[:, 1:])


def test_the_median_leaves_out_what_has_no_score():
    values = np.array([[1.0, np.nan, 3.0, 9.0], [np.nan] * 4])
    np.testing.assert_array_equal(nan_median(values), [3.0, np.nan])
