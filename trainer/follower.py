"""Follower: a separator that follows its guide and has no network of its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.guide import BINS, Guide
from trainer.separator import Separator

# Bins of the guide's mask whose mean stands for those above them.
HIGHEST_BINS = 64


class Follower(Separator):
    """Masks the mixture as its guide says, times a share for each bin.

    Attributes:
        share: How far the guide is followed, `(bins,)`; all that there is to learn.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._guide = Guide(config)
        self.share = nn.Parameter(torch.ones(config.stft.bins))

    @property
    def guide(self) -> Guide:
        """What listens along."""
        return self._guide

    def own_state_shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """Return nothing, for all it remembers is its guide's."""
        return {}

    def mask(
        self, mixture: Tensor, newest: Tensor, gain: Tensor, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what `Separator.mask` does."""
        hint, fade, following = self.guide(newest, gain, state)
        above = hint[:, :, -HIGHEST_BINS:].mean(2, keepdim=True).expand(-1, -1, mixture.shape[2] - BINS, -1)
        share = self.share[:, None] if fade is None else self.share[:, None] * fade[:, None, None]
        mask = torch.cat([hint, above], 2) * share
        return F.pad(mask[:, None, ..., None], (0, 1)), following
