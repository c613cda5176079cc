"""Running a separation plug-in: one ONNX file, checked before it is trusted, called once per chunk of hops."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as _ort

from realtime.contract import ContractError, ModelSpec

MAX_FILE_BYTES = 512 * 2**20
MAX_TENSOR_VALUES = 2**26
STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
# What ONNX Runtime's own quantizer makes of a standard LSTM; every build of the runtime holds it.
BUILT_IN_OPERATORS = frozenset({("com.microsoft", "DynamicQuantizeLSTM")})
_ORT_ERRORS = (
    RuntimeError,
    ValueError,
    *(error for error in vars(_ort).values() if isinstance(error, type) and issubclass(error, Exception)),
)
_ORT_SILENT = 4
_LARGEST = float(np.finfo(np.float32).max)


class PluginError(RuntimeError):
    """A plug-in cannot be loaded, or failed in a call; the message is one sentence for the user."""


def read_spec(path: str | Path) -> ModelSpec:
    """Check an untrusted plug-in file against the contract and return what it says about itself.

    Nothing of the graph is run. The checks cover the file's size, its operators, the data it refers to, its metadata,
    and the names, types and shapes of the graph's inputs and outputs.

    Raises:
        PluginError: The file is missing, is not ONNX, or breaks the contract.
    """
    path = Path(path)
    try:
        model = _parse(path)
        _check_operators(model)
        _check_external_data(model, path.parent.resolve())
        spec = ModelSpec.from_metadata({item.key: item.value for item in model.metadata_props})
        _check_graph(model.graph, spec)
    except ContractError as error:
        raise PluginError(f"{path}: {error}") from error
    except OSError as error:
        raise PluginError(f"{path}: it cannot be read ({error.strerror}); check its permissions") from error
    except ValueError as error:
        raise PluginError(f"{path}: it is damaged ({error}); export it again") from error
    return spec


class OnnxPlugin:
    """A loaded plug-in and the state of one stream through it.

    Calls must come in order and one at a time. Every buffer is allocated once: two bindings alternate, so that the
    states one call writes are the states the next one reads.

    Args:
        path: The ONNX file.
        num_threads: Threads ONNX Runtime may use for one call.

    Attributes:
        path: The ONNX file.
        spec: What the file says about itself.
        provider: The execution provider that really runs the graph.
        calls: Calls of the graph so far.
        session_s: Time spent inside ONNX Runtime for them.

    Raises:
        PluginError: The file breaks the contract, or ONNX Runtime cannot run it.
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        self.path = Path(path)
        self.spec = spec = read_spec(self.path)
        try:
            self._session = onnxruntime.InferenceSession(
                str(self.path), _session_options(num_threads), providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except _ORT_ERRORS as error:
            raise PluginError(f"{self.path}: it does not load ({_reason(error)}); export it again") from error
        self.provider = self._session.get_providers()[0]
        shapes = _tensor_shapes(spec)
        self._buffers = {name: np.zeros(shapes[name], np.float32) for name in ("mixture", "estimates")}
        self._states = tuple({state.name: np.zeros(state.shape, np.float32) for state in spec.states} for _ in range(2))
        self._bindings = tuple(self._bind(self._states[i], self._states[1 - i]) for i in range(2))
        self._mixture, self._estimates = (buffer.view(np.complex64)[0, ..., 0] for buffer in self._buffers.values())
        self._past = np.zeros((spec.channels, spec.stft.bins, spec.context_hops), np.complex64)
        self._turn = 0
        self.calls, self.session_s = 0, 0.0
        self._warm_up()

    def step(self, mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Separate the next frames.

        NaN and Inf in `mixture` are taken as zero.

        Args:
            mixture: `(channels, bins, hops_per_call)`.

        Returns:
            `(targets, channels, bins, hops_per_call)`, overwritten by the next call.

        Raises:
            PluginError: ONNX Runtime failed or values are not finite; the state is that of a new stream then.
        """
        context = self.spec.context_hops
        if mixture.shape != self._mixture[..., context:].shape:
            raise ValueError(f"mixture has shape {mixture.shape}, expected {self._mixture[..., context:].shape}")
        self._mixture[..., :context] = self._past
        self._mixture[..., context:] = mixture
        scrub(self._buffers["mixture"])
        self._past[...] = self._mixture[..., mixture.shape[-1] :]
        started = time.perf_counter()
        try:
            self._session.run_with_iobinding(self._bindings[self._turn])
        except _ORT_ERRORS as error:
            self.reset()
            raise PluginError(f"{self.path}: the model failed ({_reason(error)}); choose another model") from error
        self.calls += 1
        self.session_s += time.perf_counter() - started
        self._turn = 1 - self._turn
        if not all(map(_is_within, (self._buffers["estimates"], *self._states[self._turn].values()))):
            self.reset()
            raise PluginError(f"{self.path}: the model's result is not finite; lower the level or choose another model")
        return self._estimates[..., context:]

    def reset(self) -> None:
        """Forget the past: zero states and context, as if newly made."""
        self._turn = 0
        self._past[...] = 0
        for states in self._states:
            for array in states.values():
                array[...] = 0

    def _bind(self, states_in: dict[str, NDArray], states_out: dict[str, NDArray]) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        for name, array in {"mixture": self._buffers["mixture"], **states_in}.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        written = {f"{name}_out": array for name, array in states_out.items()}
        for name, array in {"estimates": self._buffers["estimates"], **written}.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding

    def _warm_up(self) -> None:
        """Run both bindings once on silence, so that the first real call is not a slow one, and forget it."""
        for _ in self._bindings:
            self.step(np.zeros_like(self._past, shape=(*self._mixture.shape[:-1], self.spec.hops_per_call)))
        self.reset()
        self.calls, self.session_s = 0, 0.0


def scrub(values: NDArray[np.float32], limit: float = _LARGEST) -> None:
    """Set NaN and Inf in `values` to zero and clip the rest to ±`limit`, in place."""
    if not _is_within(values, limit):
        values[~np.isfinite(values)] = 0
        np.clip(values, -limit, limit, out=values)


def _is_within(values: NDArray[np.float32], limit: float = _LARGEST) -> bool:
    """Return whether no value is NaN or beyond ±`limit`; both extremes are NaN where any value is."""
    return float(values.max()) <= limit and float(values.min()) >= -limit


def _session_options(num_threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = num_threads
    options.log_severity_level = _ORT_SILENT
    entries = {
        "session.intra_op.allow_spinning": "0",
        "session.inter_op.allow_spinning": "0",
        # Denormal numbers in a decaying state make a call slower. ONNX Runtime heeds this once in a process: for the
        # thread that makes the first session, and for the threads that one starts afterwards.
        "session.set_denormal_as_zero": "1",
        # Else processors without instructions for products of integers (VNNI) cut off large sums in int8 models, and
        # estimates would not be those of others.
        "session.x64quantprecision": "1",
        # Else a file may pass for ONNX Runtime's own format, which the checks have not seen.
        "session.load_model_format": "ONNX",
    }
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    return options


def _parse(path: Path) -> onnx.ModelProto:
    if not path.exists():
        raise ContractError("there is no such file; check the path")
    if not path.is_file():
        raise ContractError("it is not a regular file; name an .onnx file")
    if path.suffix == ".safetensors":
        raise ContractError(f"this is a checkpoint; export it first: python -m export {path}")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ContractError(
            f"it is larger than {MAX_FILE_BYTES >> 20} MiB, the most a plug-in may be; export a smaller model"
        )
    try:
        return onnx.load(path, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise ContractError("it is not an ONNX file; name one that python -m export wrote") from error


def _messages(root: Message) -> Iterator[Message]:
    """Yield every message below `root`, subgraphs and functions included, without copying the weights."""
    pending = [root]
    while pending:
        message = pending.pop()
        yield message
        if isinstance(message, onnx.TensorProto):
            pending.extend(message.external_data)
            continue
        for field, value in message.ListFields():
            if field.message_type is not None:
                pending.extend([value] if isinstance(value, Message) else value)
            elif field.type == field.TYPE_STRING and any(isinstance(v, bytes) for v in (value, *value)):
                raise ContractError("its text is not UTF-8; export it again")


def _check_operators(model: onnx.ModelProto) -> None:
    known = BUILT_IN_OPERATORS.union((function.domain, function.name) for function in model.functions)
    for node in _messages(model):
        if not isinstance(node, onnx.NodeProto) or node.domain in STANDARD_DOMAINS:
            continue
        if (node.domain, node.op_type) not in known:
            raise ContractError(
                f"it uses the custom operator {node.domain}.{node.op_type}; "
                "export it again with standard ONNX operators only"
            )


def _check_external_data(model: onnx.ModelProto, folder: Path) -> None:
    tensors = (message for message in _messages(model) if isinstance(message, onnx.TensorProto))
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    for name in sorted(names):
        if Path(name).is_absolute() or not (folder / name).resolve().is_relative_to(folder):
            raise ContractError(f"it wants to read {name!r} outside its own folder; export it again as one file")
        if not (folder / name).is_file():
            raise ContractError(f"its weights {name!r} are not beside it; copy both files or export it again as one")
    if sum((folder / name).stat().st_size for name in names) > MAX_FILE_BYTES:
        raise ContractError(
            f"its weights are larger than {MAX_FILE_BYTES >> 20} MiB, the most a plug-in may hold; "
            "export a smaller model"
        )


def _tensor_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    frames = (spec.channels, spec.stft.bins, spec.context_hops + spec.hops_per_call, 2)
    return {
        "mixture": (1, *frames),
        "estimates": (1, len(spec.targets), *frames),
        **{name: state.shape for state in spec.states for name in (state.name, f"{state.name}_out")},
    }


def _check_graph(graph: onnx.GraphProto, spec: ModelSpec) -> None:
    """Compare the graph's inputs and outputs with the metadata; a dimension the graph leaves open fits any size."""
    shapes = _tensor_shapes(spec)
    if sum(map(math.prod, shapes.values())) + spec.channels * spec.latency_samples > MAX_TENSOR_VALUES:
        raise ContractError(f"one call and its delay hold over {MAX_TENSOR_VALUES} values; export it with fewer hops")
    constants = {tensor.name for tensor in graph.initializer}
    sides = {
        "inputs": ([v for v in graph.input if v.name not in constants], {"mixture", *(s.name for s in spec.states)}),
        "outputs": (list(graph.output), {"estimates", *(f"{s.name}_out" for s in spec.states)}),
    }
    for side, (values, expected) in sides.items():
        names = sorted(value.name for value in values)
        if names != sorted(expected):
            raise ContractError(
                f"its graph's {side} are {', '.join(names) or 'none'}, but its metadata asks for "
                f"{', '.join(sorted(expected))}; export it again"
            )
        for value in values:
            _check_tensor(value, shapes[value.name])


def _check_tensor(value: onnx.ValueInfoProto, shape: tuple[int, ...]) -> None:
    tensor = value.type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        raise ContractError(f"its graph's {value.name} is not float32; export it again in float32")
    found = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim)
    pairs = zip(found, shape, strict=False)
    fits = len(found) == len(shape) and all(isinstance(size, str) or size == wanted for size, wanted in pairs)
    if not fits:
        raise ContractError(
            f"its graph's {value.name} has shape {found}, but its metadata asks for {shape}; export it again"
        )


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
