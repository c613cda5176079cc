"""What a dual-path network makes of its guide's mask: features to hear, and a share of the mask to go into its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.guide import BINS, Guide, extended
from trainer.layers import BandLinear

_FIRST_SHARE = 0.35  # what an average of both is best with, before either knows of the other


class Guidance(nn.Module):
    """The guide, an encoder of its mask, and a gate that says band by band how much of the mask to follow."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        shape, channels = config.model, config.channels
        self.guide = Guide(config)
        self.bands = [(count, width) for count, width in shape.bands]
        starts = torch.tensor([count * width for count, width in self.bands]).cumsum(0).tolist()
        heard = sum(start < BINS for start in (0, *starts[:-1]))  # groups of bands above hold nothing the guide heard
        self.groups = nn.ParameterList(
            nn.Parameter(_small(count, 2 * channels * width, shape.features)) for count, width in self.bands[:heard]
        )
        self.gate = BandLinear(sum(count for count, _ in self.bands), shape.features, channels)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, _FIRST_SHARE)

    def state_shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the states of the guide."""
        return self.guide.state_shapes(batch)

    def listen(
        self, mixture: Tensor, gain: Tensor, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
        """Return what `Guide.forward` does, the mask over all banded bins, `(batch, channels, banded, frames)`."""
        hint, fade, state = self.guide(mixture, gain, state)
        banded = sum(count * width for count, width in self.bands)
        return extended(hint, mixture.shape[2])[:, :, :banded], fade, state

    def encode(self, hint: Tensor, heard: Tensor) -> Tensor:
        """Map the mask and what it leaves of the compressed mixture to features `(frames, batch, bands, features)`."""
        batch, channels, banded, frames = hint.shape
        magnitudes = heard[:, :, :banded].square().sum(-1).sqrt()
        both = torch.stack([hint, hint * magnitudes], -1)
        outputs, start = [], 0
        for (count, width), weight in zip(self.bands, self.groups, strict=False):
            part = both[:, :, start : start + count * width].unflatten(2, (count, width))
            rows = part.permute(2, 4, 0, 1, 3, 5).reshape(count, frames * batch, 2 * channels * width)
            outputs.append(torch.matmul(rows, weight))
            start += count * width
        features = torch.cat(outputs).unflatten(1, (frames, batch)).permute(1, 2, 0, 3)
        return F.pad(features, (0, 0, 0, self.gate.weight.shape[0] - features.shape[2]))

    def follow(self, mask: Tensor, hint: Tensor, features: Tensor) -> Tensor:
        """Add the gated hint to the real part of `mask`, `(batch, targets, channels, banded, frames, 2)`.

        Args:
            mask: What the decoder wants.
            hint: Of `listen`.
            features: Normalised, `(frames, batch, bands, features)`.
        """
        frames, batch, bands, width = features.shape
        gates = self.gate(features.permute(2, 0, 1, 3).reshape(bands, frames * batch, width))
        gates = gates.unflatten(1, (frames, batch)).permute(2, 3, 0, 1)
        widths = torch.tensor([width for count, width in self.bands for _ in range(count)], device=gates.device)
        share = gates.repeat_interleave(widths, 2) * hint
        return mask + F.pad(share[:, None, ..., None], (0, 1))


def _small(bands: int, inputs: int, outputs: int) -> Tensor:
    """Return weights for inputs that are to add to what is known already."""
    bound = _FIRST_SHARE * inputs**-0.5
    return torch.empty(bands, inputs, outputs).uniform_(-bound, bound)
