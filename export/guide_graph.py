"""The guide of a model in the graph of one call; it only runs in the calls that bring a frame of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from export.graph import GraphWriter
from trainer.guide import BINS, HIGHEST_BINS, MIRRORED, PAST, POWER_FLOOR, SIGNS, Guide
from trainer.guide_layers import LEVELS, MASK, column_frames
from trainer.guide_network import LEAK, GuideNetwork
from trainer.presence import HIDDEN, SILENT, WHOLE

_END = np.iinfo(np.int64).max


def _level(layer: str) -> int:
    """Return how often time and frequency are halved after a layer."""
    if layer == MASK:
        return 0
    number = int(layer[-1])
    return number if layer.startswith("down") else LEVELS - number


def rows_remembered(network: GuideNetwork, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what levels remember as rows, of those that `Guide.state_shapes` tells for one stream."""
    levels = [level for level in network.past_columns if level and network.layers[f"down{level}"].taps is not None]
    remembered = {PAST.format(level): shapes[PAST.format(level)] for level in levels}
    return {name: (bins, count * channels) for name, (_, channels, count, bins) in remembered.items()}


class GuideWriter:
    """Writes the guide into a graph.

    Columns of a layer that runs along time are `(1, channels, columns, bins)`. All other layers take and give rows,
    `(bins, columns * channels)`, and are products of matrices: the taps of a kernel lie side by side, and the bins that
    one becomes in a transposed convolution too. Rows made of such columns are `(bins, channels * columns)`, for ONNX
    Runtime is quick to move one axis only.
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
                "Equal", self._modulo("guide_hop", guide.frame_hops), self._scalar("last_hop", guide.frame_hops - 1)
            ),
            lambda: self._run(real, imag, loudness),
            followed,
            [f"{name}_out" for name in followed],
        )
        since = writer.node("Add", "guide_hop", self._scalar("one_hop", 1))
        writer.nodes("Mod", [since, self._scalar("hops", guide.hops_counted)], ["guide_hop_out"], fmod=1)
        columns = guide.masks - 1 - np.array(guide.ages)
        hop = writer.reshape(self._modulo("guide_hop_out", guide.frame_hops), 1)
        hop = writer.node("Cast", hop, to=onnx.TensorProto.INT64)
        column = writer.node("Gather", writer.constant("guide.columns", columns), hop)
        mask = writer.reshape(writer.node("Gather", "guide_masks_out", column, axis=2), guide.channels, BINS)
        return mask, self._fade() if guide.presence else None

    def extend(self, mask: str, bins: int) -> str:
        """Return a mask `(channels, BINS)` over as many `bins` from DC up."""
        writer = self._writer
        highest = writer.slice(mask, BINS - HIGHEST_BINS, BINS, axis=1)
        above = writer.node("ReduceMean", highest, axes=[1], keepdims=1)
        size = writer.constant("guide.above", np.int64([self._guide.channels, bins - BINS]))
        return writer.concat([mask, writer.node("Expand", above, size)], axis=1)

    def _fade(self) -> str:
        writer = self._writer
        above_silent = writer.node("Sub", self._scalar("from_silent", 1 - SILENT), "guide_absence_out")
        gain = writer.node("Div", above_silent, self._scalar("to_whole", WHOLE - SILENT))
        return writer.node("Clip", gain, *(writer.constant(f"guide.bound_{end}", np.float32(end)) for end in (0, 1)))

    def _absence(self, bottom: str) -> str:
        """Return the absence after a frame by what the network has at its bottom."""
        writer, presence = self._writer, self._guide.presence
        values = {name: value.numpy() for name, value in presence.detector.named_buffers()}
        # It knows the bottom with its bins side by side, and rows have them one below the other.
        steps = values["hidden_steps"].reshape(HIDDEN, -1, BINS >> LEVELS).swapaxes(1, 2).reshape(HIDDEN, -1).T
        kernel = writer.node("Cast", writer.constant("presence.steps", steps), to=onnx.TensorProto.FLOAT)
        kernel = writer.node("Mul", kernel, writer.constant("presence.step", values["hidden_step"].ravel()))
        rows = writer.node("MatMul", writer.reshape(bottom, 1, -1), kernel)
        rows = writer.node("Relu", writer.node("Add", rows, writer.constant("presence.bias", values["hidden_bias"])))
        rows = writer.node("Mul", rows, writer.constant("presence.output", values["output_weight"]))
        rows = writer.node("ReduceSum", rows, writer.constant("presence.axis", np.int64([1])), keepdims=1)
        rows = writer.node("Add", rows, writer.constant("presence.output_bias", values["output_bias"]))
        chance = writer.node("Sigmoid", writer.node("Neg", rows))
        falls = writer.node("Less", chance, "guide_absence")
        rate = writer.node(
            "Where", falls, *(self._scalar(name, getattr(presence, name)) for name in ("appear", "vanish"))
        )
        change = writer.node("Mul", rate, writer.node("Sub", chance, "guide_absence"))
        return writer.node("Add", "guide_absence", change)

    def _store(self, layer: str, *inputs_in_rows: bool) -> None:
        """Store a layer's values as small as they are, and what ONNX Runtime makes of them once, when it loads them.

        Convolutions are fast only with constants that are made in the branch itself.

        Args:
            layer: Its name.
            inputs_in_rows: Of each of its inputs, which have a kernel each, whether a layer in rows gave it.
        """
        writer, taps = self._writer, self._network.layers[layer].taps
        steps, step = (self._network.value(layer, kind).numpy() for kind in ("steps", "step"))
        kinds = ("bias",) if layer == MASK else ("bias", "scale", "shift")
        values = {kind: self._network.value(layer, kind).numpy() for kind in kinds}
        if layer.startswith("up"):
            # For scales are positive, relu(x) * scale + shift = max(x * scale + shift, shift).
            step, bias = step * values["scale"][..., None], values["bias"] * values["scale"].ravel()
            values = {"bias": bias + values["shift"].ravel(), "shift": values["shift"]}
        kernels = [writer.constant(f"guide.{layer}.steps", steps)]
        if taps is None:
            shapes = {"bias": -1, "scale": (-1, 1, 1, 1), "shift": -1}
            for kind in kinds:
                half = values.pop(kind).astype(np.float16).reshape(shapes[kind])
                half = writer.constant(f"guide.{layer}.half.{kind}", half)
                writer.nodes("Cast", [half], [f"guide.{layer}.{kind}"], to=onnx.TensorProto.FLOAT)
        else:
            outputs, inputs, *reach = steps.shape
            places, columns_out, *_ = taps.shape
            flat = writer.reshape(kernels[0], outputs, inputs, int(np.prod(reach)))
            flat = writer.node("Pad", flat, writer.constant("guide.no_tap", np.int64([0, 0, 0, 0, 0, 1])))
            flat = writer.node("Gather", flat, writer.constant(f"guide.{layer}.taps", taps), axis=2)
            flat = writer.split(flat, [inputs // len(inputs_in_rows)] * len(inputs_in_rows), axis=1)
            orders = [(4, 1) if in_rows else (1, 4) for in_rows in inputs_in_rows]
            parts = [writer.transpose(part, 5, *order, 2, 3, 0) for part, order in zip(flat, orders, strict=True)]
            kernels = [writer.reshape(part, -1, places * columns_out * outputs) for part in parts]
            repeats = {kind: places * columns_out if kind == "bias" else columns_out for kind in values}
            values = {kind: np.tile(value.ravel(), repeats[kind]) for kind, value in values.items()}
            step = np.tile(step.ravel(), places * columns_out)
        for kind, value in values.items():
            writer.constant(f"guide.{layer}.{kind}", value)
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
            columns = self._down(level, values)
            skipped[level] = self._newest_rows(level, columns)
            if level < LEVELS:
                values = self._remember(level, self._passed_on(level, columns), past)
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
        axis, width = self._along_time(level)
        columns = writer.concat([before, columns], axis=axis)
        # In turn when the frame's number is a multiple.
        hop = self._modulo("guide_hop", self._guide.frame_hops * column_frames(level))
        turn = writer.node("Less", hop, self._scalar("frame", self._guide.frame_hops))
        start = writer.reshape(writer.node("Cast", turn, to=onnx.TensorProto.INT64), 1)
        start = writer.node("Mul", start, writer.constant(f"guide.{before}.width", np.int64([width])))
        size = writer.constant(f"guide.{before}.size", np.int64([width * self._network.past_columns[level]]))
        stop = writer.node("Add", start, size)
        axis = writer.constant(f"guide.{before}.axis", np.int64([axis]))
        past.append(writer.node("Slice", columns, start, stop, axis))
        return columns

    def _newest_rows(self, level: int, columns: str) -> str:
        """Return rows of the newest columns of a level, those that are looked at on the way up."""
        given = self._network.layers[f"down{level}"].columns_out
        wanted = self._network.layers[f"up{LEVELS + 1 - level}"].columns_in
        axis, width = self._along_time(level)
        if wanted < given:
            columns = self._writer.slice(columns, width * (given - wanted), _END, axis=axis)
        return columns if self._in_rows(level) else self._rows(columns)

    def _in_rows(self, level: int) -> bool:
        return self._network.layers[f"down{level}"].taps is not None

    def _along_time(self, level: int) -> tuple[int, int]:
        """Return the axis along which a level has its columns, and how much of it one takes."""
        return (1, self._channels(level)) if self._in_rows(level) else (2, 1)

    def _channels(self, level: int) -> int:
        return self._network.value(f"down{level}", "bias").shape[0]

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
        layer = f"down{level}"
        if not self._in_rows(level):
            self._store(layer)
            kernel, bias = f"guide.{layer}.kernel.0", f"guide.{layer}.bias"
            return self._writer.node("Conv", values, kernel, bias, pads=[0, 1, 2, 2], strides=[2, 2])
        self._store(layer, self._in_rows(level - 1))
        rows = values if self._in_rows(level - 1) else self._rows(values)
        return self._product(layer, [rows], before=1, after=2, stride=2)

    def _passed_on(self, level: int, columns: str) -> str:
        writer, scale, shift = self._writer, *(f"guide.down{level}.{kind}" for kind in ("scale", "shift"))
        if self._in_rows(level):
            scaled = writer.node("Add", writer.node("Mul", columns, scale), shift)
        else:
            # A convolution of each channel alone: one node in the layout that those before and after it have.
            scaled = writer.node("Conv", columns, scale, shift, group=self._channels(level))
        return writer.node("LeakyRelu", scaled, alpha=LEAK)

    def _up(self, level: int, *inputs: str) -> str:
        layer = f"up{LEVELS + 1 - level}"
        self._store(layer, *([self._in_rows(level)] if len(inputs) > 1 else []), True)
        return self._writer.node("Max", self._product(layer, inputs, before=1, after=1), f"guide.{layer}.shift")

    def _masks(self, rows: str) -> str:
        """Return the masks, `(1, channels, columns, BINS)`."""
        self._store(MASK, True)
        masks = self._writer.node("Sigmoid", self._product(MASK, [rows], before=3, after=3, dilation=2))
        shape = 1, BINS, self._guide.masks, self._guide.channels
        return self._writer.transpose(self._writer.reshape(masks, *shape), 0, 3, 2, 1)

    def _rows(self, values: str) -> str:
        """Turn `(1, channels, columns, bins)` into rows, `(bins, channels * columns)`."""
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
        total = f"guide.{layer}.bias"
        for index, rows in enumerate(inputs):
            padded = writer.node("Pad", rows, padding)
            beside = writer.node("Gather", padded, writer.constant(f"guide.{layer}.reached", reached), axis=0)
            rows = writer.reshape(beside, bins // places, -1)
            product = writer.node("MatMul", rows, f"guide.{layer}.kernel.{index}")
            total = writer.node("Add", product, total)
        return writer.reshape(total, bins, -1)

    def _modulo(self, value: str, divisor: int) -> str:
        return self._writer.node("Mod", value, self._scalar(f"every_{divisor}", divisor), fmod=1)

    def _scalar(self, name: str, value: float) -> str:
        return self._writer.constant(f"guide.{name}", np.float32([[value]]))
