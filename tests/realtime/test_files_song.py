"""One song through a model at the song's own rate, channels and length."""

import numpy as np
import pytest
from onnx import helper

from realtime.contract import StftSpec
from realtime.files.song import SeparatorPool, separate
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from tests.plugins import gains, identity, make_graph, make_spec, one_pole, save_graph

WIDE = StftSpec(512, 256, "sqrt_hann", "sqrt_hann")
RATES = [8000, 22050, 44100, 48000, 96000]


def noise(channels, samples, seed=0):
    return (np.random.default_rng(seed).standard_normal((channels, samples)) * 0.1).astype(np.float32)


def tones(rate, seconds=1.5):
    """Tones up to 3 kHz that swell and fade: nothing near half of any rate, nothing at the ends."""
    time = np.arange(round(rate * seconds)) / rate
    frequencies = np.random.default_rng(1).uniform(100, 3000, (2, 20, 1))
    envelope = np.sin(np.pi * time / seconds) ** 2
    return (envelope * np.sin(2 * np.pi * frequencies * time).sum(axis=1) / 20).astype(np.float32)


def run(mixture, pool, rate, block=9600):
    blocks = (mixture[:, start : start + block] for start in range(0, mixture.shape[1], block))
    return np.concatenate(list(separate(blocks, pool, len(mixture), rate)), axis=-1)


def error_db(estimate, reference):
    error = np.sum((estimate.astype(float) - reference) ** 2)
    return 10 * np.log10(np.sum(reference.astype(float) ** 2) / max(error, 1e-30))


@pytest.mark.parametrize("rate", RATES)
def test_resampled_vocals_are_aligned_with_the_mixture(tmp_path, rate):
    """Tones around 1.5 kHz with an error of -80 dB are off by 10 ns at most: a thousandth of a sample at 96 kHz."""
    pool = SeparatorPool(identity(tmp_path / "identity.onnx", make_spec(WIDE)))
    mixture = tones(rate)
    vocals, accompaniment = run(mixture, pool, rate)
    assert error_db(vocals, mixture) > 80
    assert np.abs(accompaniment).max() < 1e-4


@pytest.mark.parametrize("rate", RATES)
def test_outputs_sum_to_the_mixture_above_the_band_of_the_model_too(tmp_path, rate):
    pool = SeparatorPool(gains(tmp_path / "gains.onnx", make_spec(WIDE), [[0.7]]))
    mixture = noise(2, rate // 2 + 1)
    outputs = run(mixture, pool, rate)
    assert outputs.shape == (2, *mixture.shape)
    np.testing.assert_allclose(outputs.sum(axis=0), mixture, rtol=0, atol=1e-7)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("samples", [1, 2, 255, 256, 257, 4801])
def test_every_length_comes_back(tmp_path, rate, samples):
    pool = SeparatorPool(identity(tmp_path / "identity.onnx", make_spec(WIDE)))
    mixture = noise(2, samples)
    outputs = run(mixture, pool, rate)
    assert outputs.shape == (2, 2, samples)
    np.testing.assert_allclose(outputs.sum(axis=0), mixture, rtol=0, atol=1e-7)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_read_block_size_does_not_change_a_bit(tmp_path, rate):
    pool = SeparatorPool(one_pole(tmp_path / "pole.onnx", make_spec(WIDE)))
    mixture = noise(3, 30001)
    expected = run(mixture, pool, rate, block=30001)
    for block in (97, 1024, 9600):
        assert np.array_equal(run(mixture, pool, rate, block), expected)


def test_a_file_equals_the_live_stream_with_the_latency_trimmed(tmp_path):
    model = one_pole(tmp_path / "pole.onnx", make_spec())
    mixture = noise(2, 5000)
    live = StreamingSeparator(OnnxPlugin(model))
    stream = np.concatenate([live.process(mixture), live.flush()], axis=-1)[..., live.latency_samples :]
    assert np.array_equal(run(mixture, SeparatorPool(model), 44100), stream)


def test_channel_pairs_do_not_touch_each_other(tmp_path):
    pool = SeparatorPool(one_pole(tmp_path / "pole.onnx", make_spec(WIDE)))
    mixture = noise(8, 3000)
    together = run(mixture, pool, 44100)
    for first in range(0, 8, 2):
        assert np.array_equal(together[:, first : first + 2], run(mixture[first : first + 2], pool, 44100))


def test_a_last_channel_without_a_partner_is_the_mean_of_its_copies(tmp_path):
    """The model passes left and stops right, so a lone channel comes out at half."""
    spec = make_spec(WIDE)
    nodes = [
        helper.make_node("Mul", ["mixture", "left"], ["passed"]),
        helper.make_node("Unsqueeze", ["passed", "one"], ["estimates"]),
    ]
    left = np.float32([1, 0]).reshape(1, 2, 1, 1, 1)
    model = save_graph(tmp_path / "left.onnx", spec.to_metadata(), make_graph(spec, nodes, {"left": left, "one": [1]}))
    mixture = noise(3, 3000)
    vocals, accompaniment = run(mixture, SeparatorPool(model), 44100)
    np.testing.assert_allclose(vocals, mixture * np.float32([[1], [0], [0.5]]), rtol=0, atol=1e-6)
    np.testing.assert_allclose(vocals + accompaniment, mixture, rtol=0, atol=1e-7)
    mono, _ = run(mixture[:1], SeparatorPool(model), 44100)
    np.testing.assert_allclose(mono, mixture[:1] / 2, rtol=0, atol=1e-6)


def test_a_mono_model_hears_each_channel_alone(tmp_path):
    pool = SeparatorPool(one_pole(tmp_path / "pole.onnx", make_spec(WIDE, channels=1)))
    mixture = noise(3, 3000)
    together = run(mixture, pool, 44100)
    for channel in range(3):
        alone = run(mixture[channel : channel + 1], pool, 44100)
        assert np.array_equal(together[:, channel : channel + 1], alone)


def test_two_targets_without_a_residual(tmp_path):
    spec = make_spec(WIDE, targets=("vocals", "drums"), residual=None)
    mixture = noise(2, 3000)
    vocals, drums = run(mixture, SeparatorPool(gains(tmp_path / "g.onnx", spec, [[0.25], [2]])), 44100)
    np.testing.assert_allclose(vocals, mixture / 4, rtol=0, atol=1e-6)
    np.testing.assert_allclose(drums, mixture * 2, rtol=0, atol=2e-6)


def test_the_next_song_hears_nothing_of_the_last(tmp_path):
    pool = SeparatorPool(one_pole(tmp_path / "pole.onnx", make_spec(WIDE)))
    first = run(noise(2, 3000), pool, 48000)
    blocks = separate(iter([noise(2, 2000, seed=9)]), pool, 2, 48000)
    next(blocks)
    assert np.array_equal(run(noise(2, 3000), pool, 48000), first)
