import numpy as np
import pytest

from realtime.live.limiter import CEILING_DB, Limiter

RATE = 44100
CEILING = np.float32(10 ** (CEILING_DB / 20))


def run(signal, block, limiter=None):
    limiter = limiter or Limiter(RATE)
    signal = signal.copy()
    for start in range(0, signal.shape[1], block):
        limiter.process(signal[:, start : start + block])
    return signal


@pytest.mark.parametrize("block", [64, 256, 1024])
def test_what_stays_below_the_ceiling_is_untouched(rng, block):
    noise = rng.uniform(-CEILING, CEILING, (2, 20480)).astype(np.float32)
    assert np.array_equal(run(noise, block), noise)


@pytest.mark.parametrize("block", [64, 256, 1024])
@pytest.mark.parametrize("loudness", [0.5, 2.0, 30.0])
def test_nothing_passes_the_ceiling(rng, block, loudness):
    noise = (loudness * rng.standard_normal((2, 20480))).astype(np.float32)
    assert np.abs(run(noise, block)).max() <= CEILING


def test_the_gain_comes_back_to_exactly_one(rng):
    quiet = rng.uniform(-0.5, 0.5, (2, 3 * RATE)).astype(np.float32)
    quiet[:, 100] = 4.0
    limiter = Limiter(RATE)
    limited = run(quiet, 256, limiter)
    assert limiter.reduction_db == 0.0
    assert np.array_equal(limited[:, -1000:], quiet[:, -1000:])


def test_both_channels_are_turned_down_together(rng):
    signal = np.stack([3 * np.ones(4096), 0.5 * np.ones(4096)]).astype(np.float32)
    limiter = Limiter(RATE)
    left, right = run(signal, 256, limiter)
    assert right == pytest.approx(left / 6, rel=1e-5)
    assert limiter.reduction_db == pytest.approx(20 * np.log10(CEILING / 3), abs=0.01)


@pytest.mark.parametrize("block", [64, 256])
def test_a_swelling_tone_is_limited_without_a_click(block):
    time = np.arange(RATE) / RATE
    tone = np.tile(np.sin(2 * np.pi * 110 * time) * 2 * np.sin(np.pi * time), (2, 1)).astype(np.float32)
    jumps = np.abs(np.diff(run(tone, block))).max()
    assert jumps < 2 * np.abs(np.diff(tone)).max()


def test_a_broken_sample_does_not_silence_what_follows():
    signal = np.full((2, 2 * RATE), 0.5, np.float32)
    signal[0, 100], signal[1, 200], signal[0, 300] = np.nan, np.inf, -np.inf
    limited = run(signal, 256)
    assert np.isfinite(limited).all()
    assert np.array_equal(limited[:, -1000:], signal[:, -1000:])
