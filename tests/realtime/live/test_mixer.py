"""What is heard: stems under faders, bypass, late models, another model, the microphone."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from realtime.live.lane import Lane
from realtime.live.mixer import Mixer
from realtime.live.parameters import Parameters
from realtime.plugin import OnnxPlugin
from tests import plugins

RATE, BLOCK = 44100, 256
OPEN = Parameters(vocals_db=0.0)


def smooth_music(samples):
    """Two tones whose samples never jump."""
    time_s = np.arange(samples) / RATE
    return np.float32([0.3 * np.sin(2 * np.pi * 220 * time_s), 0.3 * np.sin(2 * np.pi * 330 * time_s)])


@pytest.fixture
def make_mixer(tmp_path):
    lanes = []

    def make_lane(make=plugins.gains, **changes):
        spec = plugins.make_spec(**changes)
        arguments = ([[0.25]],) if make is plugins.gains else ()
        path = make(tmp_path / f"{len(lanes)}.onnx", spec, *arguments)
        lanes.append(Lane(OnnxPlugin(path), RATE, BLOCK))
        return lanes[-1]

    def make(parameters=OPEN, **changes):
        return Mixer(RATE, BLOCK, make_lane(**changes), parameters)

    make.lane = make_lane
    yield make
    for lane in lanes:
        lane.close()


def render(mixer, music, patience_s=60.0, microphone=None):
    blocks = []
    for start in range(0, music.shape[1], BLOCK):
        voice = None if microphone is None else microphone[:, start : start + BLOCK]
        blocks.append(mixer.process(music[:, start : start + BLOCK], voice, time.perf_counter() + patience_s).copy())
    return np.concatenate(blocks, axis=1)


def largest_jump(audio):
    return np.abs(np.diff(audio, n=2, axis=1)).max()


def test_both_faders_at_zero_give_the_music_back(make_mixer):
    music = smooth_music(60 * BLOCK)
    mixer = make_mixer()
    late = mixer.latency_samples
    np.testing.assert_allclose(render(mixer, music)[:, late:], music[:, :-late], atol=1e-7)


def test_bypass_is_the_input_bit_for_bit_one_latency_late(make_mixer):
    music = smooth_music(60 * BLOCK)
    mixer = make_mixer(Parameters(bypass=True))
    late = mixer.latency_samples
    np.testing.assert_array_equal(render(mixer, music)[:, late:], music[:, :-late])


@pytest.mark.parametrize(
    ("parameters", "share"),
    [
        (Parameters(), 0.75),
        (Parameters(vocals_db=-20 * math.log10(2), accompaniment_db=-math.inf), 0.125),
        (Parameters(solo="vocals"), 0.25),
        (Parameters(vocals_db=0.0, solo="accompaniment"), 0.75),
    ],
)
def test_faders_and_solo_weigh_the_stems(make_mixer, parameters, share):
    music = smooth_music(60 * BLOCK)
    mixer = make_mixer(parameters)
    late, settled = mixer.latency_samples, 10 * BLOCK
    heard = render(mixer, music)[:, late + settled :]
    np.testing.assert_allclose(heard, share * music[:, settled : settled + heard.shape[1]], atol=1e-6)


def test_no_fader_or_switch_clicks(make_mixer):
    music = smooth_music(200 * BLOCK)
    mixer = make_mixer(OPEN)
    changes = [Parameters(), replace(OPEN, bypass=True), Parameters(solo="vocals"), Parameters(), OPEN]
    parts = []
    for index, parameters in enumerate(changes):
        parts.append(render(mixer, music[:, index * 40 * BLOCK : (index + 1) * 40 * BLOCK]))
        mixer.set(parameters)
    heard = np.concatenate(parts, axis=1)[:, 10 * BLOCK :]
    assert largest_jump(heard) < 2 * largest_jump(music)


def test_a_late_model_is_heard_as_the_dry_signal_without_a_click(make_mixer):
    music = smooth_music(150 * BLOCK)
    mixer = make_mixer(Parameters())
    before = render(mixer, music[:, : 50 * BLOCK])
    mixer.lane.feed = _swallow(mixer.lane)
    during = render(mixer, music[:, 50 * BLOCK : 100 * BLOCK], patience_s=0.0)
    late = mixer.latency_samples
    dry = music[:, 60 * BLOCK - late : 100 * BLOCK - late]
    np.testing.assert_allclose(during[:, 10 * BLOCK :], dry, atol=1e-6)
    heard = np.concatenate([before, during], axis=1)[:, 10 * BLOCK :]
    # A held sample has no slope, so there is a kink, but never a step.
    assert np.abs(np.diff(heard, axis=1)).max() < 2 * np.abs(np.diff(music, axis=1)).max()


def _swallow(lane):
    """Return a `feed` that only keeps the dry signal, as if the model never answered."""

    def feed(block):
        lane._dry.write(block)

    return feed


def test_another_model_takes_over_without_a_click_and_without_a_gap(make_mixer):
    music = smooth_music(200 * BLOCK)
    mixer = make_mixer(Parameters())
    before = render(mixer, music[:, : 60 * BLOCK])
    mixer.switch(make_mixer.lane(plugins.identity, stft=plugins.SYMMETRIC))
    after = render(mixer, music[:, 60 * BLOCK :])
    heard = np.concatenate([before, after], axis=1)[:, 10 * BLOCK :]
    assert largest_jump(heard) < 3 * largest_jump(music)
    assert [lane.plugin.spec.stft for lane in mixer.leaving()] == [plugins.ASYMMETRIC]
    assert np.abs(after[:, 40 * BLOCK :]).max() < 1e-5  # the identity takes everything for vocals


def test_the_microphone_is_heard_at_once_and_never_delayed_by_the_model(make_mixer):
    music = np.zeros((2, 60 * BLOCK), np.float32)
    voice = np.zeros((1, 60 * BLOCK), np.float32)
    voice[0, 20 * BLOCK :] = 0.1 * np.sin(2 * np.pi * 440 / RATE * np.arange(40 * BLOCK))
    heard = render(make_mixer(Parameters(reverb=0.0)), music, microphone=voice)
    assert not heard[:, : 20 * BLOCK].any()
    assert np.abs(heard[:, 20 * BLOCK : 21 * BLOCK]).max() > 0.03


def test_nothing_passes_full_scale(make_mixer):
    loud = 8 * smooth_music(60 * BLOCK)
    assert np.abs(render(make_mixer(replace(OPEN, accompaniment_db=6.0, vocals_db=6.0)), loud)).max() < 1.0
