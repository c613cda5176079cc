"""The guide: a separator that knows thousands of songs listens along and says where the voice is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime.stft import window_pair
from trainer.config import Config
from trainer.errors import TrainerError
from trainer.evaluate import spleeter
from trainer.guide_layers import FRAMES, LEVELS, MASK, collapse, guide_layers

CREDIT = "Spleeter 2-stems by Deezer (MIT, trained on its Bean dataset, which is not public) as the guide"
BINS = spleeter.BINS
HOPS_PER_FRAME = 2  # its frames lie twice as far apart as the hops of what it guides; each begins a run
# A run is spread over as many calls and one more, so that none is late; then its masks are in use until the next.
DELAY_HOPS = 1
LEAK = 0.2
# The least power of a bin.
POWER_FLOOR = 1e-12
# Of the level everything is heard at; louder, it takes more for vocals than there is.
LEVEL = 0.7
# Bins on either side that the second window reaches to. Below zero there are mirror images.
_REACH = 4
MIRRORED = np.abs(np.arange(-_REACH, BINS + _REACH))
SIGNS = np.stack([np.ones(BINS + 2 * _REACH), np.where(np.arange(-_REACH, BINS + _REACH) < 0, -1, 1)], -1)


class Guide(nn.Module):
    """The vocals network of Spleeter 2-stems (Hennequin et al., JOSS 2020), never trained on here.

    It hears magnitudes of the last `FRAMES` frames, brought to one level, and masks the newest of them. Where what it
    guides trails by a lookahead, these are older frames, whose future it knows by then. It was trained under Hann
    windows, whose main lobe is wider than that of our analysis window; the square of ours comes near them. Weights are
    rounded to as many steps for each output as eight bits count, and all else to float16, which is how a plug-in holds
    them.

    Attributes:
        scale: What brings magnitudes under its window to those it was trained with.
        window: What windows a spectrum once more, `(2, 2, taps)`, a kernel from and to real and imaginary parts.
        ages: How many frames before the newest the mask stands that is in use in each hop from one run to the next.
        layers: What it computes, in order.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.channels = config.channels
        if reason := spleeter.unavailable():
            raise TrainerError(f"a guided model needs Spleeter, which is {reason}")
        window, kernel = _second_window(window_pair(config.stft)[0])
        hann = np.square(window_pair(spleeter.STFT)[0]).sum()
        self.scale = LEVEL * float(np.sqrt(hann / np.square(window).sum()))
        self.register_buffer("window", torch.from_numpy(kernel).float(), persistent=False)
        self.register_buffer("signs", torch.from_numpy(SIGNS).float(), persistent=False)
        first_late = DELAY_HOPS - config.model.lookahead_hops
        self.ages = [max(0, -(late // HOPS_PER_FRAME)) for late in range(first_late, first_late + HOPS_PER_FRAME)]
        self.layers = guide_layers(max(self.ages) + 1)
        network = spleeter.load_networks()[0]
        for level in range(1, LEVELS + 1):
            convolution, activation = getattr(network, f"down{level}_conv")[1], getattr(network, f"down{level}_act")
            self._keep(f"down{level}", convolution.weight, convolution.bias, *_scale_and_shift(activation[0]))
            up = getattr(network, f"up{level}")
            self._keep(f"up{level}", up[0].weight.transpose(0, 1), up[0].bias, *_scale_and_shift(up[3]))
        self._keep("mask", network.up7[0].weight, network.up7[0].bias)

    def _keep(self, name: str, weight: Tensor, *others: Tensor) -> None:
        weight = weight.detach()
        step = weight.abs().amax((1, 2, 3), keepdim=True) / torch.iinfo(torch.int8).max
        steps = (weight / step).round()
        self._buffer(name, "steps", steps.to(torch.int8))
        self._buffer(name, "step", step)
        self._buffer(name, "kernel", collapse(steps * step, self.layers[name]))
        for kind, value in zip(("bias", "scale", "shift"), others, strict=False):
            self._buffer(name, kind, value.detach().half().float())

    def _buffer(self, layer: str, kind: str, value: Tensor) -> None:
        self.register_buffer(f"{layer}_{kind}", value.contiguous(), persistent=False)

    @property
    def parameter_count(self) -> int:
        """How many numbers it was trained to hold."""
        kinds = ("steps", "bias", "scale", "shift")
        return sum(value.numel() for name, value in self.named_buffers() if name.endswith(kinds))

    def value(self, layer: str, kind: str) -> Tensor:
        """Return the `bias`, `scale`, `shift` or `kernel` of a layer, or its weights' `steps` and size of a `step`."""
        return getattr(self, f"{layer}_{kind}")

    def state_shapes(self, batch: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what was heard, of the masks in use and next, and of the hop between frames."""
        return {
            "guide_heard": (batch, self.channels, FRAMES, BINS),
            "guide_masks": (batch, 2, self.channels, self.layers[MASK].columns_out, BINS),
            "guide_hop": (batch, 1),
        }

    @torch.no_grad()
    def forward(self, mixture: Tensor, gain: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Follow the next frames of a stream.

        Args:
            mixture: `(batch, channels, bins, frames, 2)`.
            gain: `(batch, 1, 1, frames, 1)`, what brings each frame to the level the guide hears everything at.
            state: Of `state_shapes(batch)`, from the previous call, zero at the start; among others.

        Returns:
            For every frame the mask in use, `(batch, channels, BINS, frames)`, and the next state.
        """
        frames, begin = mixture.shape[3], int(state["guide_hop"][0])
        first = (HOPS_PER_FRAME - 1 - begin) % HOPS_PER_FRAME
        heard = torch.cat([state["guide_heard"], self.hear(mixture[:, :, :, first::HOPS_PER_FRAME])], 2)
        ends = range(HOPS_PER_FRAME - 1 - begin, frames, HOPS_PER_FRAME)
        masks = [*state["guide_masks"].unbind(1)]
        if ends:
            windows = torch.stack(
                [heard[:, :, n : n + FRAMES] * gain[..., end, :] for n, end in enumerate(ends, start=1)]
            )
            masks += self.masks(windows.flatten(0, 1)).unflatten(0, (len(ends), -1)).unbind(0)
        hops = begin + torch.arange(frames, device=mixture.device) - DELAY_HOPS + 1
        columns = torch.tensor([-1 - age for age in self.ages], device=mixture.device)[hops % HOPS_PER_FRAME]
        runs = torch.div(hops, HOPS_PER_FRAME, rounding_mode="floor") + 1
        in_use = torch.stack(masks)[runs, :, :, columns]
        done = (begin + frames) // HOPS_PER_FRAME
        return in_use.permute(1, 2, 3, 0), {
            "guide_heard": heard[:, :, -FRAMES:],
            "guide_masks": torch.stack(masks[done : done + 2], 1),
            "guide_hop": torch.full_like(state["guide_hop"], (begin + frames) % HOPS_PER_FRAME),
        }

    def hear(self, mixture: Tensor) -> Tensor:
        """Map spectra `(batch, channels, bins, frames, 2)` to magnitudes heard, `(batch, channels, frames, BINS)`."""
        parts = (mixture[:, :, MIRRORED] * self.signs[:, None]).permute(0, 1, 3, 4, 2)
        with torch.autocast(mixture.device.type, enabled=False):
            windowed = F.conv1d(parts.flatten(0, 2), self.window)
        magnitudes = self.scale * (windowed.square().sum(1) + POWER_FLOOR).sqrt()
        return magnitudes.unflatten(0, parts.shape[:3])

    def masks(self, windows: Tensor) -> Tensor:
        """Map magnitudes `(windows, channels, FRAMES, BINS)` to masks `(windows, channels, columns, BINS)`."""
        rows, skipped = windows.contiguous(memory_format=torch.channels_last), []
        for level in range(1, LEVELS + 1):
            rows = self._down(f"down{level}", rows)
            skipped.append(rows)
            rows = F.leaky_relu(self._normalise(f"down{level}", rows), LEAK)
        rows = skipped.pop()
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


def _second_window(window: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the square of a window, as near as few bins come, and the kernel that gives it to spectra under the first.

    A product of windows is a convolution of spectra.

    Returns:
        `(n_fft,)`, and `(2, 2, taps)` for convolutions as torch and ONNX have them, which turn no kernel round.
    """
    spectrum = np.fft.fft(window) / len(window)
    reach = np.arange(-_REACH, _REACH + 1)
    kept = np.zeros_like(spectrum)
    kept[reach] = spectrum[reach]
    taps = spectrum[-reach]
    kernel = np.array([[taps.real, -taps.imag], [taps.imag, taps.real]])
    return window * (len(window) * np.fft.ifft(kept).real), kernel


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale[:, None, None], (norm.bias - norm.running_mean * scale)[:, None, None]
