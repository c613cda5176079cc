import tracemalloc

import numpy as np
import pytest

from realtime.live.key import KeyChange

RATE = 44100


def run(signal, semitones, block=256, key=None):
    key = key or KeyChange(RATE)
    key.semitones = semitones
    signal = signal.copy()
    for start in range(0, signal.shape[1] - block + 1, block):
        key.process(signal[:, start : start + block])
    return signal


def tone(hz, seconds=2.0):
    return np.tile(0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE), (2, 1)).astype(np.float32)


def pitch_hz(signal):
    part = signal[RATE // 2 : RATE // 2 + RATE]
    spectrum = np.log(np.abs(np.fft.rfft(part * np.hanning(RATE), 8 * RATE)) + 1e-9)
    top = int(spectrum.argmax())
    left, middle, right = spectrum[top - 1 : top + 2]
    return (top + 0.5 * (left - right) / (left - 2 * middle + right)) / 8


@pytest.mark.parametrize("semitones", [-6, -1, 1, 6])
@pytest.mark.parametrize("hz", [82.4, 440.0, 1975.5])
def test_pitch_moves_by_semitones_to_the_cent(hz, semitones):
    shifted = run(tone(hz), semitones)
    assert 1200 * np.log2(pitch_hz(shifted[0]) / hz) == pytest.approx(100 * semitones, abs=1.0)


@pytest.mark.parametrize("block", [64, 100, 1024])
def test_the_result_does_not_depend_on_the_blocks(rng, block):
    noise = 0.1 * rng.standard_normal((2, 102400)).astype(np.float32)
    assert np.allclose(run(noise, 3, block)[:, 8192:], run(noise, 3, 256)[:, 8192:], atol=1e-6)


@pytest.mark.parametrize("semitones", [-5, 4])
def test_an_attack_comes_as_late_as_said_and_stays_short(semitones):
    key, click = KeyChange(RATE), np.zeros((2, 3 * RATE), np.float32)
    click[:, 2 * RATE] = 1.0
    power = run(click, semitones, key=key)[0] ** 2
    place = int(power.argmax()) - 2 * RATE
    assert key.delay_samples == 2048
    assert abs(place - key.delay_samples) < 64
    near = slice(2 * RATE + place - 128, 2 * RATE + place + 128)
    assert power[near].sum() > 0.5 * power.sum()


def test_in_its_own_key_nothing_is_touched_or_delayed(rng):
    noise = rng.standard_normal((2, 44100)).astype(np.float32)
    key = KeyChange(RATE)
    assert key.delay_samples == 0
    assert np.array_equal(run(noise, 0, key=key), noise)
    run(noise, 5, key=key)
    assert np.array_equal(run(noise, 0, key=key)[:, 1024:], noise[:, 1024:])


def test_the_stereo_image_stays(rng):
    noise = rng.standard_normal(88200).astype(np.float32)
    left, right = run(np.stack([0.2 * noise, -0.1 * noise]), 4)
    assert np.allclose(left, -2 * right, atol=1e-5)


def test_changes_while_playing_do_not_click():
    signal, key = tone(220.0, 4.0)[:, : 689 * 256], KeyChange(RATE)
    own = np.abs(np.diff(signal, 2)).max()
    for index, start in enumerate(range(0, signal.shape[1], 256)):
        key.semitones = (0, 2, -3, 0, 6)[index // 60 % 5]
        key.process(signal[:, start : start + 256])
    # A cut at the worst place would bend it by 1000 times its own bend; 6 semitones up double it.
    assert np.abs(np.diff(signal, 2)).max() < 6 * own


def test_memory_does_not_grow(rng):
    key, block = KeyChange(RATE), rng.standard_normal((2, 256)).astype(np.float32)
    key.semitones = 2
    for _ in range(100):
        key.process(block)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        key.process(block)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20000
