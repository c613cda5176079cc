"""Products of matrices whose weights are integers already, times a step for each column, computed in integers."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import onnx
from onnx import helper

# What puts rows together of others, and zeros.
_MOVES = ("Gather", "Pad", "Reshape")


def multiply_integers(model: onnx.ModelProto) -> None:
    """Rewrite every `MatMul(rows, Cast(integers) * step)` of a model, in its branches too.

    The rows are rounded to eight bits, their range found anew in every call; where they are put together of others,
    these are rounded, before there are more of them.
    """
    for graph in _graphs(model.graph):
        made_by = {name: node for node in graph.node for name in node.output}
        readers = Counter(name for node in graph.node for name in node.input)
        nodes = {tuple(node.output): [node] for node in graph.node}
        for node in graph.node:
            if (weights := _integer_weights(node, made_by)) is not None:
                moves = _moves(node.input[0], made_by, readers)
                nodes |= {tuple(move.output): [] for move in moves}
                nodes[tuple(node.output)] = _in_integers(node, moves, *weights)
        del graph.node[:]
        graph.node.extend(itertools.chain(*nodes.values()))


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _integer_weights(node: onnx.NodeProto, made_by: Mapping[str, onnx.NodeProto]) -> tuple[str, str] | None:
    """Return the integers that `node` multiplies with, and their step; None where there are none."""
    weights = made_by.get(node.input[1]) if node.op_type == "MatMul" else None
    integers = made_by.get(weights.input[0]) if weights is not None and weights.op_type == "Mul" else None
    if integers is None or integers.op_type != "Cast":
        return None
    return integers.input[0], weights.input[1]


def _moves(rows: str, made_by: Mapping[str, onnx.NodeProto], readers: Mapping[str, int]) -> list[onnx.NodeProto]:
    """Return the nodes that put `rows` together, and nothing else, in their order."""
    moves: list[onnx.NodeProto] = []
    while (node := made_by.get(rows)) is not None and node.op_type in _MOVES and readers[rows] == 1:
        moves.insert(0, node)
        rows = node.input[0]
    return moves


def _in_integers(
    node: onnx.NodeProto, moves: Sequence[onnx.NodeProto], integers: str, step: str
) -> list[onnx.NodeProto]:
    output, source = node.output[0], (moves[0] if moves else node).input[0]
    rows, scale, zero, product, float_product, both = (f"{output}_{part}" for part in range(6))
    nodes = [helper.make_node("DynamicQuantizeLinear", [source], [rows, scale, zero])]
    for move in moves:
        moved = onnx.NodeProto()
        moved.CopyFrom(move)
        moved.input[0] = rows
        if move.op_type == "Pad":
            moved.input.append(zero)
        rows = moved.output[0] = f"{move.output[0]}_rounded"
        nodes.append(moved)
    return [
        *nodes,
        helper.make_node("MatMulInteger", [rows, integers, zero], [product]),
        helper.make_node("Cast", [product], [float_product], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [scale, step], [both]),
        helper.make_node("Mul", [float_product, both], [output]),
    ]
