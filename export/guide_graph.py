"""The guide of a model in the graph of one call: a run of it is spread over several calls.

Each stage of a run is a branch that is only computed in its own call of the period. What later stages need of it are
states, like what was heard and the mask in use.
"""

from __future__ import annotations

import numpy as np
import onnx

from export.graph import GraphWriter
from trainer.guide import (
    BINS,
    DELAY_HOPS,
    HOPS_PER_FRAME,
    LEAK,
    MIRRORED,
    POWER_FLOOR,
    SIGNS,
    Guide,
)
from trainer.guide_layers import FRAMES, LEVELS, MASK

# Layers by the calls they run in, with about as much work in one as in the other.
_STAGES = (
    tuple(f"down{level}" for level in range(1, LEVELS + 1)),
    (*(f"up{level}" for level in range(1, LEVELS + 1)), MASK),
)
assert len(_STAGES) == DELAY_HOPS + 1  # the first runs when the newest frame is there, the last when its mask is due


def guide_states(guide: Guide) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the guide's states in a graph: unfinished work stands where torch has the next mask."""
    shapes = {"guide_heard": (1, guide.channels, FRAMES, BINS), "guide_hop": (1, 1)}
    for stage in _STAGES:
        shapes |= _products(guide, stage)
    return shapes


def _products(guide: Guide, stage: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what a stage hands on: columns for `up` layers, and what its last layer gives."""
    skips = {_skip(layer): _shape(guide, layer, _skipped(guide, layer)) for layer in stage if _is_skipped(layer)}
    last = stage[-1]
    if last == MASK:
        return {"guide_mask": (1, guide.channels, guide.layers[MASK].columns_out, BINS)}
    return skips | {f"guide_{last}": _shape(guide, last, guide.layers[last].columns_out)}


def _is_skipped(layer: str) -> bool:
    # What the lowest layer gives is taken whole by the next.
    return layer.startswith("down") and layer != f"down{LEVELS}"


def _skip(layer: str) -> str:
    return f"guide_skip{layer[-1]}"


def _skipped(guide: Guide, layer: str) -> int:
    """Return how many columns of a `down` layer its `up` layer takes."""
    return guide.layers[f"up{LEVELS + 1 - _level(layer)}"].columns_in


def _shape(guide: Guide, layer: str, columns: int) -> tuple[int, ...]:
    return (1, guide.value(layer, "bias").shape[0], columns, BINS >> _level(layer))


def _level(layer: str) -> int:
    """Return how often time and frequency are halved after a layer."""
    number = int(layer[-1])
    return number if layer.startswith("down") else LEVELS - number


class GuideWriter:
    """Writes the guide into a graph."""

    def __init__(self, writer: GraphWriter, guide: Guide) -> None:
        self._writer, self._guide = writer, guide

    def write(self, real: str, imag: str, loudness: str) -> str:
        """Follow one frame and return the mask in use, `(channels, BINS)`.

        Args:
            real: Of the mixture, channels outermost.
            imag: The same.
            loudness: Power over that of the level everything is heard at, `(1, 1)`.
        """
        writer, guide = self._writer, self._guide
        turn = writer.node("Mod", "guide_hop", self._scalar("frame", HOPS_PER_FRAME), fmod=1)
        begun, finished = (list(_products(guide, stage)) for stage in _STAGES)
        for condition, branch, names in (
            (self._is(turn, HOPS_PER_FRAME - 1), lambda: self._begin(real, imag, loudness), ["guide_heard", *begun]),
            # At the very first hop there is nothing yet to go on with.
            (self._is("guide_hop", HOPS_PER_FRAME), lambda: self._run(_STAGES[1], f"guide_{_STAGES[0][-1]}"), finished),
        ):
            writer.choose(condition, branch, names, [f"{name}_out" for name in names])
        # 0, 1 and then 2, 3 again and again.
        since = writer.node("Add", "guide_hop", self._scalar("since_first_frame", 1 - HOPS_PER_FRAME))
        since = writer.node("Mod", since, self._scalar("frame", HOPS_PER_FRAME), fmod=1)
        writer.nodes("Add", [since, self._scalar("frame", HOPS_PER_FRAME)], ["guide_hop_out"])
        # By the hop between frames: which of the masks is in use.
        newest, hops = guide.layers[MASK].columns_out - 1, range(HOPS_PER_FRAME)
        columns = np.int64([newest - guide.ages[(hop + 1 - DELAY_HOPS) % HOPS_PER_FRAME] for hop in hops])
        turn = writer.node("Cast", writer.reshape(turn, 1), to=onnx.TensorProto.INT64)
        column = writer.node("Gather", writer.constant("guide.columns", columns), turn)
        return writer.reshape(writer.node("Gather", "guide_mask_out", column, axis=2), guide.channels, BINS)

    def _store(self, layer: str) -> None:
        """Store a layer's values as small as they are, and what ONNX Runtime makes of them once, when it loads them.

        It must be done in the branch itself: weights from outside are no constants to what makes convolutions fast.
        """
        writer, guide = self._writer, self._guide
        for kind in ("bias",) if layer == MASK else ("bias", "scale", "shift"):
            half = writer.constant(f"guide.{layer}.half.{kind}", guide.value(layer, kind).numpy().astype(np.float16))
            writer.nodes("Cast", [half], [f"guide.{layer}.{kind}"], to=onnx.TensorProto.FLOAT)
        steps, step = (writer.constant(f"guide.{layer}.{k}", guide.value(layer, k).numpy()) for k in ("steps", "step"))
        steps = writer.node("Cast", steps, to=onnx.TensorProto.FLOAT)
        taps = guide.layers[layer].taps
        if taps is None:
            writer.nodes("Mul", [steps, step], [f"guide.{layer}.kernel"])
            return
        outputs, inputs, *reach = guide.value(layer, "steps").shape
        kernel = writer.reshape(writer.node("Mul", steps, step), outputs, inputs, int(np.prod(reach)))
        kernel = writer.node("Pad", kernel, writer.constant("guide.no_tap", np.int64([0, 0, 0, 0, 0, 1])))
        kernel = writer.node("Gather", kernel, writer.constant(f"guide.{layer}.taps", taps), axis=2)
        kernel = writer.reshape(writer.transpose(kernel, 0, 3, 2, 1, 4, 5), *guide.value(layer, "kernel").shape)
        writer.nodes("Identity", [kernel], [f"guide.{layer}.kernel"])
        outputs_of = writer.constant(f"guide.{layer}.outputs", np.repeat(np.arange(outputs), taps[..., 0, 0].size))
        writer.nodes("Gather", [f"guide.{layer}.bias", outputs_of], [f"guide.{layer}.biases"])

    def _begin(self, real: str, imag: str, loudness: str) -> list[str]:
        """Hear a frame, and begin a run with it."""
        heard = self._hear(real, imag)
        return [heard, *self._run(_STAGES[0], self._writer.node("Div", heard, self._writer.node("Sqrt", loudness)))]

    def _hear(self, real: str, imag: str) -> str:
        writer, channels = self._writer, self._guide.channels
        parts = writer.concat([writer.reshape(part, channels, 1, -1) for part in (real, imag)], axis=1)
        parts = writer.node("Gather", parts, writer.constant("guide.mirrored", MIRRORED), axis=2)
        signs = writer.constant("guide.signs", SIGNS.T.astype(np.float32))
        window = writer.constant("guide.window", self._guide.window.numpy())
        windowed = writer.node("Conv", writer.node("Mul", parts, signs), window)
        real, imag = writer.split(writer.node("Mul", windowed, windowed), [1, 1], axis=1)
        power = writer.node("Add", writer.node("Add", real, imag), self._scalar("floor", POWER_FLOOR))
        magnitudes = writer.node("Mul", writer.node("Sqrt", power), self._scalar("scale", self._guide.scale))
        newest = writer.reshape(magnitudes, 1, channels, 1, BINS)
        return writer.concat([writer.slice("guide_heard", 1, FRAMES, axis=2), newest], axis=2)

    def _run(self, stage: tuple[str, ...], rows: str) -> list[str]:
        writer, made = self._writer, {}
        for layer in stage:
            self._store(layer)
            if layer == MASK:
                rows = writer.node("Sigmoid", self._collapsed(layer, rows, pads=[0, 3, 0, 3], dilations=[1, 2]))
            elif layer.startswith("down"):
                rows = self._down(layer, rows)
                if _is_skipped(layer):
                    made[_skip(layer)] = writer.slice(rows, *self._newest(layer), axis=2)
                    rows = writer.node("LeakyRelu", self._normalise(layer, rows), alpha=LEAK)
            else:
                # What an earlier stage handed on is a state by now.
                skip = _skip(f"down{_level(layer) + 1}")
                rows = self._up(layer, rows, made.get(skip, skip))
        made["guide_mask" if stage[-1] == MASK else f"guide_{stage[-1]}"] = rows
        return [made[name] for name in _products(self._guide, stage)]

    def _newest(self, layer: str) -> tuple[int, int]:
        """Return which columns of a `down` layer its `up` layer takes."""
        columns = self._guide.layers[layer].columns_out
        return columns - _skipped(self._guide, layer), columns

    def _down(self, layer: str, rows: str) -> str:
        if self._guide.layers[layer].taps is not None:
            return self._collapsed(layer, rows, pads=[0, 1, 0, 2], strides=[1, 2])
        kernel, bias = f"guide.{layer}.kernel", f"guide.{layer}.bias"
        return self._writer.node("Conv", rows, kernel, bias, pads=[1, 1, 2, 2], strides=[2, 2])

    def _up(self, layer: str, rows: str, skip: str) -> str:
        if layer != "up1":
            rows = self._writer.concat([skip, rows], axis=1)
        rows = self._collapsed(layer, rows, pads=[0, 1, 0, 1])
        return self._normalise(layer, self._writer.node("Relu", rows))

    def _collapsed(self, layer: str, rows: str, **attributes: list[int]) -> str:
        """Run a layer whose kernel reaches along frequency alone; return `(1, outputs, columns_out, bins)`."""
        writer, shape = self._writer, self._guide.layers[layer]
        outputs = self._guide.value(layer, "bias").shape[0]
        rows = writer.reshape(rows, 1, self._guide.value(layer, "kernel").shape[1], 1, -1)
        rows = writer.node("Conv", rows, f"guide.{layer}.kernel", f"guide.{layer}.biases", **attributes)
        places = shape.taps.shape[0]
        if places > 1:
            rows = writer.reshape(rows, 1, outputs * shape.columns_out, places, -1)
            rows = writer.transpose(rows, 0, 1, 3, 2)
        return writer.reshape(rows, 1, outputs, shape.columns_out, -1)

    def _normalise(self, layer: str, rows: str) -> str:
        scaled = self._writer.node("Mul", rows, f"guide.{layer}.scale")
        return self._writer.node("Add", scaled, f"guide.{layer}.shift")

    def _is(self, value: str, number: int) -> str:
        return self._writer.node("Equal", value, self._scalar(f"hop_{number}", number))

    def _scalar(self, name: str, value: float) -> str:
        return self._writer.constant(f"guide.{name}", np.float32([[value]]))
