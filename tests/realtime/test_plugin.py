"""The ONNX plug-in: one stream through one graph, its state kept in order and finite."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper

from realtime.contract import StateSpec, StftSpec
from realtime.plugin import OnnxPlugin, PluginError, read_spec
from tests import plugins
from tests.plugins import make_graph, make_spec, save_graph

SPEC = make_spec()


def _frames(rng, spec, calls):
    shape = (calls, spec.channels, spec.stft.bins, spec.hops_per_call)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def _run(plugin, frames):
    return np.stack([plugin.step(frame).copy() for frame in frames])


def test_recurrence_equals_its_difference_equation(tmp_path, rng):
    plugin = OnnxPlugin(plugins.one_pole(tmp_path / "pole.onnx", SPEC, pole=0.5))
    frames = _frames(rng, SPEC, 40)
    expected = np.zeros(frames.shape[1:], np.complex128)
    for frame, estimate in zip(frames, _run(plugin, frames)[:, 0], strict=True):
        expected = frame + 0.5 * expected
        np.testing.assert_allclose(estimate, expected, atol=1e-5)


@pytest.mark.parametrize(("hops", "context"), [(1, 1), (1, 5), (4, 1), (4, 3), (2, 7)])
def test_context_is_the_past_of_the_stream(hops, context, tmp_path, rng):
    spec = make_spec(hops_per_call=hops, context_hops=context)
    plugin = OnnxPlugin(plugins.previous_frame(tmp_path / "context.onnx", spec))
    frames = _frames(rng, spec, 12)
    line = np.concatenate(frames, axis=-1)
    expected = line + np.pad(line, ((0, 0), (0, 0), (1, 0)))[..., :-1] / 2
    for _ in range(2):
        np.testing.assert_allclose(np.concatenate(_run(plugin, frames)[:, 0], axis=-1), expected, atol=1e-6)
        plugin.reset()


def test_reset_then_replay_is_bit_identical(tmp_path, rng):
    plugin = OnnxPlugin(plugins.one_pole(tmp_path / "pole.onnx", SPEC))
    frames = _frames(rng, SPEC, 7)
    first = _run(plugin, frames)
    assert not np.array_equal(_run(plugin, frames), first)
    plugin.reset()
    np.testing.assert_array_equal(_run(plugin, frames), first)


@pytest.mark.parametrize("bad", [np.nan, np.inf, complex(0, -np.inf), complex(1, np.nan)])
def test_values_that_are_not_finite_never_reach_the_state(bad, tmp_path, rng):
    plugin = OnnxPlugin(plugins.one_pole(tmp_path / "pole.onnx", SPEC))
    frames = _frames(rng, SPEC, 5)
    frames[2, 0, 7] = bad
    result = _run(plugin, frames)
    assert np.isfinite(result).all()
    frames[2, 0, 7] = complex(*(part if np.isfinite(part) else 0 for part in (bad.real, bad.imag)))
    plugin.reset()
    np.testing.assert_array_equal(_run(plugin, frames), result)


def test_not_finite_estimates_are_an_error_and_the_stream_begins_anew(tmp_path, rng):
    plugin = OnnxPlugin(plugins.root_of_sum(tmp_path / "root.onnx", SPEC))
    small, large = 1e-3 * _frames(rng, SPEC, 4), 10 * _frames(rng, SPEC, 1)
    first = _run(plugin, small)
    with pytest.raises(PluginError, match=r"root\.onnx: .*not finite"):
        plugin.step(large[0])
    np.testing.assert_array_equal(_run(plugin, small), first)


def test_a_state_that_overflows_behind_finite_estimates_is_an_error(tmp_path, rng):
    plugin = OnnxPlugin(plugins.hidden_overflow(tmp_path / "hidden.onnx", SPEC))
    frames = _frames(rng, SPEC, 3)
    plugin.step(frames[0])
    with pytest.raises(PluginError, match="not finite"):
        _run(plugin, frames)


def test_a_call_the_runtime_refuses_is_an_error_and_the_stream_begins_anew(tmp_path, rng):
    spec = replace(SPEC, states=(StateSpec("sum", (1,)),))
    nodes = [
        # The index grows with the mixture, and Gather refuses it once it is out of range.
        helper.make_node("ReduceSum", ["mixture"], ["level"], keepdims=0),
        helper.make_node("Add", ["sum", "level"], ["sum_out"]),
        helper.make_node("Cast", ["sum_out"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["chosen"]),
        helper.make_node("Unsqueeze", ["mixture", "axes"], ["framed"]),
        helper.make_node("Add", ["framed", "chosen"], ["estimates"]),
    ]
    graph = make_graph(spec, nodes, {"axes": [1], "table": np.zeros(8, np.float32)})
    plugin = OnnxPlugin(save_graph(tmp_path / "gather.onnx", spec.to_metadata(), graph))
    fine = np.full((2, spec.stft.bins, 1), 1e-3, np.complex64)
    first = _run(plugin, [fine, fine])
    with pytest.raises(PluginError, match=r"gather\.onnx: the model failed") as failure:
        plugin.step(1000 * fine)
    assert "\n" not in str(failure.value)
    np.testing.assert_array_equal(_run(plugin, [fine, fine]), first)


def test_a_call_allocates_nothing_of_the_size_of_a_frame(tmp_path):
    spec = make_spec(StftSpec(8192, 2048, "asymmetric", "asymmetric"), context_hops=0)
    plugin = OnnxPlugin(plugins.one_pole(tmp_path / "pole.onnx", spec))
    mixture = np.zeros((2, spec.stft.bins, 1), np.complex64)
    plugin.step(mixture)
    tracemalloc.start()
    plugin.step(mixture)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < mixture.nbytes / 8


@pytest.mark.parametrize("shape", [(2, 65), (2, 65, 2), (1, 65, 1), (2, 64, 1)])
def test_wrong_shape_is_refused(shape, tmp_path):
    plugin = OnnxPlugin(plugins.identity(tmp_path / "identity.onnx", SPEC))
    with pytest.raises(ValueError, match="mixture has shape"):
        plugin.step(np.zeros(shape, np.complex64))


def test_spec_can_be_read_without_running_the_graph(tmp_path):
    path = plugins.one_pole(tmp_path / "pole.onnx", SPEC)
    spec = replace(SPEC, states=(StateSpec("memory", (1, 2, SPEC.stft.bins, 1, 2)),))
    assert read_spec(path) == spec
    plugin = OnnxPlugin(str(path))
    assert plugin.spec == spec
    assert plugin.provider == "CPUExecutionProvider"
