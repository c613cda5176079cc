"""Tiny real plug-ins, built with onnx.helper, whose result is known by construction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from realtime.contract import ModelSpec, StateSpec, StftSpec

ASYMMETRIC = StftSpec(128, 16, "asymmetric", "asymmetric")
SYMMETRIC = StftSpec(64, 16, "sqrt_hann", "sqrt_hann")


def make_spec(stft: StftSpec = ASYMMETRIC, **changes: object) -> ModelSpec:
    """Return a small stereo spec for vocals and their residual, with `changes`."""
    spec = ModelSpec(
        name="tiny",
        version="1",
        description="a test plug-in",
        license="MIT",
        training_data="none",
        sample_rate=44100,
        channels=2,
        targets=("vocals",),
        residual="accompaniment",
        stft=stft,
    )
    return replace(spec, **changes)


def identity(path: Path, spec: ModelSpec) -> Path:
    """Every target is the mixture."""
    return gains(path, spec, np.ones((len(spec.targets), 1)))


def gains(path: Path, spec: ModelSpec, values: ArrayLike) -> Path:
    """Target `i`, bin `k` is the mixture times `values[i, k]`; one column serves all bins."""
    targets, bins = np.shape(values)
    nodes = [_node("Unsqueeze", ["mixture", "one"], "framed"), _node("Mul", ["framed", "gains"], "estimates")]
    return _save(path, spec, nodes, {"one": [1], "gains": np.float32(values).reshape(1, targets, 1, bins, 1, 1)})


def hum(path: Path, spec: ModelSpec) -> Path:
    """The mixture and something that is always there, silence or not."""
    nodes = [_node("Add", ["mixture", "always"], "sum"), _node("Unsqueeze", ["sum", "one"], "estimates")]
    return _save(path, spec, nodes, {"one": [1], "always": np.float32(0.1)})


def one_pole(path: Path, spec: ModelSpec, pole: float = 0.5) -> Path:
    """Recurrent, one hop per call: `estimate[t] = mixture[t] + pole * estimate[t - 1]`."""
    spec = _with_memory(spec, 1)
    nodes = [
        _node("Mul", ["memory", "pole"], "decayed"),
        _node("Add", ["mixture", "decayed"], "memory_out"),
        _node("Unsqueeze", ["memory_out", "one"], "estimates"),
    ]
    return _save(path, spec, nodes, {"one": [1], "pole": np.float32(pole)})


def lookahead(path: Path, spec: ModelSpec) -> Path:
    """The mixture `spec.lookahead_hops` frames late, as from a model that waits for the future."""
    hops, late = spec.hops_per_call, spec.lookahead_hops
    spec = _with_memory(spec, late)
    nodes = [
        _node("Concat", ["memory", "mixture"], "line", axis=3),
        _node("Slice", ["line", "start", "hops", "axis"], "now"),
        _node("Slice", ["line", "hops", "end", "axis"], "memory_out"),
        _node("Unsqueeze", ["now", "one"], "estimates"),
    ]
    return _save(path, spec, nodes, {"one": [1], "start": [0], "hops": [hops], "end": [hops + late], "axis": [3]})


def previous_frame(path: Path, spec: ModelSpec) -> Path:
    """Stateless with context: `estimate[t] = mixture[t] + mixture[t - 1] / 2`, wrong where the context starts."""
    hops = spec.context_hops + spec.hops_per_call
    nodes = [
        _node("Slice", ["mixture", "start", "last", "axis"], "past"),
        _node("Slice", ["mixture", "start", "one", "axis"], "unknown"),
        _node("Concat", ["unknown", "past"], "shifted", axis=3),
        _node("Mul", ["shifted", "half"], "halved"),
        _node("Add", ["mixture", "halved"], "sum"),
        _node("Unsqueeze", ["sum", "one"], "estimates"),
    ]
    constants = {"start": [0], "one": [1], "last": [hops - 1], "axis": [3], "half": np.float32(0.5)}
    return _save(path, spec, nodes, constants)


def root_of_sum(path: Path, spec: ModelSpec) -> Path:
    """Recurrent: the square root of one plus the sum of all frames, so NaN once a sum falls below minus one."""
    spec = _with_memory(spec, 1)
    nodes = [
        _node("Add", ["memory", "mixture"], "memory_out"),
        _node("Add", ["memory_out", "unit"], "shifted"),
        _node("Sqrt", ["shifted"], "root"),
        _node("Unsqueeze", ["root", "one"], "estimates"),
    ]
    return _save(path, spec, nodes, {"one": [1], "unit": np.float32(1)})


def overflow(path: Path, spec: ModelSpec) -> Path:
    """Stateless: finite for ordinary music, infinite for very loud."""
    nodes = [
        _node("Mul", ["mixture", "steep"], "exponents"),
        _node("Exp", ["exponents"], "powers"),
        _node("Sub", ["powers", "unit"], "shifted"),
        _node("Unsqueeze", ["shifted", "one"], "estimates"),
    ]
    return _save(path, spec, nodes, {"one": [1], "unit": np.float32(1), "steep": np.float32(5)})


def hidden_overflow(path: Path, spec: ModelSpec) -> Path:
    """Recurrent: estimates that stay within one, from a memory that grows 1e30-fold in every call."""
    spec = _with_memory(spec, 1)
    nodes = [
        _node("Mul", ["memory", "growth"], "grown"),
        _node("Add", ["mixture", "grown"], "memory_out"),
        _node("Tanh", ["memory_out"], "bounded"),
        _node("Unsqueeze", ["bounded", "one"], "estimates"),
    ]
    return _save(path, spec, nodes, {"one": [1], "growth": np.float32(1e30)})


def slow(path: Path, spec: ModelSpec, size: int = 600) -> Path:
    """Every target is the mixture, after two products of big matrices that come to nothing."""
    nodes = [
        _node("Mul", ["matrix", "zero"], "nothing"),
        _node("ReduceMax", ["mixture"], "loudest", keepdims=0),
        _node("Add", ["matrix", "loudest"], "changing"),
        _node("MatMul", ["changing", "nothing"], "product"),
        _node("MatMul", ["changing", "product"], "products"),
        _node("ReduceMax", ["products"], "offset", keepdims=0),
        _node("Add", ["mixture", "offset"], "sum"),
        _node("Unsqueeze", ["sum", "one"], "estimates"),
    ]
    return _save(path, spec, nodes, {"one": [1], "zero": np.float32(0), "matrix": np.ones((size, size), np.float32)})


def make_graph(
    spec: ModelSpec,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, ArrayLike] | None = None,
) -> onnx.GraphProto:
    """Return a graph with the inputs and outputs that `spec` asks for."""
    frames = (spec.channels, spec.stft.bins, spec.context_hops + spec.hops_per_call, 2)
    inputs, outputs = {"mixture": (1, *frames)}, {"estimates": (1, len(spec.targets), *frames)}
    for state in spec.states:
        inputs[state.name] = outputs[f"{state.name}_out"] = state.shape
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    return helper.make_graph(list(nodes), "plugin", *values, tensors)


def save_graph(
    path: Path,
    metadata: Mapping[str, str],
    graph: onnx.GraphProto,
    domains: Sequence[str] = (),
    functions: Sequence[onnx.FunctionProto] = (),
) -> Path:
    """Write any graph with any metadata, right or wrong."""
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions)
    helper.set_model_props(model, dict(metadata))
    path.write_bytes(model.SerializeToString())
    return path


def _save(path: Path, spec: ModelSpec, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, ArrayLike]) -> Path:
    return save_graph(path, spec.to_metadata(), make_graph(spec, nodes, constants))


def _node(operator: str, inputs: Sequence[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, list(inputs), [output], **attributes)


def _with_memory(spec: ModelSpec, hops: int) -> ModelSpec:
    return replace(spec, states=(StateSpec("memory", (1, spec.channels, spec.stft.bins, hops, 2)),))
