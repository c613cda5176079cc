"""The guide: a separator that knows thousands of songs listens along and says where the voice is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime.stft import window_pair
from trainer.architecture_settings import GUIDE_FRAME_SAMPLES
from trainer.config import Config
from trainer.evaluate import spleeter
from trainer.guide_layers import FRAMES_COUNTED
from trainer.guide_network import RoundedNetwork
from trainer.guide_weights import read_weights
from trainer.presence import Presence, gain_of

CREDIT = "Spleeter 2-stems by Deezer (MIT, trained on its Bean dataset, which is not public), as which the guide began"
# The lowest, up to 8.3 kHz: a quarter less than Spleeter hears, for what lies above changes nothing that is measured.
BINS = 768
# Whose mean mask stands for all bins above those it hears.
HIGHEST_BINS = 64
# The name of the state that holds what a level of its network remembers.
PAST = "guide_past{}"
# The least power of a bin.
POWER_FLOOR = 1e-12
# Of the level everything is heard at; louder, it takes more for vocals than there is.
LEVEL = 0.7
# Bins on either side that the second window reaches to. Below zero there are mirror images.
_REACH = 4
MIRRORED = np.abs(np.arange(-_REACH, BINS + _REACH))
SIGNS = np.stack([np.ones(BINS + 2 * _REACH), np.where(np.arange(-_REACH, BINS + _REACH) < 0, -1, 1)], -1)


class Guide(nn.Module):
    """A network that began as the vocals network of Spleeter 2-stems, and what it says of the voice while it listens.

    With every frame of its own it hears that frame's magnitudes, brought to one level, remembers what it needs of the
    last seconds, and masks the newest frames; its masks are in use until its next frame. Where what it guides trails by
    a lookahead, these are older frames, whose future it knows by then. Spleeter was trained under Hann windows, whose
    main lobe is wider than that of our analysis window; the square of ours comes near them.

    Attributes:
        scale: What brings magnitudes under its window to those it was trained with.
        window: What windows a spectrum once more, `(2, 2, taps)`, a kernel from and to real and imaginary parts.
        frame_hops: Hops from one of its frames to the next.
        hops_counted: After as many, its hops are counted anew.
        ages: Of `mask_ages`.
        masks: How many of them a run gives.
        network: What makes them.
        presence: What knows at its bottom whether anybody sings; None where nobody asks.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.channels = config.channels
        window, kernel = _second_window(window_pair(config.stft)[0])
        hann = np.square(window_pair(spleeter.STFT)[0]).sum()
        self.scale = LEVEL * float(np.sqrt(hann / np.square(window).sum()))
        self.register_buffer("window", torch.from_numpy(kernel).float(), persistent=False)
        self.register_buffer("signs", torch.from_numpy(SIGNS).float(), persistent=False)
        self.frame_hops = GUIDE_FRAME_SAMPLES // config.stft.hop_length
        self.hops_counted = FRAMES_COUNTED * self.frame_hops
        self.ages = mask_ages(config.model.lookahead_hops, self.frame_hops)
        self.masks = max(self.ages) + 1
        self.network = RoundedNetwork(read_weights(config.model.guide_path), self.masks)
        self.presence = Presence(config) if config.model.presence else None

    @property
    def parameter_count(self) -> int:
        """How many numbers its network, and what hears by it who sings, were trained to hold."""
        kinds = ("steps", "bias", "scale", "shift", "output_weight")
        return sum(value.numel() for name, value in self.named_buffers() if name.endswith(kinds))

    def state_shapes(self, batch: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what was heard, of what levels remember, of masks, of the hops, and of absence."""
        shapes = {
            "guide_heard": (batch, self.channels, self.network.past_columns[0], BINS),
            "guide_masks": (batch, self.channels, self.masks, BINS),
            "guide_hop": (batch, 1),
        }
        shapes |= {PAST.format(level): shape for level, shape in self.network.past_shapes(batch, BINS).items()}
        return shapes | ({"guide_absence": (batch, 1)} if self.presence else {})

    @torch.no_grad()
    def forward(
        self, mixture: Tensor, gain: Tensor, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
        """Follow the next frames of a stream.

        Args:
            mixture: `(batch, channels, bins, frames, 2)`.
            gain: `(batch, 1, 1, frames, 1)`, what brings each frame to the level the guide hears everything at.
            state: Of `state_shapes(batch)`, from the previous call, zero at the start; among others.

        Returns:
            For every frame the mask in use, `(batch, channels, BINS, frames)`, and the gain that fades estimates where
            nobody sings, `(batch, frames)`, None without `presence`; and the next state.
        """
        frames, (begin, hop) = mixture.shape[3], divmod(int(state["guide_hop"][0]), self.frame_hops)
        first = self.frame_hops - 1 - hop
        heard = self.hear(mixture[:, :, :, first :: self.frame_hops]) * gain[:, :, 0, first :: self.frame_hops]
        heard = torch.cat([state["guide_heard"], heard], 2)
        masks, absences = [state["guide_masks"]], [state.get("guide_absence")]
        past = {level: state[PAST.format(level)] for level in self.network.past_columns if level}
        if ends := len(range(first, frames, self.frame_hops)):
            levels, past = self.network.follow(heard, past, begin)
            masks += self.network.climb(levels).unflatten(0, (ends, -1)).unbind(0)
            if self.presence:
                absent = self.presence.detector(levels[-1].flatten(1)).unflatten(0, (ends, -1))
                absences += self.presence.follow(absent, absences[0])
        hops = hop + 1 + torch.arange(frames, device=mixture.device)
        columns = torch.tensor([-1 - age for age in self.ages], device=mixture.device)[hops % self.frame_hops]
        runs = torch.div(hops, self.frame_hops, rounding_mode="floor")
        in_use = torch.stack(masks)[runs, :, :, columns].permute(1, 2, 3, 0)
        following = {
            "guide_heard": heard[:, :, -self.network.past_columns[0] :],
            "guide_masks": masks[-1],
            "guide_hop": (state["guide_hop"] + frames) % self.hops_counted,
        } | {PAST.format(level): columns for level, columns in past.items()}
        if self.presence is None:
            return in_use, None, following
        return in_use, gain_of(torch.cat(absences, 1))[:, runs], following | {"guide_absence": absences[-1]}

    def hear(self, mixture: Tensor) -> Tensor:
        """Map spectra `(batch, channels, bins, frames, 2)` to magnitudes heard, `(batch, channels, frames, BINS)`."""
        parts = (mixture[:, :, MIRRORED] * self.signs[:, None]).permute(0, 1, 3, 4, 2)
        with torch.autocast(mixture.device.type, enabled=False):
            windowed = F.conv1d(parts.flatten(0, 2), self.window)
        magnitudes = self.scale * (windowed.square().sum(1) + POWER_FLOOR).sqrt()
        return magnitudes.unflatten(0, parts.shape[:3])


def extended(mask: Tensor, bins: int) -> Tensor:
    """Return a mask `(batch, channels, BINS, frames)` over as many `bins` from DC up."""
    above = mask[:, :, -HIGHEST_BINS:].mean(2, keepdim=True).expand(-1, -1, bins - BINS, -1)
    return torch.cat([mask, above], 2)


def mask_ages(lookahead_hops: int, frame_hops: int) -> list[int]:
    """Return how many frames before the newest the mask in use stands, in each hop from one frame to the next."""
    return [max(0, lookahead_hops - hop) // frame_hops for hop in range(frame_hops)]


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
