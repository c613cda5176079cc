"""Writing an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
# The first that knows the operators above; what ONNX Runtime reads at most grows more slowly than what onnx writes.
_IR_VERSION = 8


class GraphWriter:
    """Nodes and constants in the order of their making; values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._count = 0
        self._constants: dict[str, onnx.TensorProto] = {}

    def model(self, inputs: dict[str, Sequence[int]], outputs: dict[str, Sequence[int]]) -> onnx.ModelProto:
        """Return all that was written as a model with these float32 inputs and outputs and their shapes."""
        values = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
            for side in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, "call", *values, list(self._constants.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)

    def nodes(self, operator: str, inputs: Sequence[str], outputs: int | Sequence[str], **attributes) -> list[str]:
        """Append a node with several outputs and return their names, which are new where only a number is given."""
        if isinstance(outputs, int):
            outputs = [f"{operator.lower()}_{self._count}_{index}" for index in range(outputs)]
        self._count += 1
        self._nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return list(outputs)

    def node(self, operator: str, *inputs: str, **attributes) -> str:
        """Append a node with one output and return its name."""
        return self.nodes(operator, inputs, 1, **attributes)[0]

    def constant(self, name: str, values: ArrayLike) -> str:
        """Store a constant and return its name."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def choose(
        self, condition: str, then: Callable[[], Sequence[str]], otherwise: Sequence[str], outputs: int | Sequence[str]
    ) -> list[str]:
        """Return what `then` writes where `condition` holds, and does not compute it elsewhere: there, `otherwise`."""
        branches = {
            "then_branch": self._branch(then),
            "else_branch": self._branch(lambda: [self.node("Identity", value) for value in otherwise]),
        }
        return self.nodes("If", [condition], outputs, **branches)

    def _branch(self, write: Callable[[], Sequence[str]]) -> onnx.GraphProto:
        outer, self._nodes = self._nodes, []
        try:
            results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in write()]
            return helper.make_graph(self._nodes, f"branch_{self._count}", [], results)
        finally:
            self._nodes = outer

    def reshape(self, value: str, *shape: int) -> str:
        """Give `value` another shape without moving anything."""
        return self.node("Reshape", value, self._integers(shape))

    def transpose(self, value: str, *order: int) -> str:
        """Reorder the axes of `value`."""
        return self.node("Transpose", value, perm=order)

    def split(self, value: str, sizes: Sequence[int], axis: int = 0) -> list[str]:
        """Cut `value` into parts of these sizes."""
        return self.nodes("Split", [value, self._integers(sizes)], len(sizes), axis=axis)

    def slice(self, value: str, start: int, stop: int, axis: int, step: int = 1) -> str:
        """Return every `step`-th of the places `start` to before `stop` of an axis."""
        return self.node("Slice", value, *(self._integers([number]) for number in (start, stop, axis, step)))

    def concat(self, values: Sequence[str], axis: int = 0) -> str:
        """Join `values`."""
        return self.node("Concat", *values, axis=axis)

    def _integers(self, values: Sequence[int]) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, np.int64))
