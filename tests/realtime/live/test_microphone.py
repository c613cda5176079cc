import tracemalloc

import numpy as np
import pytest

from realtime.live.microphone import MicrophoneChain

RATE, BLOCK = 44100, 256


def run(chain, audio):
    """Return what comes out, `(2, n)`, and in which blocks the guard held."""
    parts, holds = [], []
    for start in range(0, len(audio) - BLOCK + 1, BLOCK):
        parts.append(chain.process(audio[None, start : start + BLOCK].astype(np.float32)))
        holds.append(chain.feedback)
    return np.concatenate(parts, axis=1), np.array(holds)


def sine(hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def level_db(audio):
    return 10 * np.log10(np.mean(audio[..., -RATE // 2 :] ** 2))


def test_the_voice_comes_out_in_the_same_sample():
    impulse = np.zeros(4 * BLOCK)
    impulse[300] = 0.05
    heard, _ = run(MicrophoneChain(RATE, reverb=0.0), impulse)
    assert np.abs(heard[:, :300]).max() < 1e-6
    assert np.abs(heard).argmax(axis=1).tolist() == [300, 300]


def test_rumble_is_taken_out_and_the_voice_is_not():
    quiet = 0.01
    rumble, _ = run(MicrophoneChain(RATE, reverb=0.0), quiet * sine(20))
    voice, _ = run(MicrophoneChain(RATE, reverb=0.0), quiet * sine(1000))
    assert level_db(voice) - level_db(rumble) > 20


def test_a_loud_voice_is_turned_down_more_than_a_quiet_one():
    quiet, _ = run(MicrophoneChain(RATE, reverb=0.0), 0.01 * sine(1000))
    loud, _ = run(MicrophoneChain(RATE, reverb=0.0), 0.5 * sine(1000))
    assert 15 < level_db(loud) - level_db(quiet) < 30  # 34 dB went in


def test_reverb_rings_on_and_differs_between_the_ears():
    burst = np.concatenate([0.1 * sine(440, 0.2), np.zeros(RATE)])
    dry, _ = run(MicrophoneChain(RATE, reverb=0.0), burst)
    wet, _ = run(MicrophoneChain(RATE, reverb=0.5), burst)
    tail = slice(RATE // 2, RATE // 2 + 4096)
    assert np.abs(dry[:, tail]).max() < 1e-5
    assert np.abs(wet[:, tail]).max() > 1e-3
    assert not np.allclose(wet[0, tail], wet[1, tail], atol=1e-4)


def test_a_broken_block_is_silent_and_forgotten():
    chain = MicrophoneChain(RATE)
    chain.process(np.full((1, BLOCK), np.nan, np.float32))
    heard, _ = run(chain, 0.1 * sine(440))
    assert np.isfinite(heard).all()
    assert heard.any()


def in_a_room(loop_gain, delay_samples, seconds=4):
    """Sing nothing into a microphone that hears the loudspeaker through a room with one strong mode."""
    rng = np.random.default_rng(5)
    place = np.arange(800)
    room = np.exp(-place / 150) * np.cos(2 * np.pi * 1200 / RATE * place)
    room *= loop_gain / np.abs(np.fft.rfft(room, 65536)).max()
    chain = MicrophoneChain(RATE, reverb=0.0)
    heard = np.zeros(seconds * RATE // BLOCK * BLOCK + delay_samples + len(room))
    levels, holds = [], []
    for start in range(0, seconds * RATE - BLOCK, BLOCK):
        echo = np.convolve(heard[start : start + BLOCK + len(room) - 1], room, "valid")
        voice = (echo + 1e-3 * rng.standard_normal(BLOCK)).astype(np.float32)
        # The chain's make-up gain is part of the loop.
        out = chain.process(voice[None])[0] / 10 ** (4 / 20)
        place = start + delay_samples + len(room) - 1
        heard[place : place + BLOCK] = np.clip(out, -1, 1)
        levels.append(np.abs(out).max())
        holds.append(chain.feedback)
    return np.array(levels), np.array(holds)


@pytest.mark.parametrize(("loop_gain", "delay_samples"), [(1.2, 600), (1.5, 1500)])
def test_a_howl_is_held_down_and_comes_back_slowly(loop_gain, delay_samples):
    levels, holds = in_a_room(loop_gain, delay_samples)
    assert holds.any()
    first = int(holds.argmax())
    assert levels[first + 40 : first + 50].max() < 0.05 * levels[: first + 1].max()
    assert not holds[first:].all()


def test_a_loop_below_one_is_left_alone():
    _, holds = in_a_room(0.8, 600)
    assert not holds.any()


@pytest.mark.parametrize("onset_s", [0.02, 0.1, 0.4])
def test_a_whistle_and_a_long_note_are_left_alone(onset_s):
    onset = 1 - np.exp(-np.arange(3 * RATE) / RATE / onset_s)
    fade_in = np.minimum(1, np.arange(3 * RATE) / RATE / onset_s)
    note = sum(sine(330 * overtone, 3) / overtone for overtone in range(1, 7))
    for audio in (0.4 * sine(1500, 3) * onset, 0.4 * sine(1500, 3) * fade_in, 0.3 * note * fade_in):
        _, holds = run(MicrophoneChain(RATE), audio)
        assert not holds.any()


def test_memory_does_not_grow(rng):
    chain, block = MicrophoneChain(RATE), (0.1 * rng.standard_normal((1, BLOCK))).astype(np.float32)
    for _ in range(100):
        chain.process(block)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        chain.process(block)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20000
