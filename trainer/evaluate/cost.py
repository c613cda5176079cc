"""What a separator costs: parameters and multiplications from its graph, time and memory from a run of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import onnx

from realtime.contract import StftSpec
from realtime.plugin import read_spec
from trainer.errors import TrainerError
from trainer.evaluate.estimators import Estimator, Mixture, Oracle, StreamedModel
from trainer.evaluate.machine import peak_memory_bytes
from trainer.evaluate.masking import ORACLE_STFT
from trainer.evaluate.pools import LocalPool
from trainer.evaluate.protocols import Passage

PASSAGE_S = 10.0

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Cost:
    """What one separator costs; None stands for what does not apply or cannot be measured here.

    Attributes:
        window: STFT analysis and synthesis windows and hop in samples.
        parameters: Trained or not, all numbers in the graph.
        macs_per_s: Multiply-accumulates per second of audio, inside the graph.
        rtf: Processor time on one thread per second of audio.
        memory_bytes: Peak of a process that does nothing else, Python included.
    """

    window: str | None = None
    parameters: int | None = None
    macs_per_s: float | None = None
    rtf: float | None = None
    memory_bytes: int | None = None


def measure_cost(estimator: Estimator, passage: Passage) -> Cost:
    """Separate the first `PASSAGE_S` of a song in a new process with one thread, and count the graph.

    Raises:
        TrainerError: The song cannot be read or separated.
    """
    if isinstance(estimator, Mixture):
        return Cost()
    if isinstance(estimator, Oracle):
        return Cost(_describe_window(ORACLE_STFT))
    ((_, outcome),) = LocalPool(1).run(_run, [(estimator, replace(passage, seconds=PASSAGE_S))])
    if isinstance(outcome, TrainerError):
        raise outcome
    rtf, memory_bytes = outcome
    if not isinstance(estimator, StreamedModel):
        return Cost(rtf=rtf, memory_bytes=memory_bytes)
    spec, model = read_spec(estimator.path), onnx.load(estimator.path)
    macs = count_macs(model)
    macs_per_s = None if macs is None else macs * spec.sample_rate / spec.call_samples
    return Cost(_describe_window(spec.stft), count_parameters(model), macs_per_s, rtf, memory_bytes)


def _describe_window(stft: StftSpec) -> str:
    return f"{stft.n_fft} → {stft.synthesis_samples} / {stft.hop_length}"


def _run(estimator: Estimator, passage: Passage) -> tuple[float, int | None]:
    references = passage.load()
    audio_s = references.mixture.shape[1] / references.sample_rate
    busy_s = estimator.estimate(references).busy_s
    memory_bytes = peak_memory_bytes()
    if busy_s is None:
        # The second time, its packages are loaded.
        started = time.process_time()
        estimator.estimate(references)
        busy_s = time.process_time() - started
    return busy_s / audio_s, memory_bytes


def count_parameters(model: onnx.ModelProto) -> int:
    """Return how many floating-point numbers a graph brings with it."""
    brought = [
        *model.graph.initializer,
        *(
            node.attribute[0].t
            for node in model.graph.node
            if node.op_type == "Constant" and node.attribute[0].HasField("t")
        ),
    ]
    floating = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return sum(math.prod(tensor.dims) for tensor in brought if tensor.data_type in floating)


def count_macs(model: onnx.ModelProto) -> int | None:
    """Return the multiply-accumulates of one call of a graph; None where a shape is not known or a graph is inside.

    Matrix products, convolutions and recurrent layers count; what works value by value does not.
    """
    shapes = _shapes(model)
    try:
        return sum(COUNTERS[node.op_type](node, shapes) for node in _counted(model.graph.node))
    except KeyError:
        return None


def _counted(nodes: Sequence[onnx.NodeProto]) -> Sequence[onnx.NodeProto]:
    inside = [node for node in nodes if any(attribute.HasField("g") for attribute in node.attribute)]
    return inside or [node for node in nodes if node.op_type in COUNTERS]


def _shapes(model: onnx.ModelProto) -> Shapes:
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    values = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    fixed = {name: shape for name, shape in values.items() if all(shape)}
    return fixed | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _matrix_product(node: onnx.NodeProto, shapes: Shapes) -> int:
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _gemm(node: onnx.NodeProto, shapes: Shapes) -> int:
    rows, columns = shapes[node.output[0]]
    return rows * columns * (math.prod(shapes[node.input[0]]) // rows)


def _convolution(node: onnx.NodeProto, shapes: Shapes) -> int:
    # The weights are (out, in / groups, kernel...).
    return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])


def _transposed_convolution(node: onnx.NodeProto, shapes: Shapes) -> int:
    # The weights are (in, out / groups, kernel...), and every input value meets all of its row.
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _recurrent(node: onnx.NodeProto, shapes: Shapes) -> int:
    # The weights hold all gates and both directions; each meets every frame of every sequence once.
    frames, sequences, _ = shapes[node.input[0]]
    return frames * sequences * sum(math.prod(shapes[name]) for name in node.input[1:3])


def _einsum(node: onnx.NodeProto, shapes: Shapes) -> int:
    equation = next(attribute.s.decode() for attribute in node.attribute if attribute.name == "equation")
    terms = equation.partition("->")[0].replace(" ", "").split(",")
    sizes = {}
    for term, name in zip(terms, node.input, strict=True):
        sizes.update(zip(term, shapes[name], strict=True))
    return math.prod(sizes.values())


COUNTERS: Mapping[str, Callable[[onnx.NodeProto, Shapes], int]] = {
    "MatMul": _matrix_product,
    "MatMulInteger": _matrix_product,
    "Gemm": _gemm,
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "LSTM": _recurrent,
    "DynamicQuantizeLSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "Einsum": _einsum,
}
