"""Levels, bandwidths and tempi are found where they were put."""

import numpy as np
import pytest
import scipy.signal

from trainer.data import analysis

RATE = 44100


def beats(bpm, seconds=30.0, seed=0):
    """Return drums on every beat, louder on every fourth, over a held chord."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE)) / RATE
    beat = time_s * bpm / 60
    drums = rng.standard_normal(time_s.size) * np.exp(-(beat % 1) * 10) * np.where(beat.astype(int) % 4, 0.1, 0.2)
    chord = sum(0.05 * np.sin(2 * np.pi * f * time_s) for f in (220, 277.2, 329.6))
    return np.stack([drums + chord, drums + 0.7 * chord]).astype(np.float32)


@pytest.mark.parametrize("bpm", [72.0, 93.0, 120.0, 128.5, 165.0])
def test_a_tempo_is_found_give_or_take_an_octave(bpm):
    octaves = np.log2(analysis.tempo_bpm(beats(bpm), RATE) / bpm)
    assert abs(octaves - round(octaves)) < np.log2(1.01)


def test_noise_silence_and_short_sounds_have_no_tempo(rng):
    for audio in (rng.standard_normal((2, 20 * RATE)), np.zeros((1, 20 * RATE)), beats(120, 1.0), np.zeros((2, 10))):
        assert analysis.tempo_bpm(audio.astype(np.float32), RATE) is None


@pytest.mark.parametrize("cut_hz", [7000, 11000, 16000])
def test_a_low_pass_is_found(rng, cut_hz):
    noise = 0.1 * rng.standard_normal((2, 5 * RATE))
    narrow = scipy.signal.sosfiltfilt(scipy.signal.ellip(12, 0.1, 90, cut_hz, fs=RATE, output="sos"), noise)
    rounded = (np.round(32767 * narrow) / 32767).astype(np.float32)
    assert analysis.bandwidth_hz(rounded, RATE) == pytest.approx(cut_hz, rel=0.05)
    assert analysis.bandwidth_hz(noise.astype(np.float32), RATE) == RATE / 2


def test_a_tone_is_no_low_pass():
    tone = np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)[None].astype(np.float32)
    assert analysis.bandwidth_hz(tone, RATE) == RATE / 2
    assert analysis.bandwidth_hz(np.zeros((2, 100), np.float32), RATE) == RATE / 2


def test_levels_are_of_a_quarter_of_a_second_each():
    audio = np.concatenate([np.full((2, RATE), 0.1), np.zeros((2, RATE)), np.full((2, RATE // 2), 1.0)], axis=1)
    assert analysis.loudness_db(audio, RATE).tolist() == pytest.approx([-20] * 4 + [-100] * 4 + [0] * 2, abs=1)
