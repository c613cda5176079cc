import math

import numpy as np
import pytest

from realtime.live.fader import Crossfade, Fader, gain

BLOCK = 256


def run(fader, signal):
    for start in range(0, signal.shape[1], BLOCK):
        fader.apply(signal[:, start : start + BLOCK])
    return signal


def bend(signal):
    return np.abs(np.diff(signal.astype(np.float64), 2)).max()


def test_gains_are_decibels():
    assert gain(-math.inf) == 0.0
    assert gain(0.0) == 1.0
    assert gain(6.0) == pytest.approx(1.9953, abs=1e-4)


def test_at_rest_at_one_nothing_is_touched(rng):
    noise = rng.standard_normal((2, 5000)).astype(np.float32)
    assert np.array_equal(run(Fader(), noise.copy()), noise)


def test_a_fader_that_went_down_and_up_is_exactly_silent_and_exactly_one(rng):
    noise = rng.standard_normal((2, 8192)).astype(np.float32)
    fader = Fader(882)
    fader.gain = 0.0
    assert not run(fader, noise.copy())[:, 882:].any()
    fader.gain = 1.0
    assert np.array_equal(run(fader, noise.copy())[:, 882:], noise[:, 882:])


def test_silence_stays_silence_even_over_nan():
    fader = Fader(gain=0.0)
    assert not run(fader, np.full((2, 512), np.nan, np.float32)).any()


@pytest.mark.parametrize("turn", [1, 3])
def test_moves_do_not_click(turn):
    tone = np.tile(np.sin(2 * np.pi * 100 * np.arange(16384) / 44100), (2, 1)).astype(np.float32)
    own, fader = bend(tone), Fader(882)
    for index, start in enumerate(range(0, tone.shape[1], BLOCK)):
        if index % turn == 0:
            fader.gain = float(index // turn % 3)
        fader.apply(tone[:, start : start + BLOCK])
    # A step of the gain by 1 would bend the signal by up to its amplitude, a thousand times its own.
    assert bend(tone) < 60 * own


def test_a_crossfade_ends_at_exactly_either_signal(rng):
    a, b = rng.standard_normal((2, 2, 4096)).astype(np.float32)
    out, fade = np.empty_like(a), Crossfade(500)
    fade.mix(a, b, out)
    assert np.array_equal(out, a)
    fade.towards(1)
    fade.mix(a, b, out)
    assert np.array_equal(out[:, 500:], b[:, 500:])
    fade.mix(a, b, a)
    assert np.array_equal(a, b)


def test_a_crossfade_between_equal_signals_changes_nothing(rng):
    signal = rng.standard_normal((2, 2048)).astype(np.float32)
    out, fade = np.empty_like(signal), Crossfade(1000)
    fade.towards(1)
    fade.mix(signal, signal.copy(), out)
    assert np.array_equal(out, signal)
