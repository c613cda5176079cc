"""The guide of a model in the graph of one call: a run of it is spread over several calls.

Each stage of a run is a branch that is only computed in its own call of the period. What later stages need of it are
states, like what was heard and the mask in use.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from export.graph import GraphWriter
from trainer.guide import (
    BINS,
    COLUMNS,
    DELAY_HOPS,
    FRAMES,
    HOPS_PER_FRAME,
    LEAK,
    LEVELS,
    PERIOD_HOPS,
    POWER_FLOOR,
    Guide,
    place_taps,
)

_MASK = "mask"
# Layers by the calls they run in, with about as much work in one as in the other.
_STAGES = (
    ("down1", "down2", "down3"),
    ("down4", "down5"),
    ("down6", "up1"),
    ("up2",),
    ("up3", "up4", "up5", "up6", _MASK),
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
    skips = {_skip(layer): _shape(guide, layer, COLUMNS) for layer in stage if layer.startswith("down")}
    skips.pop(_skip(f"down{LEVELS}"), None)  # the next layer takes it whole
    if stage[-1] == _MASK:
        return {"guide_mask": (1, guide.channels, BINS)}
    return skips | {f"guide_{stage[-1]}": _shape(guide, stage[-1], FRAMES if stage[-1].startswith("down") else COLUMNS)}


def _skip(layer: str) -> str:
    return f"guide_skip{layer[-1]}"


def _shape(guide: Guide, layer: str, most_columns: int) -> tuple[int, ...]:
    level = _level(layer)
    return (1, guide.layer(layer)[2].shape[0], min(most_columns, FRAMES >> level), BINS >> level)


def _level(layer: str) -> int:
    """Return how often time and frequency are halved after a layer."""
    number = int(layer[-1])
    return number if layer.startswith("down") else LEVELS - number


class GuideWriter:
    """Writes the guide into a graph."""

    def __init__(self, writer: GraphWriter, guide: Guide) -> None:
        self._writer, self._guide = writer, guide

    def write(self, power: str, loudness: str) -> str:
        """Follow one frame and return the mask in use, `(channels, BINS)`.

        Args:
            power: Squared magnitudes `(channels, bins)`.
            loudness: Power over that of the level everything is heard at, `(1, 1)`.
        """
        writer = self._writer
        turn, place = (
            writer.node("Mod", "guide_hop", self._scalar(f"every_{hops}", hops), fmod=1)
            for hops in (HOPS_PER_FRAME, PERIOD_HOPS)
        )
        writer.choose(
            self._is(turn, HOPS_PER_FRAME - 1), lambda: [self._hear(power)], ["guide_heard"], ["guide_heard_out"]
        )
        for index, stage in enumerate(_STAGES):
            names = list(_products(self._guide, stage))
            writer.choose(
                # In the first period there is nothing yet to go on with.
                self._is("guide_hop", PERIOD_HOPS - 1 + index) if index else self._is(place, PERIOD_HOPS - 1),
                lambda index=index: self._run(index, loudness),
                names,
                [f"{name}_out" for name in names],
            )
        # 0, 1, 2 to twice the period less one, and again from the second period on.
        period = self._scalar(f"every_{PERIOD_HOPS}", PERIOD_HOPS)
        since = writer.node("Add", "guide_hop", self._scalar("since_second_period", 1 - PERIOD_HOPS))
        writer.nodes("Add", [writer.node("Mod", since, period, fmod=1), period], ["guide_hop_out"])
        return writer.reshape("guide_mask_out", self._guide.channels, BINS)

    def _store(self, layer: str) -> None:
        """Store a layer's values, in half the room, and what ONNX Runtime makes of them once, when it loads them.

        It must be done in the branch itself: weights from outside are no constants to what makes convolutions fast.
        """
        writer, kinds = self._writer, ("weight", "bias") if layer == _MASK else ("weight", "bias", "scale", "shift")
        for kind in kinds:
            half = writer.constant(f"guide.{layer}.half.{kind}", self._values(layer, kind).astype(np.float16))
            writer.nodes("Cast", [half], [f"guide.{layer}.{kind}"], to=onnx.TensorProto.FLOAT)
        if layer.startswith("up"):
            inputs, outputs = self._values(layer, "weight").shape[:2]
            taps = writer.reshape(f"guide.{layer}.weight", inputs, outputs, 25)
            taps = writer.node("Pad", taps, writer.constant("guide.no_tap", np.int64([0, 0, 0, 0, 0, 1])))
            taps = writer.node("Gather", taps, writer.constant("guide.taps", place_taps()), axis=2)
            kernel = writer.reshape(writer.transpose(taps, 1, 2, 0, 3), 4 * outputs, inputs, 3, 3)
            writer.nodes("Identity", [kernel], [f"guide.{layer}.kernel"])
            places = writer.constant(f"guide.{layer}.places", np.arange(4 * outputs) // 4)
            writer.nodes("Gather", [f"guide.{layer}.bias", places], [f"guide.{layer}.biases"])

    def _values(self, layer: str, kind: str) -> NDArray[np.float32]:
        return getattr(self._guide, f"{layer}_{kind}").numpy()

    def _hear(self, power: str) -> str:
        writer = self._writer
        low = writer.slice(power, 0, BINS, axis=1)
        magnitudes = writer.node("Sqrt", writer.node("Add", low, self._scalar("floor", POWER_FLOOR)))
        magnitudes = writer.node("Mul", magnitudes, self._scalar("window_scale", self._guide.window_scale))
        newest = writer.reshape(magnitudes, 1, self._guide.channels, 1, BINS)
        return writer.concat([writer.slice("guide_heard", 1, FRAMES, axis=2), newest], axis=2)

    def _run(self, index: int, loudness: str) -> list[str]:
        writer, stage, made = self._writer, _STAGES[index], {}
        if index == 0:
            rows = writer.node("Div", "guide_heard_out", writer.node("Sqrt", loudness))
        else:
            rows = f"guide_{_STAGES[index - 1][-1]}"
        for layer in stage:
            self._store(layer)
            if layer.startswith("down"):
                made[_skip(layer)], rows = self._down(layer, rows)
            elif layer == _MASK:
                rows = self._mask(rows)
            else:
                rows = self._up(layer, rows)
        made["guide_mask" if stage[-1] == _MASK else f"guide_{stage[-1]}"] = rows
        return [made[name] for name in _products(self._guide, stage)]

    def _down(self, layer: str, rows: str) -> tuple[str, str]:
        """Return the columns that an `up` layer skips to, and what the next layer takes."""
        columns = FRAMES >> _level(layer)
        rows = self._convolve(layer, rows, pads=[1, 1, 2, 2], strides=[2, 2])
        skip = self._writer.slice(rows, max(0, columns - COLUMNS), columns, axis=2)
        if layer == f"down{LEVELS}":
            return skip, rows
        return skip, self._writer.node("LeakyRelu", self._normalise(layer, rows), alpha=LEAK)

    def _up(self, layer: str, rows: str) -> str:
        level = _level(layer) + 1
        if level < LEVELS:
            rows = self._writer.concat([f"guide_skip{level}", rows], axis=1)
        before = int(FRAMES >> level < COLUMNS)
        rows = self._writer.node("Conv", rows, f"guide.{layer}.kernel", f"guide.{layer}.biases", pads=[before, 1, 1, 1])
        rows = self._writer.node("DepthToSpace", rows, blocksize=2, mode="CRD")
        rows = self._normalise(layer, self._writer.node("Relu", rows))
        found = 2 * min(COLUMNS - 1 + before, FRAMES >> level)
        # The mask is taken from one column more than other layers need.
        kept = found if layer == f"up{LEVELS}" else min(COLUMNS, FRAMES >> _level(layer))
        return self._writer.slice(rows, found - kept, found, axis=2)

    def _mask(self, rows: str) -> str:
        rows = self._writer.slice(rows, 0, COLUMNS, axis=2, step=2)
        rows = self._convolve(_MASK, rows, pads=[0, 3, 0, 3], dilations=[1, 2])
        return self._writer.reshape(self._writer.node("Sigmoid", rows), 1, self._guide.channels, BINS)

    def _convolve(self, layer: str, rows: str, **attributes: list[int]) -> str:
        return self._writer.node("Conv", rows, f"guide.{layer}.weight", f"guide.{layer}.bias", **attributes)

    def _normalise(self, layer: str, rows: str) -> str:
        scaled = self._writer.node("Mul", rows, f"guide.{layer}.scale")
        return self._writer.node("Add", scaled, f"guide.{layer}.shift")

    def _is(self, value: str, number: int) -> str:
        return self._writer.node("Equal", value, self._scalar(f"hop_{number}", number))

    def _scalar(self, name: str, value: float) -> str:
        return self._writer.constant(f"guide.{name}", np.float32([[value]]))
