"""The graph of one call of a `Separator`, written node by node, around what makes its estimates."""

from __future__ import annotations

import abc

import numpy as np
import onnx

from export.graph import GraphWriter
from export.guide_graph import rows_remembered
from export.spatial_graph import SpatialWriter
from realtime.contract import ModelSpec
from trainer.level import LEAST_WEIGHT, LEVEL_FLOOR, SILENCE_POWER, TARGET_POWER
from trainer.separator import Separator

# Real and imaginary part, `(1, channels, bins, frames, 1)` each, those of estimates with targets before the channels.
Parts = tuple[str, str]


def call_states(model: Separator) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the states of the graph of one call."""
    states = model.state_shapes()
    if "ahead" in states:
        _, channels, bins, late, parts = states["ahead"]
        states["ahead"] = (late, channels * bins * parts)  # frame by frame, so that none of them is taken apart
    if "spatial" in states:
        states["spatial"] = states["spatial"][1:]
    if model.guide:
        states |= rows_remembered(model.guide.network, states)
    return states


class SeparatorWriter(GraphWriter, abc.ABC):
    """Writes what every separator does, around what tells them apart."""

    def __init__(self, model: Separator, spec: ModelSpec) -> None:
        super().__init__()
        self._network, self._spec, self._frames = model, spec, spec.hops_per_call
        self._channels, self._targets, self._bins = spec.channels, len(spec.targets), spec.stft.bins

    @abc.abstractmethod
    def estimate(self, mixture: Parts, newest: Parts, power: str, loudness: str) -> Parts:
        """Return estimates.

        Args:
            mixture: What is to be separated.
            newest: What there is to hear by now.
            power: Squared magnitudes of the mixture, `(1, channels * bins * frames)`.
            loudness: Power over that of the level everything is heard at, `(1, 1)`.
        """

    def graph(self) -> onnx.ModelProto:
        """Return the graph, without metadata."""
        # Apart for the whole call: interleaved, every operation on them would be a loop over pairs.
        newest = mixture = tuple(self.split("mixture", [1, 1], axis=-1))
        newest_power = power = self._power(newest)
        if late := self._network.config.model.lookahead_hops:
            oldest, rest = self.split("ahead", [1, late - 1])
            self.nodes("Concat", [rest, self.reshape("mixture", 1, -1)], ["ahead_out"], axis=0)
            mixture = tuple(self.split(self.reshape(oldest, 1, self._channels, self._bins, 1, 2), [1, 1], axis=-1))
            power = self._power(mixture)
        estimates = self.estimate(mixture, newest, power, self._follow_level(newest_power))
        if self._network.spatial:
            parts = (self.reshape(self.concat(both), 2, self._channels, -1) for both in (estimates, mixture))
            vocals = SpatialWriter(self, self._network.spatial).write(*parts)
            shape = (2, self._targets, self._channels, self._bins, self._frames, 1)
            estimates = self.split(self.reshape(vocals, *shape), [1, 1])
        self.nodes("Concat", estimates, ["estimates"], axis=-1)
        frames, states = (self._channels, self._bins, self._frames, 2), self._spec.states
        return self.model(
            {"mixture": (1, *frames)} | {state.name: state.shape for state in states},
            {"estimates": (1, self._targets, *frames)} | {f"{state.name}_out": state.shape for state in states},
        )

    def _power(self, parts: Parts) -> str:
        """Return the squared magnitudes `(1, channels * bins * frames)`."""
        real, imag = (self.reshape(part, 1, -1) for part in parts)
        return self.node("Add", self.node("Mul", real, real), self.node("Mul", imag, imag))

    def _follow_level(self, power: str) -> str:
        """Update the state `level` by the power `(1, channels * bins * frames)`; return the level over its target."""
        level = self._network.level
        weights = level.weights.numpy()[None, :, None].repeat(self._channels, 0).repeat(self._frames, 2)
        # No product of matrices: in int8 the level would be rounded.
        weighted = self.node("Mul", power, self.constant("level.weights", weights.reshape(1, -1)))
        now = self.node("ReduceSum", weighted, self.constant("level.axis", np.int64([1])), keepdims=1)
        heard = self.node("Greater", now, self.constant("level.silence", np.float32([[SILENCE_POWER]])))
        heard = self.node("Cast", heard, to=onnx.TensorProto.FLOAT)
        means, chunks = self.split("level", [2, 1], axis=1)
        place = self.node("Cast", chunks, to=onnx.TensorProto.INT64)
        filled = self.node("Gather", self.constant("level.filled", level.filled.numpy()), place)
        share = self.node("Mul", heard, self.constant("level.share", np.float32([[1 - level.decay]])))
        change = self.node("Mul", self.node("Sub", self.concat([now, filled], axis=1), means), share)
        means = self.node("Add", means, change)
        last = self.constant("level.last", np.float32([[len(level.filled) - 1]]))
        chunks = self.node("Min", self.node("Add", chunks, heard), last)
        self.nodes("Concat", [means, chunks], ["level_out"], axis=1)
        sums, weights = self.split(means, [1, 1], axis=1)
        weights = self.node("Max", weights, self.constant("level.least_weight", np.float32([[LEAST_WEIGHT]])))
        scale = self.constant("level.scale", np.float32([[1 / TARGET_POWER]]))
        floor = self.constant("level.floor", np.float32([[LEVEL_FLOOR]]))
        return self.node("Mul", self.node("Add", self.node("Div", sums, weights), floor), scale)
