import math

import numpy as np
import pytest

from realtime.live.meters import LeakageMeter, Meter

RATE, BLOCK = 44100, 256


def blocks(signal):
    return (signal[:, start : start + BLOCK] for start in range(0, signal.shape[1], BLOCK))


def tone(seconds, amplitude=1.0):
    return np.tile(amplitude * np.sin(2 * np.pi * 441 * np.arange(round(seconds * RATE)) / RATE), (2, 1)).astype(
        np.float32
    )


def test_a_full_scale_sine_peaks_at_0_db_and_has_minus_3_db_of_power():
    meter = Meter(RATE)
    for block in blocks(tone(3)):
        meter.push(block)
    assert meter.level().peak_db == pytest.approx(0.0, abs=0.01)
    assert meter.level().rms_db == pytest.approx(-3.01, abs=0.05)


def test_the_peak_holds_then_falls_to_silence():
    meter = Meter(RATE)
    meter.push(tone(0.1))
    peak_db = meter.level().peak_db
    for block in blocks(np.zeros((2, round(0.9 * RATE)), np.float32)):
        meter.push(block)
    assert meter.level().peak_db == peak_db
    for block in blocks(np.zeros((2, round(1.1 * RATE)), np.float32)):
        meter.push(block)
    assert peak_db - 27 < meter.level().peak_db < peak_db - 21
    for block in blocks(np.zeros((2, 6 * RATE), np.float32)):
        meter.push(block)
    assert meter.level().peak_db == meter.level().rms_db == -math.inf


def push(meter, mixture, vocals):
    for pair in zip(blocks(mixture), blocks(vocals), strict=True):
        meter.push(*pair)


def test_leakage_is_the_level_of_vocals_that_nobody_sings():
    meter = LeakageMeter(RATE)
    push(meter, tone(0.9), tone(0.9, 0.01))
    assert meter.false_vocals_db is None
    push(meter, tone(3), tone(3, 0.01))
    assert meter.false_vocals_db == pytest.approx(-40, abs=0.1)


def test_singing_is_not_leakage():
    meter = LeakageMeter(RATE)
    push(meter, tone(3), tone(3, 0.5))
    assert meter.false_vocals_db is None
    push(meter, tone(3), tone(3, 0.001))
    push(meter, tone(3), tone(3, 0.5))
    assert meter.false_vocals_db == pytest.approx(-60, abs=0.1)


def test_silence_says_nothing():
    meter = LeakageMeter(RATE)
    push(meter, tone(3, 1e-4), tone(3, 0.0))
    assert meter.false_vocals_db is None
