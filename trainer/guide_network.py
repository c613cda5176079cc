"""The network of the guide, where only its newest masks are wanted."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.guide_layers import LEVELS, MASK, collapse, guide_layers
from trainer.guide_weights import rounded

LEAK = 0.2


class GuideNetwork(nn.Module):
    """The U-Net of Spleeter (Hennequin et al., JOSS 2020), which maps magnitudes of the last frames to masks.

    Attributes:
        layers: What it computes, in order.
    """

    def __init__(self, masks: int) -> None:
        """Prepare for weights; `masks` are wanted, the newest."""
        super().__init__()
        self.layers = guide_layers(masks)

    def value(self, layer: str, kind: str) -> Tensor:
        """Return the `bias`, `scale` or `shift` of a layer, or the `kernel` that `collapse` makes of its weight."""
        return getattr(self, f"{layer}_{kind}")

    def forward(self, windows: Tensor) -> Tensor:
        """Map magnitudes `(windows, channels, FRAMES, BINS)` to masks `(windows, channels, columns, BINS)`."""
        return self.climb(self.descend(windows))

    def descend(self, windows: Tensor) -> list[Tensor]:
        """Return what each level on the way down gives, `(windows, outputs, columns, bins)`, the bottom last."""
        rows, skipped = windows.contiguous(memory_format=torch.channels_last), []
        for level in range(1, LEVELS + 1):
            rows = self._down(f"down{level}", rows)
            skipped.append(rows)
            rows = F.leaky_relu(self._normalise(f"down{level}", rows), LEAK)
        return skipped

    def climb(self, levels: list[Tensor]) -> Tensor:
        """Make masks of what `descend` returned."""
        *skipped, rows = levels
        for level in range(1, LEVELS + 1):
            rows = self._normalise(f"up{level}", self._up(f"up{level}", rows).relu())
            if skipped:
                rows = torch.cat([skipped.pop()[:, :, -rows.shape[2] :], rows], 1)
        return self._convolve(MASK, rows, 3, 3, dilation=(1, 2)).squeeze(3).float().sigmoid()

    def _down(self, layer: str, rows: Tensor) -> Tensor:
        if self.layers[layer].taps is not None:
            return self._convolve(layer, rows, 1, 2, stride=(1, 2)).squeeze(3)
        return F.conv2d(F.pad(rows, (1, 2, 1, 2)), self.value(layer, "kernel"), self.value(layer, "bias"), stride=2)

    def _up(self, layer: str, rows: Tensor) -> Tensor:
        return self._convolve(layer, rows, 1, 1).transpose(3, 4).flatten(3)

    def _convolve(self, layer: str, rows: Tensor, before: int, after: int, **steps: tuple[int, int]) -> Tensor:
        """Map `(windows, inputs, columns_in, bins)` to `(windows, outputs, columns_out, places, bins)`."""
        kernel, bias = self.value(layer, "kernel"), self.value(layer, "bias")
        biases = bias.repeat_interleave(kernel.shape[0] // bias.shape[0])
        rows = F.conv2d(F.pad(rows.flatten(1, 2)[:, :, None], (before, after)), kernel, biases, **steps)
        return rows.squeeze(2).unflatten(1, (bias.shape[0], self.layers[layer].columns_out, -1))

    def _normalise(self, layer: str, rows: Tensor) -> Tensor:
        return rows * self.value(layer, "scale") + self.value(layer, "shift")


class RoundedNetwork(GuideNetwork):
    """A network that learns nothing any more; its weights are rounded as a plug-in holds them.

    Its layers have two values more, the weight's `steps` and the size of a `step`.
    """

    def __init__(self, weights: Mapping[str, Tensor], masks: int) -> None:
        """Take over weights of `trainer.guide_weights`."""
        super().__init__(masks)
        for name, value in rounded(weights).items():
            self._hold(name, value)
        for name, layer in self.layers.items():
            self._hold(f"{name}_kernel", collapse(self.value(name, "steps") * self.value(name, "step"), layer))

    def _hold(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value.contiguous(), persistent=False)


class LearningNetwork(GuideNetwork):
    """A network whose parameters are weights of `trainer.guide_weights`, by their names."""

    def __init__(self, weights: Mapping[str, Tensor], masks: int) -> None:
        """Begin with weights."""
        super().__init__(masks)
        for name, value in weights.items():
            self.register_parameter(name, nn.Parameter(value.clone()))

    def value(self, layer: str, kind: str) -> Tensor:
        """Return what `GuideNetwork.value` tells of, made of parameters."""
        return (
            collapse(self.value(layer, "weight"), self.layers[layer])
            if kind == "kernel"
            else super().value(layer, kind)
        )
