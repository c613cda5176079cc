"""The graph of one call of a `CausalDualPathRnn`, written node by node.

Each node costs some microseconds besides its work, and a call of one frame does little work. So the layouts are others
than those of training: features are `(bands * frames, features)` with the bands outermost, which no path has to
transpose where a call is one frame, and weights are stored in the order their inputs come in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from export.guide_graph import GuideWriter
from export.separator_graph import Parts, SeparatorWriter
from realtime.contract import ModelSpec
from trainer.layers import POWER_FLOOR, BandLinear, BidirectionalPath, InterChunkPath
from trainer.model import CausalDualPathRnn


class DualPathWriter(SeparatorWriter):
    """Writes the graph of one call of a `CausalDualPathRnn`.

    The rows of its state `inter` are `(bands, frames)`, where those of torch are `(frames, bands)`.
    """

    def __init__(self, model: CausalDualPathRnn, spec: ModelSpec) -> None:
        super().__init__(model, spec)
        self._names = {module: name for name, module in model.named_modules()}
        self._values = {name: value.detach().numpy() for name, value in model.named_parameters()}
        self._bands, self._features = model.bands, model.config.model.features
        self._unbanded = spec.stft.bins - sum(count * width for count, width in model.encoder.bands)

    def estimate(self, mixture: Parts, newest: Parts, power: str, loudness: str) -> Parts:
        """Return what `SeparatorWriter.estimate` does."""
        network = self._network
        features, hint, fade = self._encode(mixture, newest, power, loudness)
        states = iter(self.split("inter", [1] * 2 * len(network.inter)))
        next_states: list[str] = []
        for inter, intra in zip(network.inter, network.intra, strict=True):
            features, pair = self._along_chunks(inter, features, [next(states), next(states)])
            next_states += pair
            if intra.along_bands is not None:
                features = self._along(intra.along_bands, features, self._bands, self._frames)
            if intra.along_frames is not None:
                features = self._swap(features, self._bands, self._frames)
                features = self._along(intra.along_frames, features, self._frames, self._bands)
                features = self._swap(features, self._frames, self._bands)
        self.nodes("Concat", next_states, ["inter_out"], axis=0)
        mask = self._decode(features, hint)
        if fade:
            mask = self.node("Mul", mask, fade)
        mask = self.reshape(mask, 2, self._targets, self._channels, self._bins, self._frames, 1)
        (real, imag), (mask_real, mask_imag) = mixture, self.split(mask, [1, 1])
        return (
            self.node("Sub", self.node("Mul", mask_real, real), self.node("Mul", mask_imag, imag)),
            self.node("Add", self.node("Mul", mask_real, imag), self.node("Mul", mask_imag, real)),
        )

    def _encode(self, mixture: Parts, newest: Parts, power: str, loudness: str) -> tuple[str, str | None, str | None]:
        """Map what is to be separated to features, and return the guide's mask and the gain that fades estimates."""
        encoder, parts = self._network.encoder, 3 * self._channels
        # With u = 1 / gain^2, gain x / (gain^2 |x|^2 + floor)^(1/4) = x / (u |x|^2 + u^2 floor)^(1/4).
        u = loudness
        real, imag = (self.reshape(part, 1, -1) for part in mixture)
        floor = self.node("Mul", self.node("Mul", u, u), self.constant("power_floor", np.float32(POWER_FLOOR)))
        floored = self.node("Add", self.node("Mul", power, u), floor)
        spectrum = self.concat([real, imag, self.node("Sqrt", power)])
        compressed = self.node("Div", spectrum, self.node("Sqrt", self.node("Sqrt", floored)))
        rows = self.transpose(self.reshape(compressed, parts, -1), 1, 0)
        sizes = [count * width * self._frames for count, width in encoder.bands]
        groups = self.split(rows, sizes + [self._unbanded * self._frames] * (self._unbanded > 0))
        outputs, biases = [], []
        for (count, width), linear, group in zip(encoder.bands, encoder.groups, groups[: len(sizes)], strict=True):
            weight = self._value(linear, "weight").reshape(count, self._channels, width, 3, -1)
            weight = weight.transpose(0, 2, 3, 1, 4).reshape(count, width * parts, -1)
            if self._frames > 1:
                group = self.transpose(self.reshape(group, count, width, self._frames, parts), 0, 2, 1, 3)
            group = self.reshape(group, count, self._frames, width * parts)
            outputs.append(self.node("MatMul", group, self.constant(f"{self._names[linear]}.weight", weight)))
            biases.append(self._value(linear, "bias"))
        bias = self.constant("encoder.bias", np.concatenate(biases))
        features = self.node("Add", self.concat(outputs), bias)
        if self._network.guide is None:
            return self._rows(features), None, None
        guide = GuideWriter(self, self._network.guide)
        hint, fade = guide.write(*newest, u)
        hint = self.slice(guide.extend(hint, self._bins), 0, self._bins - self._unbanded, axis=1)
        magnitudes = self.slice(self.reshape(compressed, parts, -1), 2 * self._channels, parts, axis=0)
        return self._rows(self.node("Add", features, self._encode_hint(hint, magnitudes))), hint, fade

    def _encode_hint(self, hint: str, magnitudes: str) -> str:
        """Map the mask and magnitudes `(channels, banded bins)` to features `(bands, 1, features)`."""
        guidance = self._network.guidance
        sizes = [count * width for count, width in guidance.bands[: len(guidance.groups)]]
        hint = self.slice(hint, 0, sum(sizes), axis=1)
        heard = self.node("Mul", hint, self.slice(magnitudes, 0, sum(sizes), axis=1))
        rows = self.transpose(self.concat([hint, heard]), 1, 0)
        outputs = []
        for index, group in enumerate(self.split(rows, sizes)):
            count, width = guidance.bands[index]
            weight = self._values[f"guidance.groups.{index}"].reshape(count, self._channels, width, 2, -1)
            weight = weight.transpose(0, 2, 3, 1, 4).reshape(count, 2 * self._channels * width, -1)
            group = self.reshape(group, count, 1, 2 * self._channels * width)
            outputs.append(self.node("MatMul", group, self.constant(f"guidance.groups.{index}", weight)))
        unguided = self._bands - sum(count for count, _ in guidance.bands[: len(sizes)])
        if unguided:
            outputs.append(self.constant("guide.unguided", np.zeros((unguided, 1, self._features), np.float32)))
        return self.concat(outputs)

    def _along_chunks(self, path: InterChunkPath, features: str, states: list[str]) -> tuple[str, list[str]]:
        rows = self.reshape(self._norm(path.norm, features), 1, -1, self._features)
        # One step: the hidden state is the output, in a handier shape.
        names = ["", *(f"{self._names[path]}.{kind}" for kind in ("hidden", "cell"))]
        _, hidden, cell = self.nodes(
            "LSTM", [rows, *self._lstm(path.rnn), "", *states], names, hidden_size=self._features
        )
        return self._residual(path.linear, hidden, features), [hidden, cell]

    def _along(self, path: BidirectionalPath, features: str, steps: int, rows: int) -> str:
        """Run along the outer of the rows' two axes, `steps` and `rows`."""
        values = self.reshape(self._norm(path.norm, features), steps, rows, self._features)
        values = self.node(
            "LSTM", values, *self._lstm(path.rnn), hidden_size=path.rnn.hidden_size, direction="bidirectional"
        )
        return self._residual(path.linear, self.transpose(values, 0, 2, 1, 3) if rows > 1 else values, features)

    def _decode(self, features: str, hint: str | None) -> str:
        """Map features to a mask `(2 * targets * channels, bins * frames)`, real parts first."""
        decoder, masks = self._network.decoder, self._targets * self._channels
        normed = self.reshape(self._norm(decoder.norm, features), self._bands, self._frames, self._features)
        rows = self.node("MatMul", normed, self._parameter(decoder.hidden, "weight"))
        rows = self.node("Tanh", self.node("Add", rows, self._parameter(decoder.hidden, "bias")))
        groups = self.split(rows, [count for count, _ in decoder.bands])
        outputs, biases = [], []
        for (count, width), linear, group in zip(decoder.bands, decoder.groups, groups, strict=True):
            weight, bias = (self._mask_order(linear, kind, count, width) for kind in ("weight", "bias"))
            group = self.node("MatMul", group, self.constant(f"{self._names[linear]}.weight", weight))
            if self._frames > 1:
                group = self.transpose(self.reshape(group, count, self._frames, width, 2 * masks), 0, 2, 1, 3)
            outputs.append(self.reshape(group, -1, 2 * masks))
            biases.append(bias.reshape(-1, 2 * masks).repeat(self._frames, 0))
        if self._unbanded:
            biases.append(np.zeros((self._unbanded * self._frames, 2 * masks), np.float32))
            outputs.append(self.constant("decoder.unbanded", biases[-1]))
        bias = self.constant("decoder.bias", np.concatenate(biases))
        mask = self.transpose(self.node("Add", self.concat(outputs), bias), 1, 0)
        return mask if hint is None else self._follow(mask, hint, normed)

    def _follow(self, mask: str, hint: str, features: str) -> str:
        """Add the gated hint to the real parts of a mask."""
        gate = self._network.guidance.gate
        gates = self.node("MatMul", features, self._parameter(gate, "weight"))
        gates = self.reshape(self.node("Add", gates, self._parameter(gate, "bias")), self._bands, self._channels)
        # Bin by bin the gate of its band.
        bands = np.repeat(np.arange(self._bands), [w for count, w in self._network.encoder.bands for _ in range(count)])
        gates = self.transpose(self.node("Gather", gates, self.constant("guide.bands", bands)), 1, 0)
        share = self.node("Mul", gates, hint)
        padding = self.constant("guide.padding", np.int64([0, 0, self._channels, self._unbanded]))
        return self.node("Add", mask, self.node("Pad", share, padding))

    def _mask_order(self, linear: BandLinear, kind: str, count: int, width: int) -> NDArray[np.float32]:
        """Order a parameter's outputs `(width, parts, targets * channels)` instead of parts last."""
        value = self._value(linear, kind)
        return value.reshape(*value.shape[:2], -1, width, 2).transpose(0, 1, 3, 4, 2).reshape(value.shape)

    def _rows(self, features: str) -> str:
        return self.reshape(features, -1, self._features)

    def _swap(self, features: str, outer: int, inner: int) -> str:
        """Exchange the rows' two axes."""
        if 1 in (outer, inner):
            return features
        return self._rows(self.transpose(self.reshape(features, outer, inner, self._features), 1, 0, 2))

    def _norm(self, norm: nn.LayerNorm, features: str) -> str:
        parameters = (self._parameter(norm, kind) for kind in ("weight", "bias"))
        return self.node("LayerNormalization", features, *parameters, axis=-1, epsilon=norm.eps)

    def _residual(self, linear: nn.Linear, rows: str, features: str) -> str:
        parameters = (self._parameter(linear, kind) for kind in ("weight", "bias"))
        rows = self.reshape(rows, -1, linear.in_features)
        return self.node("Add", features, self.node("Gemm", rows, *parameters, transB=1))

    def _lstm(self, rnn: nn.LSTM) -> list[str]:
        """Store the weights of all directions as ONNX orders them."""

        def stacked(kind: str) -> NDArray[np.float32]:
            values = (self._value(rnn, f"{kind}_l0{way}") for way in ("", "_reverse")[: 1 + rnn.bidirectional])
            # Torch orders the gates input, forget, cell, output.
            return np.stack([np.concatenate([np.split(value, 4)[gate] for gate in (0, 3, 1, 2)]) for value in values])

        bias = np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=-1)
        values = {"weight_ih": stacked("weight_ih"), "weight_hh": stacked("weight_hh"), "bias": bias}
        return [self.constant(f"{self._names[rnn]}.{kind}", value) for kind, value in values.items()]

    def _value(self, module: nn.Module, kind: str) -> NDArray[np.float32]:
        return self._values[f"{self._names[module]}.{kind}"]

    def _parameter(self, module: nn.Module, kind: str) -> str:
        return self.constant(f"{self._names[module]}.{kind}", self._value(module, kind))
