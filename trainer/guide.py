"""The guide: a separator that knows thousands of songs listens along, a little late, and says where the voice is."""

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

CREDIT = "Spleeter 2-stems by Deezer (MIT, trained on its Bean dataset, which is not public) as the guide"
BINS = spleeter.BINS
FRAMES = 64  # the least its network takes, one and a half seconds
HOPS_PER_FRAME = 2  # its frames lie twice as far apart as the hops of what it guides
PERIOD_HOPS = 8  # from one run to the next
# A run is spread over as many calls and one more, so that none is late; then its mask is in use for one period.
DELAY_HOPS = 4
LEVELS = 6
LEAK = 0.2
# Of the mask only the newest frame is wanted, which the last columns of every level decide.
COLUMNS = 3
# The least power of a bin.
POWER_FLOOR = 1e-12


class Guide(nn.Module):
    """The vocals network of Spleeter 2-stems (Hennequin et al., JOSS 2020), never trained on here.

    It hears magnitudes of the last `FRAMES` frames, brought to one level, and masks the newest of them. Nothing after
    that frame is known to it. Weights are rounded to float16, which is how a plug-in holds them.

    Attributes:
        window_scale: What brings magnitudes under our window to those under the Hann window it was trained with.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.channels = config.channels
        if reason := spleeter.unavailable():
            raise TrainerError(f"a guided model needs Spleeter, which is {reason}")
        hann, ours = (np.square(window_pair(stft)[0]).sum() for stft in (spleeter.STFT, config.stft))
        self.window_scale = float(np.sqrt(hann / ours))
        network = spleeter.load_networks()[0]
        for level in range(1, LEVELS + 1):
            convolution, activation = getattr(network, f"down{level}_conv")[1], getattr(network, f"down{level}_act")
            self._keep(f"down{level}", convolution.weight, convolution.bias, *_scale_and_shift(activation[0]))
            up = getattr(network, f"up{level}")
            self._keep(f"up{level}", up[0].weight, up[0].bias, *_scale_and_shift(up[3]))
            kernel = _as_convolution(getattr(self, f"up{level}_weight"))
            self.register_buffer(f"up{level}_kernel", kernel, persistent=False)
        self._keep("mask", network.up7[0].weight[:, :, :2], network.up7[0].bias)

    def _keep(self, name: str, *values: Tensor) -> None:
        for kind, value in zip(("weight", "bias", "scale", "shift"), values, strict=False):
            self.register_buffer(f"{name}_{kind}", value.detach().half().float().contiguous(), persistent=False)

    @property
    def parameter_count(self) -> int:
        """How many numbers it was trained to hold."""
        return sum(value.numel() for name, value in self.named_buffers() if not name.endswith("_kernel"))

    def layer(self, name: str) -> list[Tensor]:
        """Return weight and bias of a layer, and the scale and shift of its normalisation."""
        return [getattr(self, f"{name}_{kind}") for kind in ("weight", "bias", "scale", "shift")]

    def state_shapes(self, batch: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what was heard, of the masks in use and next, and of the place in the period."""
        return {
            "guide_heard": (batch, self.channels, FRAMES, BINS),
            "guide_masks": (batch, 2, self.channels, BINS),
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
        power = mixture[:, :, :BINS].square().sum(-1) + POWER_FLOOR
        first = (HOPS_PER_FRAME - 1 - begin) % HOPS_PER_FRAME
        magnitudes = (self.window_scale * power.sqrt()).transpose(2, 3)[:, :, first::HOPS_PER_FRAME]
        heard = torch.cat([state["guide_heard"], magnitudes], 2)
        ends = range(PERIOD_HOPS - 1 - begin, frames, PERIOD_HOPS)
        masks = [*state["guide_masks"].unbind(1)]
        if ends:
            counts = [(begin + end + 1) // HOPS_PER_FRAME - begin // HOPS_PER_FRAME for end in ends]
            windows = torch.stack(
                [heard[:, :, n : n + FRAMES] * gain[..., end, :] for n, end in zip(counts, ends, strict=True)]
            )
            masks += self.mask(windows.flatten(0, 1)).unflatten(0, (len(counts), -1)).unbind(0)
        hops = begin + torch.arange(frames, device=mixture.device)
        in_use = torch.stack(masks)[torch.div(hops - DELAY_HOPS + 1, PERIOD_HOPS, rounding_mode="floor") + 1]
        done = (begin + frames) // PERIOD_HOPS
        return in_use.permute(1, 2, 3, 0), {
            "guide_heard": heard[:, :, -FRAMES:],
            "guide_masks": torch.stack(masks[done : done + 2], 1),
            "guide_hop": torch.full_like(state["guide_hop"], (begin + frames) % PERIOD_HOPS),
        }

    def mask(self, windows: Tensor) -> Tensor:
        """Map magnitudes `(windows, channels, FRAMES, BINS)` to masks `(windows, channels, BINS)` of the last frame."""
        rows, skipped = windows.contiguous(memory_format=torch.channels_last), []
        for level in range(1, LEVELS + 1):
            weight, bias, scale, shift = self.layer(f"down{level}")
            rows = F.conv2d(F.pad(rows, (1, 2, 1, 2)), weight, bias, stride=2)
            skipped.append(rows[:, :, -COLUMNS:])
            rows = F.leaky_relu(rows * scale + shift, LEAK)
        rows = skipped.pop()
        for level in range(1, LEVELS + 1):
            rows = self._up(level, rows)
            if skipped:
                skip = skipped.pop()
                rows = torch.cat([skip, rows[:, :, -skip.shape[2] :]], 1)
        # Its kernel skips every other frame and begins three before the newest; what follows that is silence.
        rows = F.pad(rows[:, :, :COLUMNS:2], (3, 3))
        return F.conv2d(rows, self.mask_weight, self.mask_bias, dilation=(1, 2))[:, :, 0].float().sigmoid()

    def _up(self, level: int, rows: Tensor) -> Tensor:
        _, bias, scale, shift = self.layer(f"up{level}")
        # Before the first column of a level there is silence; else the first only completes the second.
        before = int(rows.shape[2] < COLUMNS)
        kernel = getattr(self, f"up{level}_kernel")
        rows = F.conv2d(F.pad(rows, (1, 1, before, 1)), kernel, bias.repeat_interleave(4))
        rows = rows.unflatten(1, (-1, 2, 2)).permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3)
        return rows.relu() * scale + shift


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale[:, None, None], (norm.bias - norm.running_mean * scale)[:, None, None]


def _as_convolution(weight: Tensor) -> Tensor:
    """Turn the kernel `(inputs, outputs, 5, 5)` of a transposed convolution of stride 2 into that of a plain one.

    The processor runs that twice as fast, and it needs no columns that are not wanted.

    Returns:
        `(4 * outputs, inputs, 3, 3)`; the outputs of each place are its two rows by two columns.
    """
    inputs, outputs = weight.shape[:2]
    taps = F.pad(weight.flatten(2), (0, 1))[..., torch.from_numpy(place_taps())]
    return taps.permute(1, 2, 0, 3).reshape(4 * outputs, inputs, 3, 3).contiguous()


def place_taps() -> NDArray[np.int64]:
    """Return which of 25 taps, or 25 for none, meets each of 3 x 3 neighbours in each of 2 x 2 places, `(4, 9)`."""
    # By place: the tap that meets the neighbour before, the place itself and the neighbour after; 5 is none.
    along = np.array([(3, 1, 5), (4, 2, 0)])
    rows, columns = along[:, None, :, None], along[None, :, None, :]
    return np.where((rows < 5) & (columns < 5), 5 * rows + columns, 25).reshape(4, 9)
