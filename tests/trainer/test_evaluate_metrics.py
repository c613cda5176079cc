"""Scores of whole songs and leakage on signals whose answer is known on paper."""

import numpy as np
import pytest

from trainer.data.songs import References
from trainer.evaluate.estimators import Estimates
from trainer.evaluate.leakage import false_vocals_db, vocals_left_db
from trainer.evaluate.levels import LIMIT_DB, si_sdr_db, utterance_sdr_db
from trainer.evaluate.metrics import FIGURES, families

RATE = 8000


def white(seed, seconds=6, rms=0.1):
    return (rms * np.random.default_rng(seed).standard_normal((2, seconds * RATE))).astype(np.float32)


@pytest.fixture
def references():
    vocals, accompaniment = white(1), white(2, rms=0.2)
    return References(vocals + accompaniment, vocals, accompaniment, RATE)


@pytest.mark.parametrize("snr_db", [-10, 0, 25])
def test_noise_scores_its_level(snr_db):
    reference = white(1)
    estimate = reference + white(2, rms=0.1 * 10 ** (-snr_db / 20))
    assert utterance_sdr_db(reference, estimate) == pytest.approx(snr_db, abs=0.1)
    assert si_sdr_db(reference, estimate) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize("gain", [0.5, 3.0, -1.0])
def test_only_the_utterance_score_hears_a_gain(gain):
    reference = white(1)
    noise = white(2, rms=0.01)
    assert si_sdr_db(reference, gain * (reference + noise)) == pytest.approx(20, abs=0.1)
    expected = -10 * np.log10((1 - gain) ** 2 + 0.01 * gain**2)
    assert utterance_sdr_db(reference, gain * (reference + noise)) == pytest.approx(expected, abs=0.1)


def test_perfect_silent_and_hopeless_estimates_are_finite_or_nothing():
    reference, silence = white(1), np.zeros((2, 6 * RATE), np.float32)
    for score_db in (utterance_sdr_db, si_sdr_db):
        assert score_db(reference, reference) == LIMIT_DB
        assert np.isnan(score_db(silence, reference))
    assert utterance_sdr_db(reference, silence) == 0
    assert si_sdr_db(reference, silence) == -LIMIT_DB


@pytest.mark.parametrize("left", [1.0, 0.5, 0.1, -0.1])
def test_the_voice_left_is_its_gain(references, left):
    estimate = 0.9 * references.accompaniment + left * references.vocals
    assert vocals_left_db(references, estimate) == pytest.approx(20 * np.log10(abs(left)), abs=0.1)


def test_noise_and_lost_accompaniment_are_no_voice_left(references):
    assert vocals_left_db(references, references.accompaniment) < -80
    assert vocals_left_db(references, 0.3 * references.accompaniment + white(3)) < -20
    assert vocals_left_db(references, white(3)) < -20


def test_a_voice_left_for_half_of_the_time_is_half_its_power(references):
    estimate = references.accompaniment + references.vocals * (np.arange(6 * RATE) < 3 * RATE)
    assert vocals_left_db(references, estimate) == pytest.approx(-3, abs=0.7)


def test_nobody_sings_and_nothing_can_be_left(references):
    unsung = References(references.accompaniment, 0 * references.vocals, references.accompaniment, RATE)
    assert np.isnan(vocals_left_db(unsung, references.accompaniment))


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_false_vocals_are_heard_only_where_nobody_sings(references, gain):
    sung = np.arange(6 * RATE) < 2 * RATE
    vocals = references.vocals * sung
    song = References(vocals + references.accompaniment, vocals, references.accompaniment, RATE)
    estimate = vocals + gain * song.mixture * ~sung
    assert false_vocals_db(song, estimate) == pytest.approx(20 * np.log10(gain), abs=0.01)
    assert false_vocals_db(song, vocals) == -LIMIT_DB


def test_a_silent_break_and_a_song_sung_throughout_have_no_false_vocals(references):
    assert np.isnan(false_vocals_db(references, references.mixture))
    silent = References(
        *(
            audio * (np.arange(6 * RATE) < 2 * RATE)
            for audio in (references.mixture, references.vocals, references.accompaniment)
        ),
        RATE,
    )
    assert np.isnan(false_vocals_db(silent, references.mixture))


def test_the_families_give_every_figure_once(references):
    estimates = Estimates(references.mixture, references.mixture)
    given = [
        (target, metric)
        for family in families()
        for target, by_metric in family.measure(references, estimates).figures.items()
        for metric in by_metric
    ]
    assert sorted(given) == sorted(FIGURES)
