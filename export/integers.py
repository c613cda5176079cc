"""Products of matrices whose weights are integers already, times a step for each column, computed in integers."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import helper


def multiply_integers(model: onnx.ModelProto) -> None:
    """Rewrite every `MatMul(rows, Cast(integers) * step)` of a model, in its branches too.

    The rows are rounded to eight bits, their range found anew in every call.
    """
    for graph in _graphs(model.graph):
        made_by = {name: node for node in graph.node for name in node.output}
        nodes = [new for node in graph.node for new in _in_integers(node, made_by)]
        del graph.node[:]
        graph.node.extend(nodes)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _in_integers(node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto]) -> list[onnx.NodeProto]:
    weights = made_by.get(node.input[1]) if node.op_type == "MatMul" else None
    integers = made_by.get(weights.input[0]) if weights is not None and weights.op_type == "Mul" else None
    if integers is None or integers.op_type != "Cast":
        return [node]
    output = node.output[0]
    rows, scale, zero, product, float_product, step = (f"{output}_{part}" for part in range(6))
    return [
        helper.make_node("DynamicQuantizeLinear", [node.input[0]], [rows, scale, zero]),
        helper.make_node("MatMulInteger", [rows, integers.input[0], zero], [product]),
        helper.make_node("Cast", [product], [float_product], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [scale, weights.input[1]], [step]),
        helper.make_node("Mul", [float_product, step], [output]),
    ]
