"""One model's way through the engine, without devices: alignment, lateness, failure."""

import time
import tracemalloc

import numpy as np
import pytest

from realtime.contract import StftSpec
from realtime.live.errors import LiveError
from realtime.live.lane import Lane
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from tests import plugins

BLOCK = 256
PATIENT_S = 60.0


def stream(lane, audio, patience_s=PATIENT_S, block=BLOCK):
    """Return vocals, dry and whether each block was on time."""
    vocals, dry, on_time = np.zeros_like(audio), np.zeros_like(audio), []
    for start in range(0, audio.shape[1], block):
        here = slice(start, start + block)
        lane.feed(audio[:, here])
        on_time.append(lane.take(vocals[:, here], dry[:, here], time.perf_counter() + patience_s))
    return vocals, dry, on_time


@pytest.fixture
def make_lane():
    lanes = []

    def make(path, rate=44100, block=BLOCK):
        lanes.append(Lane(OnnxPlugin(path), rate, block))
        return lanes[-1]

    yield make
    for lane in lanes:
        lane.close()


@pytest.fixture
def music(rng):
    return np.float32(0.2 * rng.standard_normal((2, 40 * BLOCK)))


@pytest.mark.parametrize("block", [64, 256, 1000])
def test_vocals_are_those_of_the_separator_sample_for_sample(make_lane, tmp_path, music, block):
    path = plugins.one_pole(tmp_path / "m.onnx", plugins.make_spec())
    vocals, _, _ = stream(make_lane(path, block=block), music, block=block)
    np.testing.assert_array_equal(vocals, StreamingSeparator(OnnxPlugin(path)).process(music)[0])


def test_the_dry_signal_is_the_input_exactly_one_latency_late(make_lane, tmp_path, music):
    lane = make_lane(plugins.identity(tmp_path / "m.onnx", plugins.make_spec()))
    _, dry, _ = stream(lane, music)
    late = lane.latency_samples
    np.testing.assert_array_equal(dry[:, late:], music[:, :-late])
    assert not dry[:, :late].any()


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 88200, 96000])
def test_vocals_stay_aligned_with_the_dry_signal_at_any_device_rate(make_lane, tmp_path, rate):
    lane = make_lane(plugins.identity(tmp_path / "m.onnx", plugins.make_spec()), rate)
    tone = np.float32(0.5 * np.sin(2 * np.pi * 3000 / rate * np.arange(200 * BLOCK)))
    vocals, dry, _ = stream(lane, np.stack([tone, -tone]))
    settled = slice(lane.latency_samples + 4 * BLOCK, None)
    error = vocals[:, settled] - dry[:, settled]
    assert np.mean(error**2) < 1e-4 * np.mean(dry[:, settled] ** 2)


# The longer one is more than there is room for, whatever the lane's thread does meanwhile.
@pytest.mark.parametrize("blocks", [300, 6000])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_a_lane_that_was_left_far_behind_begins_again_in_its_place(make_lane, tmp_path, rate, blocks):
    lane = make_lane(plugins.identity(tmp_path / "m.onnx", plugins.make_spec()), rate)
    tone = np.float32(0.5 * np.sin(2 * np.pi * 3000 / rate * np.arange((blocks + 100) * BLOCK)))
    music = np.stack([tone, -tone])
    stream(lane, music[:, : blocks * BLOCK], patience_s=0.0)
    vocals, dry, on_time = stream(lane, music[:, blocks * BLOCK :], patience_s=2.0)
    assert on_time[-1]
    settled = slice(60 * BLOCK, None)
    error = vocals[:, settled] - dry[:, settled]
    assert np.mean(error**2) < 1e-4 * np.mean(dry[:, settled] ** 2)


def test_what_comes_too_late_is_dropped_and_the_rest_is_in_its_place(make_lane, tmp_path, music):
    path = plugins.identity(tmp_path / "m.onnx", plugins.make_spec())
    lane = make_lane(path)
    stream(lane, music[:, : 10 * BLOCK])
    _, _, on_time = stream(lane, music[:, 10 * BLOCK : 20 * BLOCK], patience_s=0.0)
    vocals, dry, _ = stream(lane, music[:, 20 * BLOCK :])
    assert lane.late_samples == BLOCK * on_time.count(False)
    np.testing.assert_allclose(vocals, dry, atol=1e-6)


def test_a_model_that_is_always_late_says_so_and_does_not_fall_behind_for_ever(make_lane, tmp_path, rng):
    lane = make_lane(plugins.slow(tmp_path / "m.onnx", plugins.make_spec()))
    music = np.float32(0.2 * rng.standard_normal((2, 300 * BLOCK)))
    _, dry, on_time = stream(lane, music, patience_s=0.002)
    assert on_time.count(True) < 0.1 * len(on_time)
    assert lane.late_samples > 0.8 * music.shape[1]
    np.testing.assert_array_equal(dry[:, lane.latency_samples :], music[:, : -lane.latency_samples])


def test_a_model_that_fails_is_counted_and_comes_back_aligned(make_lane, tmp_path, music):
    lane = make_lane(plugins.root_of_sum(tmp_path / "m.onnx", plugins.make_spec()))
    broken = np.zeros_like(music)
    broken[:, 10 * BLOCK : 11 * BLOCK] = -100.0 * np.abs(music[:, :BLOCK])
    _, dry, on_time = stream(lane, broken)
    assert lane.misses > 0
    assert "not finite" in lane.message
    assert on_time[-1]
    np.testing.assert_array_equal(dry[:, lane.latency_samples :], broken[:, : -lane.latency_samples])


def test_a_model_for_whole_songs_is_refused(make_lane, tmp_path):
    path = plugins.identity(tmp_path / "whole.onnx", plugins.make_spec(causal=False))
    with pytest.raises(LiveError, match=r"whole\.onnx.*for files"):
        make_lane(path)


def test_a_model_without_vocals_is_refused(make_lane, tmp_path):
    path = plugins.identity(tmp_path / "drums.onnx", plugins.make_spec(targets=("drums",), residual=None))
    with pytest.raises(LiveError, match="no vocals"):
        make_lane(path)


def test_a_hop_leaves_nothing_behind_and_allocates_less_than_one_spectrum(tmp_path, rng):
    spec = plugins.make_spec(StftSpec(2048, 512, "asymmetric", "asymmetric"))
    separator = StreamingSeparator(OnnxPlugin(plugins.identity(tmp_path / "m.onnx", spec)))
    hop = np.float32(0.1 * rng.standard_normal((2, 512)))
    result = np.zeros((3, 2, 512), np.float32)
    tracemalloc.start()
    try:
        for _ in range(100):
            separator.process_into(hop, result)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(200):
            separator.process_into(hop, result)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1024
    assert peak - before < 2 * spec.stft.bins * 8
