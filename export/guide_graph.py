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
    HOPS_PER_FRAME,
    LEAK,
    MIRRORED,
    POWER_FLOOR,
    SIGNS,
    Guide,
)
from trainer.guide_layers import FRAMES, LEVELS, MASK

# Layers by the calls they run in, with about as much work in one as in the other. The first call is that in which the
# newest frame is there, the last that in which its masks come into use.
_UPPER = ("up3", "up4", "up5", "up6", MASK)
_STAGES_BY_DELAY = {
    1: (("down1", "down2", "down3", "down4", "down5"), ("down6", "up1", "up2", *_UPPER)),
    2: (("down1", "down2", "down3", "down4"), ("down5", "down6", "up1", "up2"), _UPPER),
}


def guide_states(guide: Guide) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the guide's states in a graph: unfinished work stands where torch has the next mask."""
    shapes = {"guide_heard": (1, guide.channels, FRAMES, BINS), "guide_hop": (1, 1)}
    for stage in _STAGES_BY_DELAY[guide.delay_hops]:
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
        self._writer, self._guide, self._stages = writer, guide, _STAGES_BY_DELAY[guide.delay_hops]

    def write(self, real: str, imag: str, loudness: str) -> str:
        """Follow one frame and return the mask in use, `(channels, BINS)`.

        Args:
            real: Of the mixture, channels outermost.
            imag: The same.
            loudness: Power over that of the level everything is heard at, `(1, 1)`.
        """
        writer, period_hops, delay_hops = self._writer, self._guide.period_hops, self._guide.delay_hops
        turn, place = (
            writer.node("Mod", "guide_hop", self._scalar(f"every_{hops}", hops), fmod=1)
            for hops in (HOPS_PER_FRAME, period_hops)
        )
        writer.choose(
            self._is(turn, HOPS_PER_FRAME - 1), lambda: self._hear(real, imag), ["guide_heard"], ["guide_heard_out"]
        )
        for index, stage in enumerate(self._stages):
            names = list(_products(self._guide, stage))
            writer.choose(
                # In the first period there is nothing yet to go on with.
                self._is("guide_hop", period_hops - 1 + index) if index else self._is(place, period_hops - 1),
                lambda index=index: self._run(index, loudness),
                names,
                [f"{name}_out" for name in names],
            )
        # 0, 1, 2 to twice the period less one, and again from the second period on.
        period = self._scalar(f"every_{period_hops}", period_hops)
        since = writer.node("Add", "guide_hop", self._scalar("since_second_period", 1 - period_hops))
        writer.nodes("Add", [writer.node("Mod", since, period, fmod=1), period], ["guide_hop_out"])
        # By the place in the period: which of the masks is in use.
        newest, ages = self._guide.layers[MASK].columns_out - 1, self._guide.ages
        columns = np.int64([newest - ages[(hop + 1 - delay_hops) % period_hops] for hop in range(period_hops)])
        place = writer.node("Cast", writer.reshape(place, 1), to=onnx.TensorProto.INT64)
        column = writer.node("Gather", writer.constant("guide.columns", columns), place)
        return writer.reshape(writer.node("Gather", "guide_mask_out", column, axis=2), self._guide.channels, BINS)

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

    def _hear(self, real: str, imag: str) -> list[str]:
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
        return [writer.concat([writer.slice("guide_heard", 1, FRAMES, axis=2), newest], axis=2)]

    def _run(self, index: int, loudness: str) -> list[str]:
        writer, stage, made = self._writer, self._stages[index], {}
        if index == 0:
            rows = writer.node("Div", "guide_heard_out", writer.node("Sqrt", loudness))
        else:
            rows = f"guide_{self._stages[index - 1][-1]}"
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
