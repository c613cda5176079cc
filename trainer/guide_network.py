"""The network of the guide, where only its newest masks are wanted."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.guide_layers import LEVELS, MASK, collapse, column_frames, guide_layers, past_columns
from trainer.guide_weights import rounded

LEAK = 0.2


class GuideNetwork(nn.Module):
    """The U-Net of Spleeter (Hennequin et al., JOSS 2020), which maps magnitudes of the last frames to masks.

    Attributes:
        layers: What it computes, in order.
        past_columns: How many finished columns levels remember of a stream; frames are level 0.
    """

    def __init__(self, masks: int) -> None:
        """Prepare for weights; `masks` are wanted, the newest."""
        super().__init__()
        self.layers = guide_layers(masks)
        self.past_columns = past_columns(self.layers)

    def value(self, layer: str, kind: str) -> Tensor:
        """Return the `weight`, `bias`, `scale` or `shift` of a layer, or the `kernel` that `collapse` makes of one."""
        return getattr(self, f"{layer}_{kind}")

    def forward(self, windows: Tensor) -> Tensor:
        """Map magnitudes `(windows, channels, FRAMES, BINS)` to masks `(windows, channels, columns, BINS)`."""
        return self.climb(self.descend(windows))

    def descend(self, windows: Tensor) -> list[Tensor]:
        """Return what each level on the way down gives, `(windows, outputs, columns, bins)`, the bottom last."""
        rows, levels = windows.contiguous(memory_format=torch.channels_last), []
        for level in range(1, LEVELS + 1):
            weight, bias = (self.value(f"down{level}", kind) for kind in ("weight", "bias"))
            levels.append(F.conv2d(F.pad(rows, (1, 2, 1, 2)), weight, bias, stride=2))
            rows = self._passed_on(level, levels[-1])
        return levels

    def past_shapes(self, batch: int, bins: int) -> dict[int, tuple[int, ...]]:
        """Return the shapes of what levels remember of a stream, by their numbers."""
        counts = {level: count for level, count in self.past_columns.items() if level}
        outputs = {level: self.value(f"down{level}", "bias").shape[0] for level in counts}
        return {level: (batch, outputs[level], count, bins >> level) for level, count in counts.items()}

    def follow(self, heard: Tensor, past: Mapping[int, Tensor], begin: int) -> tuple[list[Tensor], dict[int, Tensor]]:
        """Descend with every frame of a stream, as far as it changes anything.

        Unlike in a window, what came before the last `FRAMES` frames is no silence.

        Args:
            heard: Magnitudes `(batch, channels, past_columns[0] + frames, BINS)`, those of the past first.
            past: What levels remember, of `past_shapes`, zero at the start: as they pass it on.
            begin: How many frames came before.

        Returns:
            The newest columns of each level, `(frames * batch, outputs, columns, bins)`, and the next past.
        """
        frames = heard.shape[2] - self.past_columns[0]
        numbers = begin + torch.arange(frames, device=heard.device)
        rows = heard.unfold(2, self.past_columns[0] + 1, 1).permute(2, 0, 1, 4, 3).flatten(0, 1)
        levels, following = [], {}
        for level in range(1, LEVELS + 1):
            levels.append(self._down(f"down{level}", rows))
            rows = self._passed_on(level, levels[-1])
            if level in past:
                remembered = numbers % column_frames(level) == 0
                finished = rows[:, :, 0].unflatten(0, (frames, -1))[remembered].permute(1, 2, 0, 3)
                series, count = torch.cat([past[level], finished], 2), past[level].shape[2]
                first = remembered.cumsum(0) - remembered.long()
                older = series[:, :, first[:, None] + torch.arange(count, device=heard.device)]
                rows = torch.cat([older.permute(2, 0, 1, 3, 4).flatten(0, 1), rows], 2)
                following[level] = series[:, :, -count:]
        return levels, following

    def climb(self, levels: list[Tensor]) -> Tensor:
        """Make masks of what `descend` or `follow` returned."""
        *skipped, rows = levels
        for level in range(1, LEVELS + 1):
            rows = self._normalise(f"up{level}", self._up(f"up{level}", rows).relu())
            if skipped:
                rows = torch.cat([skipped.pop()[:, :, -rows.shape[2] :], rows], 1)
        return self._convolve(MASK, rows, 3, 3, dilation=(1, 2)).squeeze(3).float().sigmoid()

    def _down(self, layer: str, rows: Tensor) -> Tensor:
        if self.layers[layer].taps is not None:
            return self._convolve(layer, rows, 1, 2, stride=(1, 2)).squeeze(3)
        return F.conv2d(F.pad(rows, (1, 2, 0, 2)), self.value(layer, "weight"), self.value(layer, "bias"), stride=2)

    def _passed_on(self, level: int, columns: Tensor) -> Tensor:
        return F.leaky_relu(self._normalise(f"down{level}", columns), LEAK)

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
            self._hold(f"{name}_weight", self.value(name, "steps") * self.value(name, "step"))
            if layer.taps is not None:
                self._hold(f"{name}_kernel", collapse(self.value(name, "weight"), layer))

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
