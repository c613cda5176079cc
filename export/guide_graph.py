"""The guide of a model in the graph of one call; it only runs in the calls that bring a frame of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from export.graph import GraphWriter
from trainer.guide import BINS, MIRRORED, PAST, POWER_FLOOR, SIGNS, Guide
from trainer.guide_layers import (
    HOPS_COUNTED,
    HOPS_PER_FRAME,
    LEVELS,
    MASK,
    column_frames,
)
from trainer.guide_network import LEAK
from trainer.presence import SILENT, WHOLE

_END = np.iinfo(np.int64).max


def _level(layer: str) -> int:
    """Return how often time and frequency are halved after a layer."""
    if layer == MASK:
        return 0
    number = int(layer[-1])
    return number if layer.startswith("down") else LEVELS - number


class GuideWriter:
    """Writes the guide into a graph.

    Columns on the way down are `(1, channels, columns, bins)`. Where time is no axis of a layer, it takes and gives
    rows, `(bins, channels * columns)`, and is one product of matrices: the taps of a kernel lie side by side, and the
    bins that one becomes in a transposed convolution too.
    """

    def __init__(self, writer: GraphWriter, guide: Guide) -> None:
        self._writer, self._guide, self._network = writer, guide, guide.network

    def write(self, real: str, imag: str, loudness: str) -> tuple[str, str | None]:
        """Follow one frame; return the mask in use, `(channels, BINS)`, and the gain that fades estimates, `(1, 1)`.

        Args:
            real: Of the mixture, channels outermost.
            imag: The same.
            loudness: Power over that of the level everything is heard at, `(1, 1)`.
        """
        writer, guide = self._writer, self._guide
        pasts = [PAST.format(level) for level in self._network.past_columns if level]
        followed = ["guide_heard", *pasts, "guide_masks", *(["guide_absence"] if guide.presence else [])]
        writer.choose(
            writer.node(
                "Equal", self._modulo("guide_hop", HOPS_PER_FRAME), self._scalar("last_hop", HOPS_PER_FRAME - 1)
            ),
            lambda: self._run(real, imag, loudness),
            followed,
            [f"{name}_out" for name in followed],
        )
        since = writer.node("Add", "guide_hop", self._scalar("one_hop", 1))
        writer.nodes("Mod", [since, self._scalar("hops", HOPS_COUNTED)], ["guide_hop_out"], fmod=1)
        columns = guide.masks - 1 - np.array(guide.ages)
        hop = writer.reshape(self._modulo("guide_hop_out", HOPS_PER_FRAME), 1)
        hop = writer.node("Cast", hop, to=onnx.TensorProto.INT64)
        column = writer.node("Gather", writer.constant("guide.columns", columns), hop)
        mask = writer.reshape(writer.node("Gather", "guide_masks_out", column, axis=2), guide.channels, BINS)
        return mask, self._fade() if guide.presence else None

    def _fade(self) -> str:
        writer = self._writer
        above_silent = writer.node("Sub", self._scalar("from_silent", 1 - SILENT), "guide_absence_out")
        gain = writer.node("Div", above_silent, self._scalar("to_whole", WHOLE - SILENT))
        return writer.node("Clip", gain, *(writer.constant(f"guide.bound_{end}", np.float32(end)) for end in (0, 1)))

    def _absence(self, bottom: str) -> str:
        """Return the absence after a frame by what the network has at its bottom."""
        writer, presence = self._writer, self._guide.presence
        values = {name: value.numpy().astype(np.float16).T for name, value in presence.detector.named_buffers()}
        stored = {
            name: writer.node("Cast", writer.constant(f"presence.{name}", value), to=onnx.TensorProto.FLOAT)
            for name, value in values.items()
        }
        rows = writer.reshape(bottom, 1, -1)
        rows = writer.node("Add", writer.node("MatMul", rows, stored["hidden_weight"]), stored["hidden_bias"])
        rows = writer.node("MatMul", writer.node("Relu", rows), stored["output_weight"])
        chance = writer.node("Sigmoid", writer.node("Neg", writer.node("Add", rows, stored["output_bias"])))
        falls = writer.node("Less", chance, "guide_absence")
        rate = writer.node(
            "Where", falls, *(self._scalar(name, getattr(presence, name)) for name in ("appear", "vanish"))
        )
        change = writer.node("Mul", rate, writer.node("Sub", chance, "guide_absence"))
        return writer.node("Add", "guide_absence", change)

    def _store(self, layer: str, parts: int = 1) -> None:
        """Store a layer's values as small as they are, and what ONNX Runtime makes of them once, when it loads them.

        It must be done in the branch itself: weights from outside are no constants to what makes convolutions fast.

        Args:
            layer: Its name.
            parts: Of its inputs, with a kernel each.
        """
        writer, network = self._writer, self._network
        kinds = ("bias",) if layer == MASK else ("bias", "scale", "shift")
        for kind in kinds:
            half = writer.constant(f"guide.{layer}.half.{kind}", network.value(layer, kind).numpy().astype(np.float16))
            writer.nodes("Cast", [half], [f"guide.{layer}.{kind}"], to=onnx.TensorProto.FLOAT)
        kernels = [writer.constant(f"guide.{layer}.steps", network.value(layer, "steps").numpy())]
        step, taps = network.value(layer, "step").numpy(), network.layers[layer].taps
        if taps is not None:
            outputs, inputs, *reach = network.value(layer, "steps").shape
            places, columns_out, *_ = taps.shape
            steps = writer.reshape(kernels[0], outputs, inputs, int(np.prod(reach)))
            steps = writer.node("Pad", steps, writer.constant("guide.no_tap", np.int64([0, 0, 0, 0, 0, 1])))
            steps = writer.node("Gather", steps, writer.constant(f"guide.{layer}.taps", taps), axis=2)
            kernels = [
                writer.reshape(writer.transpose(part, 5, 1, 4, 2, 0, 3), -1, places * outputs * columns_out)
                for part in writer.split(steps, [inputs // parts] * parts, axis=1)
            ]
            step = np.tile(np.repeat(step.ravel(), columns_out), places)
            for kind in kinds:
                value = f"guide.{layer}.{kind}"
                if layer.startswith("down") and kind != "bias":
                    shape = np.int64([outputs, network.past_columns.get(_level(layer), 0) + columns_out, 1])
                    shape = writer.constant(f"guide.{layer}.every_column", shape)
                    writer.nodes("Expand", [value, shape], [f"{value}.columns"])
                    continue
                of_column = np.repeat(np.arange(outputs), columns_out)
                of_column = np.tile(of_column, places) if kind == "bias" else of_column
                of_column = writer.constant(f"guide.{layer}.{kind}_of_column", of_column)
                writer.nodes("Gather", [writer.reshape(value, outputs), of_column], [f"{value}.columns"])
        step = writer.constant(f"guide.{layer}.step", step)
        for index, kernel in enumerate(kernels):
            kernel = writer.node("Cast", kernel, to=onnx.TensorProto.FLOAT)
            writer.nodes("Mul", [kernel, step], [f"guide.{layer}.kernel.{index}"])

    def _run(self, real: str, imag: str, loudness: str) -> list[str]:
        """Hear a frame; return what was heard last, the past of all levels, the masks, and the absence if followed."""
        writer, network = self._writer, self._network
        newest = writer.node("Div", self._hear(real, imag), writer.node("Sqrt", loudness))
        values = writer.concat(["guide_heard", newest], axis=2)
        heard = writer.slice(values, 1, 1 + network.past_columns[0], axis=2)
        past, skipped = [], {}
        for level in range(1, LEVELS + 1):
            columns = self._remember(level, self._down(level, values), past)
            wanted = network.layers[f"up{LEVELS + 1 - level}"].columns_in
            skipped[level] = self._rows(writer.slice(columns, -wanted, _END, axis=2))
            if level < LEVELS:
                values = writer.node("LeakyRelu", self._normalise(f"down{level}", columns), alpha=LEAK)
        absence = [self._absence(columns)] if self._guide.presence else []
        values = skipped.pop(LEVELS)
        for level in range(LEVELS, 0, -1):
            values = self._up(level, *([skipped[level]] if level in skipped else []), values)
        return [heard, *past, self._masks(values), *absence]

    def _remember(self, level: int, columns: str, past: list[str]) -> str:
        """Put what a level remembers before its newest columns, and add what it will remember to `past`."""
        if level not in self._network.past_columns:
            return columns
        writer, before = self._writer, PAST.format(level)
        grown = writer.concat([before, writer.slice(columns, 0, 1, axis=2)], axis=2)
        # In turn when the frame's number, half its hop's, is a multiple.
        hop = self._modulo("guide_hop", HOPS_PER_FRAME * column_frames(level))
        turn = writer.node("Less", hop, self._scalar("frame", HOPS_PER_FRAME))
        start = writer.reshape(writer.node("Cast", turn, to=onnx.TensorProto.INT64), 1)
        count = writer.constant(f"guide.{before}.columns", np.int64([self._network.past_columns[level]]))
        stop = writer.node("Add", start, count)
        past.append(writer.node("Slice", grown, start, stop, writer.constant("guide.along_time", np.int64([2]))))
        return writer.concat([before, columns], axis=2)

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
        return writer.reshape(magnitudes, 1, channels, 1, BINS)

    def _down(self, level: int, values: str) -> str:
        """Return the newest columns of a level by those of the level before, or frames."""
        writer, layer = self._writer, f"down{level}"
        shape = self._network.layers[layer]
        self._store(layer)
        if shape.taps is None:
            kernel, bias = f"guide.{layer}.kernel.0", f"guide.{layer}.bias"
            return writer.node("Conv", values, kernel, bias, pads=[0, 1, 2, 2], strides=[2, 2])
        rows = self._product(layer, [self._rows(values)], before=1, after=2, stride=2)
        columns = writer.reshape(rows, 1, BINS >> level, -1, shape.columns_out)
        return writer.transpose(columns, 0, 2, 3, 1)

    def _up(self, level: int, *inputs: str) -> str:
        layer = f"up{LEVELS + 1 - level}"
        self._store(layer, len(inputs))
        rows = self._writer.node("Relu", self._product(layer, inputs, before=1, after=1))
        return self._normalise(layer, rows)

    def _masks(self, rows: str) -> str:
        """Return the masks, `(1, channels, columns, BINS)`."""
        self._store(MASK)
        masks = self._writer.node("Sigmoid", self._product(MASK, [rows], before=3, after=3, dilation=2))
        shape = 1, BINS, self._guide.channels, self._guide.masks
        return self._writer.transpose(self._writer.reshape(masks, *shape), 0, 2, 3, 1)

    def _rows(self, values: str) -> str:
        """Turn `(1, channels, columns, bins)` into rows."""
        return self._writer.node("Flatten", self._writer.transpose(values, 3, 0, 1, 2), axis=1)

    def _product(
        self, layer: str, inputs: Sequence[str], before: int, after: int, stride: int = 1, dilation: int = 1
    ) -> str:
        """Run a layer whose kernel reaches along frequency alone, over silent bins before and after all others.

        Inputs from different layers are multiplied apart: their ranges differ too much to be rounded alike.
        """
        writer, taps = self._writer, self._network.layers[layer].taps
        places, bins = taps.shape[0], BINS >> _level(layer)
        padding = writer.constant(f"guide.{layer}.padding", np.int64([before, 0, after, 0]))
        reached = stride * np.arange(bins // places)[:, None] + dilation * np.arange(taps.shape[3])
        total = f"guide.{layer}.bias.columns"
        for index, rows in enumerate(inputs):
            padded = writer.node("Pad", rows, padding)
            beside = writer.node("Gather", padded, writer.constant(f"guide.{layer}.reached", reached), axis=0)
            rows = writer.reshape(beside, bins // places, -1)
            product = writer.node("MatMul", rows, f"guide.{layer}.kernel.{index}")
            total = writer.node("Add", product, total)
        return writer.reshape(total, bins, -1)

    def _normalise(self, layer: str, values: str) -> str:
        columns = "" if self._network.layers[layer].taps is None else ".columns"
        scaled = self._writer.node("Mul", values, f"guide.{layer}.scale{columns}")
        return self._writer.node("Add", scaled, f"guide.{layer}.shift{columns}")

    def _modulo(self, value: str, divisor: int) -> str:
        return self._writer.node("Mod", value, self._scalar(f"every_{divisor}", divisor), fmod=1)

    def _scalar(self, name: str, value: float) -> str:
        return self._writer.constant(f"guide.{name}", np.float32([[value]]))
