"""Intervals and sign tests against textbook answers."""

import numpy as np
import pytest

from trainer.evaluate.statistics import compare, median_interval


def test_the_interval_covers_the_true_median_about_as_often_as_it_says(rng):
    intervals = [median_interval(rng.normal(5, 2, 30)) for _ in range(60)]
    assert np.mean([interval.low <= 5 <= interval.high for interval in intervals]) > 0.85
    assert all(interval.low <= interval.median <= interval.high for interval in intervals)
    # The standard error of a normal median is 1.25 sigma / sqrt(n).
    width = np.mean([interval.high - interval.low for interval in intervals])
    assert width == pytest.approx(2 * 1.96 * 1.25 * 2 / np.sqrt(30), rel=0.2)


def test_the_interval_is_the_same_for_the_same_songs():
    values = np.arange(10.0)
    assert median_interval(values) == median_interval(values)


def test_songs_without_a_score_are_left_out():
    assert median_interval(np.array([1.0, np.nan, 3.0])).median == 2
    assert np.isnan(median_interval(np.array([np.nan])).median)
    one = median_interval(np.array([4.0]))
    assert one.median == 4
    assert np.isnan([one.low, one.high]).all()


def test_a_shift_on_every_song_is_found_however_different_the_songs_are(rng):
    songs = rng.normal(0, 20, 12)
    comparison = compare(songs + 0.5, songs)
    assert comparison.difference.median == pytest.approx(0.5)
    assert (comparison.higher, comparison.lower) == (12, 0)
    # Twelve heads out of twelve, either way.
    assert comparison.p_value == pytest.approx(2 / 2**12)


def test_the_sign_test_counts_songs_and_not_decibels():
    comparison = compare(np.array([100.0, -1, -1, -1, 0, np.nan]), np.zeros(6))
    assert (comparison.higher, comparison.lower) == (1, 3)
    # At least three of four coins one way: 2 (4 + 1) / 16.
    assert comparison.p_value == pytest.approx(10 / 16)
    assert np.isnan(compare(np.zeros(3), np.zeros(3)).p_value)
