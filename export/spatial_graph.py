"""The graph of one call of a `SpatialFilter`, written node by node."""

from __future__ import annotations

import numpy as np
import onnx

from export.graph import GraphWriter
from trainer.spatial import DIFFUSE, POWER_FLOOR, REACH, TRACE_FLOOR, SpatialFilter

# Axes of what is complex: (sources,) parts, channels, bins. The product with i turns parts round and negates the first.
_TURNED = np.int64([1, 0])
_SIGNS = np.float32([-1, 1])


class SpatialWriter:
    """Writes a filter into a graph.

    A hermitian matrix `[[first, cross], [conj(cross), second]]` is its diagonal `(1, 2, bins)` and the two parts of
    `cross`, `(1, 1, bins)` each.
    """

    def __init__(self, writer: GraphWriter, spatial: SpatialFilter) -> None:
        self._writer, self._spatial = writer, spatial

    def write(self, vocals: str, mixture: str) -> str:
        """Update the state `spatial` and return the filtered vocals.

        Args:
            vocals: What a mask made of the mixture, `(2, 2, bins)`, both parts of two channels.
            mixture: The same shape.
        """
        writer = self._writer
        sources = [writer.node("Unsqueeze", v, self._axis(0)) for v in (vocals, writer.node("Sub", mixture, vocals))]
        sources = writer.concat(sources)
        squares = self._sum(writer.node("Mul", sources, sources), 1)
        floored = writer.node("Add", self._sum(squares, 1), self._scalar("power_floor", POWER_FLOOR))
        magnitudes = writer.reshape(writer.node("Sqrt", floored), 2, 1, -1)
        whole = writer.node("ReduceSum", magnitudes, self._axis(0), keepdims=1)
        share = writer.node("Div", magnitudes, whole)
        covariances = self._follow(sources, squares, writer.node("Div", share, whole))
        trace = writer.node("ReduceSum", writer.slice(covariances, 0, 2, axis=1), self._axis(1), keepdims=1)
        trace = writer.node("Add", trace, self._scalar("trace_floor", TRACE_FLOOR))
        scaled = self._double(writer.node("Mul", covariances, writer.node("Div", share, trace)))
        whole = writer.split(writer.node("ReduceSum", scaled, self._axis(0), keepdims=1), [2, 1, 1], axis=1)
        voice = writer.split(writer.slice(scaled, 0, 1, axis=0), [2, 1, 1], axis=1)
        diffuse = writer.constant("spatial.diffuse", np.float64(DIFFUSE))
        whole[0] = writer.node("Add", whole[0], diffuse)
        diffuse = writer.node("Mul", self._double(writer.slice(share, 0, 1, axis=0)), diffuse)
        voice[0] = writer.node("Add", voice[0], diffuse)
        vocals = self._times(voice, self._solve(whole, self._double(mixture)))
        return writer.node("Cast", vocals, to=onnx.TensorProto.FLOAT)

    def _follow(self, sources: str, squares: str, weight: str) -> str:
        """Return the covariances `(2, 4, bins)` after this frame."""
        writer = self._writer
        left, right = writer.split(sources, [1, 1], axis=2)
        by_i = writer.node("Gather", right, writer.constant("spatial.turned", _TURNED), axis=1)
        by_i = writer.node("Mul", by_i, writer.constant("spatial.by_i", _SIGNS[:, None, None]))
        cross = [self._sum(writer.node("Mul", left, other), 1) for other in (right, by_i)]
        now = writer.node("Mul", writer.concat([squares, *cross], axis=1), weight)
        near = writer.node("AveragePool", now, kernel_shape=[2 * REACH + 1], pads=[REACH, REACH])
        change = writer.node("Mul", writer.node("Sub", near, "spatial"), self._scalar("new", 1 - self._spatial.decay))
        return writer.nodes("Add", ["spatial", change], ["spatial_out"])[0]

    def _solve(self, matrix: list[str], pair: str) -> str:
        """Multiply by the inverse: the diagonal swapped, what is beside it negated, over the determinant."""
        writer = self._writer
        diagonal, *cross = matrix
        first, second = writer.split(diagonal, [1, 1], axis=1)
        off = [writer.node("Mul", part, part) for part in cross]
        determinant = writer.node("Sub", writer.node("Mul", first, second), writer.node("Add", *off))
        swapped = writer.node("Mul", writer.concat([second, first], axis=1), pair)
        return writer.node("Div", writer.node("Sub", swapped, self._across(cross, pair)), determinant)

    def _times(self, matrix: list[str], pair: str) -> str:
        diagonal, *cross = matrix
        return self._writer.node("Add", self._writer.node("Mul", diagonal, pair), self._across(cross, pair))

    def _across(self, cross: list[str], pair: str) -> str:
        """Return what each channel gets from the other: `cross` times the right one, its conjugate times the left."""
        writer, turned = self._writer, self._writer.constant("spatial.turned", _TURNED)
        other = writer.node("Gather", pair, turned, axis=1)
        signs = writer.constant("spatial.signs", np.outer(_SIGNS, -_SIGNS)[..., None].astype(np.float64))
        by_i = writer.node("Mul", writer.node("Gather", other, turned, axis=0), signs)
        return writer.node("Add", writer.node("Mul", cross[0], other), writer.node("Mul", cross[1], by_i))

    def _double(self, values: str) -> str:
        return self._writer.node("Cast", values, to=onnx.TensorProto.DOUBLE)

    def _sum(self, values: str, axis: int) -> str:
        return self._writer.node("ReduceSum", values, self._axis(axis), keepdims=0)

    def _axis(self, axis: int) -> str:
        return self._writer.constant(f"spatial.axis_{axis}", np.int64([axis]))

    def _scalar(self, name: str, value: float) -> str:
        return self._writer.constant(f"spatial.{name}", np.float32(value))
