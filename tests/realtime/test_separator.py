"""The streaming separator: what entered `latency_samples` ago comes out, separated, whatever the block sizes."""

import tracemalloc

import numpy as np
import pytest

from realtime.contract import StftSpec
from realtime.plugin import OnnxPlugin, PluginError
from realtime.separator import StreamingSeparator
from tests import plugins
from tests.plugins import ASYMMETRIC, SYMMETRIC, make_spec
from tests.realtime.golden import make_vectors

SPECS = [
    make_spec(stft, hops_per_call=hops, lookahead_hops=late)
    for stft in (ASYMMETRIC, SYMMETRIC, StftSpec(2048, 512, "asymmetric", "asymmetric"))
    for hops in (1, 4, 8)
    for late in (0, 3)
]
IDS = [f"{s.stft.n_fft}-{s.stft.analysis_window}-{s.hops_per_call}hops-{s.lookahead_hops}late" for s in SPECS]


def _passthrough(folder, spec):
    """Return a stream through a plug-in that changes nothing, late by the lookahead the spec declares."""
    make = plugins.lookahead if spec.lookahead_hops else plugins.identity
    return StreamingSeparator(OnnxPlugin(make(folder / "passthrough.onnx", spec)))


def _recurrent(folder, name="recurrent", **changes):
    return StreamingSeparator(OnnxPlugin(plugins.one_pole(folder / f"{name}.onnx", make_spec(**changes))))


def _noise(rng, samples, channels=2):
    return rng.uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)


def _in_blocks(separator, audio, sizes):
    """Process `audio` in blocks of `sizes`, which must add up to its length."""
    edges = np.cumsum(sizes)
    assert edges[-1] == audio.shape[1]
    return np.concatenate([separator.process(block) for block in np.split(audio, edges[:-1], axis=1)], axis=-1)


def _snr_db(reference, estimate):
    error = estimate.astype(np.float64) - reference
    return 10 * np.log10(np.mean(reference.astype(np.float64) ** 2) / np.mean(error**2))


@pytest.mark.parametrize("spec", SPECS, ids=IDS)
def test_identity_is_the_delayed_input(spec, tmp_path, rng):
    separator = _passthrough(tmp_path, spec)
    audio = _noise(rng, 3 * spec.latency_samples + 77)
    vocals = np.concatenate([separator.process(audio), separator.flush()], axis=-1)[0]
    late = separator.latency_samples
    assert late == spec.latency_samples
    assert vocals.shape[1] == audio.shape[1] + late
    assert np.abs(vocals[:, :late]).max() <= 1e-6
    assert _snr_db(audio, vocals[:, late:]) >= 120


@pytest.mark.parametrize("hops", [1, 4])
def test_mask_equals_the_same_mask_on_the_whole_signal(hops, tmp_path, rng):
    spec = make_spec(hops_per_call=hops)
    mask = rng.uniform(0, 1, spec.stft.bins)
    separator = StreamingSeparator(OnnxPlugin(plugins.gains(tmp_path / "mask.onnx", spec, mask[None])))
    audio = _noise(rng, 64 * spec.stft.hop_length)
    vocals = np.concatenate([separator.process(audio), separator.flush()], axis=-1)[0, :, separator.latency_samples :]
    transform = (spec.stft.n_fft, spec.stft.hop_length)
    windows = (spec.stft.analysis_window, spec.stft.synthesis_window)
    padded = np.pad(audio.astype(np.float64), ((0, 0), (0, spec.stft.n_fft)))
    spectrum = make_vectors.analyze(padded, *transform, make_vectors.analysis_window(*transform, windows[0]))
    expected = make_vectors.synthesize(
        spectrum * mask[:, None], *transform, make_vectors.synthesis_window(*transform, *windows)
    )
    assert _snr_db(expected[:, : audio.shape[1]], vocals) >= 120


@pytest.mark.parametrize("spec", SPECS[:6], ids=IDS[:6])
def test_any_block_sizes_give_the_same_bits(spec, tmp_path, rng):
    separator = _passthrough(tmp_path, spec)
    audio = _noise(rng, 1500)
    whole = separator.process(audio)
    for sizes in ([1] * 1500, [0, 700, 0, 0, 800], rng.multinomial(1500, np.ones(40) / 40), [16] * 93 + [12]):
        separator.reset()
        np.testing.assert_array_equal(_in_blocks(separator, audio, sizes), whole)


def test_recurrent_stream_does_not_depend_on_block_sizes(tmp_path, rng):
    separator = _recurrent(tmp_path)
    audio = _noise(rng, 1500)
    whole = separator.process(audio)
    separator.reset()
    np.testing.assert_array_equal(_in_blocks(separator, audio, rng.multinomial(1500, np.ones(60) / 60)), whole)


@pytest.mark.parametrize("start", [400, 407, 415])
def test_later_samples_never_change_earlier_output(start, tmp_path, rng):
    separator = _recurrent(tmp_path)
    audio = _noise(rng, 800)
    changed = audio.copy()
    changed[:, start:] = _noise(rng, 800 - start)
    before = separator.process(audio)
    separator.reset()
    after = separator.process(changed)
    np.testing.assert_array_equal(before[..., :start], after[..., :start])
    assert not np.array_equal(before[..., start:], after[..., start:])


@pytest.mark.parametrize("hops", [1, 4])
def test_an_impulse_comes_out_exactly_one_latency_later(hops, tmp_path):
    separator = _passthrough(tmp_path, make_spec(hops_per_call=hops))
    for start in range(200, 200 + separator.spec.call_samples, 7):
        audio = np.zeros((2, 600), np.float32)
        audio[:, start] = 1
        vocals = separator.process(audio)[0]
        assert (np.abs(vocals) > 0.5).nonzero()[1].tolist() == [start + separator.latency_samples] * 2
        separator.reset()


def test_no_latency_is_spent_on_waiting(tmp_path, rng):
    """The sample that completes a call is heard in the very next one: the window spreads it back that far."""
    spec = make_spec()
    mask = rng.uniform(0, 1, (1, spec.stft.bins))
    separator = StreamingSeparator(OnnxPlugin(plugins.gains(tmp_path / "mask.onnx", spec, mask)))
    last = 20 * spec.call_samples - 1
    audio = np.zeros((2, 600), np.float32)
    audio[:, last] = 1
    vocals = separator.process(audio)[0]
    assert not vocals[:, : last + 1].any()
    assert vocals[:, last + 1 : last + 1 + spec.call_samples].any()


def test_reset_then_replay_is_bit_identical(tmp_path, rng):
    separator = _recurrent(tmp_path)
    audio = _noise(rng, 777)
    first = separator.process(audio)
    assert not np.array_equal(separator.process(audio), first)
    separator.reset()
    np.testing.assert_array_equal(separator.process(audio), first)


def test_flush_ends_the_stream_and_the_next_one_starts_fresh(tmp_path, rng):
    separator = _recurrent(tmp_path)
    audio = _noise(rng, 777)
    first = separator.process(audio)
    tail = separator.flush()
    assert tail.shape == (2, 2, separator.latency_samples)
    np.testing.assert_array_equal(separator.process(audio), first)
    np.testing.assert_array_equal(separator.flush(), tail)


def test_interleaved_streams_do_not_touch_each_other(tmp_path, rng):
    alone = _recurrent(tmp_path, "alone")
    ours, theirs = _noise(rng, 900), _noise(rng, 900)
    expected = alone.process(ours)
    one, two = _recurrent(tmp_path, "shared"), StreamingSeparator(OnnxPlugin(tmp_path / "shared.onnx"))
    parts = []
    for start in range(0, 900, 45):
        parts.append(one.process(ours[:, start : start + 45]))
        two.process(theirs[:, start : start + 45])
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_samples_are_taken_as_silence(bad, tmp_path, rng):
    separator = _recurrent(tmp_path)
    audio = _noise(rng, 900)
    silenced, damaged = audio.copy(), audio.copy()
    silenced[:, 300:350], damaged[:, 300:350] = 0, bad
    expected = separator.process(silenced)
    separator.reset()
    result = separator.process(damaged)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(damaged[:, 300:350], bad)


def test_samples_too_large_for_a_spectrum_do_not_stay(tmp_path, rng):
    separator = _passthrough(tmp_path, make_spec())
    audio = _noise(rng, 900)
    audio[:, 300] = np.finfo(np.float32).max
    result = separator.process(audio)
    assert np.isfinite(result).all()
    late = separator.latency_samples
    assert _snr_db(audio[:, 500 : 900 - late], result[0, :, 500 + late :]) >= 120


def test_silence_in_gives_silence_out(tmp_path):
    assert not _recurrent(tmp_path).process(np.zeros((2, 500), np.float32)).any()


@pytest.mark.parametrize("hops", [1, 4])
def test_outputs_sum_to_the_delayed_mixture(hops, tmp_path, rng):
    spec = make_spec(hops_per_call=hops, lookahead_hops=2, targets=("vocals", "drums"))
    values = rng.uniform(0, 1, (2, spec.stft.bins))
    separator = StreamingSeparator(OnnxPlugin(plugins.gains(tmp_path / "two.onnx", spec, values)))
    assert separator.outputs == ("vocals", "drums", "accompaniment")
    audio, late = _noise(rng, 1200), separator.latency_samples
    result = separator.process(audio)
    delayed = np.pad(audio, ((0, 0), (late, 0)))[:, :1200]
    np.testing.assert_array_equal(separator.dry, delayed)
    assert np.abs(result.sum(axis=0) - delayed).max() <= 1e-6
    assert np.abs(result[2]).max() > 0.01


def test_without_a_residual_only_the_targets_come_out(tmp_path, rng):
    spec = make_spec(targets=("vocals", "drums"), residual=None)
    separator = StreamingSeparator(OnnxPlugin(plugins.gains(tmp_path / "two.onnx", spec, [[1], [0.5]])))
    vocals, drums = separator.process(_noise(rng, 500))
    np.testing.assert_allclose(drums, vocals / 2, atol=1e-7)


@pytest.mark.parametrize("channels", [1, 6])
def test_any_number_of_channels(channels, tmp_path, rng):
    spec = make_spec(channels=channels)
    separator = StreamingSeparator(OnnxPlugin(plugins.identity(tmp_path / "n.onnx", spec)))
    audio = _noise(rng, 500, channels)
    vocals = np.concatenate([separator.process(audio), separator.flush()], axis=-1)[0, :, separator.latency_samples :]
    assert _snr_db(audio, vocals) >= 120


def test_returned_blocks_belong_to_the_caller(tmp_path, rng):
    separator = _recurrent(tmp_path)
    first = separator.process(_noise(rng, 300))
    kept = first.copy()
    separator.process(_noise(rng, 300))
    np.testing.assert_array_equal(first, kept)


def test_a_failing_plugin_leaves_a_fresh_stream(tmp_path, rng):
    separator = StreamingSeparator(OnnxPlugin(plugins.root_of_sum(tmp_path / "fragile.onnx", make_spec())))
    quiet = 1e-4 * _noise(rng, 500)
    first = separator.process(quiet)
    with pytest.raises(PluginError, match=r"fragile\.onnx"):
        separator.process(_noise(rng, 500))
    np.testing.assert_array_equal(separator.process(quiet), first)


@pytest.mark.parametrize("shape", [(1, 64), (3, 64), (64,), (1, 2, 64)])
def test_wrong_block_shape_is_refused(shape, tmp_path):
    with pytest.raises(ValueError, match="block has shape"):
        _recurrent(tmp_path).process(np.zeros(shape, np.float32))


def test_a_call_allocates_little_more_than_it_returns(tmp_path):
    separator = _recurrent(tmp_path, stft=StftSpec(2048, 512, "asymmetric", "asymmetric"))
    block = np.zeros((2, 512), np.float32)
    separator.process(block)
    tracemalloc.start()
    for _ in range(50):
        separator.process(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    returned = 3 * block.nbytes
    assert peak <= 2 * returned + 16384
