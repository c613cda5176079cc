"""The graph of one call of a `CausalDualPathRnn`, written node by node.

Every node costs ONNX Runtime some microseconds, which is most of the time of a small model at one frame a call. So
the layouts differ from those of training: values are planes of real and imaginary parts, or `(bands * frames,
features)` with the bands outermost, which needs no transposition between the two paths where a call is one frame.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from realtime.contract import ModelSpec
from trainer.layers import POWER_FLOOR, BandLinear, BidirectionalPath, InterChunkPath
from trainer.model import CausalDualPathRnn

_OPSET = 18
_IR_VERSION = 9


def dual_path_graph(model: CausalDualPathRnn, spec: ModelSpec) -> onnx.ModelProto:
    """Return the graph of one call of `model`, as `spec` describes it, without its metadata."""
    return _DualPathGraph(model, spec).build()


class _Graph:
    """Nodes and constants in the making; values are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> list[str]:
        """Append a node and return the names of its outputs."""
        names = [f"{operator}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def constant(self, name: str, values: NDArray | list[int]) -> str:
        """Store a constant under a name of its own."""
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def reshape(self, value: str, *shape: int) -> str:
        shape_name = self.constant("shape_" + "x".join(map(str, shape)), np.array(shape, np.int64))
        return self.add("Reshape", value, shape_name)[0]

    def transpose(self, value: str, *order: int) -> str:
        return self.add("Transpose", value, perm=order)[0]

    def split(self, value: str, sizes: list[int], axis: int = 0) -> list[str]:
        sizes_name = self.constant("sizes_" + "_".join(map(str, sizes)), np.array(sizes, np.int64))
        return self.add("Split", value, sizes_name, outputs=len(sizes), axis=axis)

    def concat(self, *values: str, axis: int = 0) -> str:
        return self.add("Concat", *values, axis=axis)[0]


class _DualPathGraph(_Graph):
    """The nodes of a `CausalDualPathRnn`."""

    def __init__(self, model: CausalDualPathRnn, spec: ModelSpec) -> None:
        super().__init__()
        self.model, self.spec = model, spec
        self.parameters = {name: value.detach().numpy() for name, value in model.named_parameters()}
        self.names = {module: name for name, module in model.named_modules()}
        self.frames, self.channels = spec.hops_per_call, spec.channels
        self.features = model.config.model.features
        self.rows = model.bands * self.frames
        self.unbanded = spec.stft.bins - sum(count * width for count, width in model.encoder.bands)

    def build(self) -> onnx.ModelProto:
        [state] = self.spec.states
        frames = (self.channels, self.spec.stft.bins, self.frames, 2)
        real, imag = self.split("mixture", [1, 1], axis=-1)
        features = self.encode(real, imag)
        states = self.split(state.name, [1] * state.shape[0])
        next_states: list[str] = []
        for inter, intra in zip(self.model.inter, self.model.intra, strict=True):
            features, hidden, cell = self.along_chunks(inter, features, states.pop(0), states.pop(0))
            next_states += [hidden, cell]
            if intra.along_bands is not None:
                features = self.along(intra.along_bands, features, self.model.bands, self.frames)
            if intra.along_frames is not None:
                features = self.swap(features, self.model.bands, self.frames)
                features = self.along(intra.along_frames, features, self.frames, self.model.bands)
                features = self.swap(features, self.frames, self.model.bands)
        self.apply(self.decode(features), real, imag)
        targets = len(self.spec.targets)
        self.nodes[-1].output[0] = "estimates"
        self.concat(*next_states)
        self.nodes[-1].output[0] = f"{state.name}_out"
        graph = helper.make_graph(
            self.nodes,
            "call",
            [_value("mixture", (1, *frames)), _value(state.name, state.shape)],
            [_value("estimates", (1, targets, *frames)), _value(f"{state.name}_out", state.shape)],
            list(self.constants.values()),
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)

    def encode(self, real: str, imag: str) -> str:
        """Map the parts `(1, channels, bins, frames, 1)` of the mixture to features."""
        power = self.add("Add", self.add("Mul", real, real)[0], self.add("Mul", imag, imag)[0])[0]
        parts = self.concat(real, imag, self.add("Sqrt", power)[0])
        floored = self.add("Add", power, self.constant("power_floor", np.float32(POWER_FLOOR)))[0]
        compressed = self.add("Div", parts, self.add("Sqrt", self.add("Sqrt", floored)[0])[0])[0]
        bins = self.transpose(self.reshape(compressed, 3 * self.channels, -1), 1, 0)
        encoder, outputs = self.model.encoder, []
        for (count, width), linear, group in zip(
            encoder.bands, encoder.groups, self.split(bins, self.group_sizes()), strict=False
        ):
            name = self.names[linear]
            weight = self.parameters[f"{name}.weight"].reshape(count, self.channels, width, 3, -1)
            weight = weight.transpose(0, 2, 3, 1, 4).reshape(count, 3 * self.channels * width, -1)
            rows = self.gather_bands(group, count, width, 3 * self.channels)
            outputs.append(self.add("MatMul", rows, self.constant(f"{name}.weight", weight))[0])
        bias = np.concatenate([self.parameters[f"{self.names[linear]}.bias"] for linear in encoder.groups])
        features = self.add("Add", self.concat(*outputs), self.constant("encoder.bias", bias))[0]
        return self.reshape(features, self.rows, self.features)

    def along_chunks(self, path: InterChunkPath, features: str, hidden: str, cell: str) -> tuple[str, str, str]:
        rows = self.reshape(self.norm(path.norm, features), 1, self.rows, self.features)
        _, hidden, cell = self.lstm(path.rnn, rows, hidden, cell)
        return self.residual(path.linear, self.reshape(hidden, self.rows, self.features), features), hidden, cell

    def along(self, path: BidirectionalPath, features: str, steps: int, rows: int) -> str:
        values = self.reshape(self.norm(path.norm, features), steps, rows, self.features)
        values = self.lstm(path.rnn, values)[0]
        if rows > 1:
            values = self.transpose(values, 0, 2, 1, 3)
        return self.residual(path.linear, self.reshape(values, self.rows, -1), features)

    def decode(self, features: str) -> str:
        """Map features to a mask `(2 * targets * channels, bins * frames)`, real parts first."""
        decoder, values = self.model.decoder, 2 * len(self.spec.targets) * self.channels
        rows = self.reshape(self.norm(decoder.norm, features), self.model.bands, self.frames, self.features)
        hidden = self.add("Tanh", self.band_linear(decoder.hidden, rows))[0]
        groups = self.split(hidden, [count for count, _ in decoder.bands])
        outputs, biases = [], []
        for (count, width), linear, group in zip(decoder.bands, decoder.groups, groups, strict=True):
            name = self.names[linear]
            weight, bias = (
                self.parameters[f"{name}.{kind}"]
                .reshape(count, -1, values // 2, width, 2)
                .transpose(0, 1, 3, 4, 2)
                for kind in ("weight", "bias")
            )
            weight = self.constant(f"{name}.weight", weight.reshape(count, self.features, width * values))
            outputs.append(self.scatter_bands(self.add("MatMul", group, weight)[0], count, width, values))
            biases.append(np.repeat(bias.reshape(count * width, 1, values), self.frames, 1).reshape(-1, values))
        if self.unbanded:
            rest = np.zeros((self.unbanded * self.frames, values), np.float32)
            outputs.append(self.constant("decoder.unbanded", rest))
            biases.append(rest)
        bias = self.constant("decoder.bias", np.concatenate(biases))
        return self.transpose(self.add("Add", self.concat(*outputs), bias)[0], 1, 0)

    def apply(self, mask: str, real: str, imag: str) -> str:
        """Multiply the mixture by the complex mask."""
        shape = (2, len(self.spec.targets), self.channels, self.spec.stft.bins, self.frames, 1)
        mask_real, mask_imag = self.split(self.reshape(mask, *shape), [1, 1])
        products = [self.add("Mul", mask, part)[0] for mask in (mask_real, mask_imag) for part in (real, imag)]
        estimates = (self.add("Sub", products[0], products[3])[0], self.add("Add", products[1], products[2])[0])
        return self.concat(*estimates, axis=-1)

    def group_sizes(self) -> list[int]:
        sizes = [count * width * self.frames for count, width in self.model.encoder.bands]
        return sizes + [self.unbanded * self.frames] * bool(self.unbanded)

    def gather_bands(self, group: str, count: int, width: int, values: int) -> str:
        """Map `(count * width * frames, values)` to `(count, frames, width * values)`."""
        if self.frames > 1:
            group = self.transpose(self.reshape(group, count, width, self.frames, values), 0, 2, 1, 3)
        return self.reshape(group, count, self.frames, width * values)

    def scatter_bands(self, group: str, count: int, width: int, values: int) -> str:
        """Undo `gather_bands`."""
        if self.frames > 1:
            group = self.transpose(self.reshape(group, count, self.frames, width, values), 0, 2, 1, 3)
        return self.reshape(group, count * width * self.frames, values)

    def swap(self, features: str, outer: int, inner: int) -> str:
        if 1 in (outer, inner):
            return features
        swapped = self.transpose(self.reshape(features, outer, inner, self.features), 1, 0, 2)
        return self.reshape(swapped, self.rows, self.features)

    def parameter(self, module, kind: str) -> str:
        name = f"{self.names[module]}.{kind}"
        return self.constant(name, self.parameters[name])

    def norm(self, norm, features: str) -> str:
        weight, bias = self.parameter(norm, "weight"), self.parameter(norm, "bias")
        return self.add("LayerNormalization", features, weight, bias, axis=-1, epsilon=norm.eps)[0]

    def band_linear(self, linear: BandLinear, rows: str) -> str:
        product = self.add("MatMul", rows, self.parameter(linear, "weight"))[0]
        return self.add("Add", product, self.parameter(linear, "bias"))[0]

    def residual(self, linear, rows: str, features: str) -> str:
        weight, bias = self.parameter(linear, "weight"), self.parameter(linear, "bias")
        return self.add("Add", features, self.add("Gemm", rows, weight, bias, transB=1)[0])[0]

    def lstm(self, rnn, rows: str, *states: str) -> list[str]:
        """Run along the first axis of `(steps, rows, features)`."""
        name, ways = self.names[rnn], ("", "_reverse") if rnn.bidirectional else ("",)

        def stacked(kind: str) -> NDArray:
            gates = (np.split(self.parameters[f"{name}.{kind}_l0{way}"], 4) for way in ways)
            return np.stack([np.concatenate([i, o, f, c]) for i, f, c, o in gates])

        weights = [self.constant(f"{name}.{kind}", stacked(kind)) for kind in ("weight_ih", "weight_hh")]
        bias = self.constant(f"{name}.bias", np.concatenate([stacked("bias_ih"), stacked("bias_hh")], -1))
        return self.add(
            "LSTM",
            rows,
            *weights,
            bias,
            *(("", *states) if states else ()),
            outputs=3,
            hidden_size=rnn.hidden_size,
            direction="bidirectional" if rnn.bidirectional else "forward",
        )


def _value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
