"""Follower: a separator that follows its guide and has no network of its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.guide import BINS, Guide, extended
from trainer.separator import Separator

# Of what is sure to be no voice; its logit is finite.
LEAST_MASK = 1e-6
# What is best for the guide that ships, on the validation songs.
_FIRST_SURENESS = 2 / 3


class Follower(Separator):
    """Masks the mixture as its guide says, but not as surely.

    A guide learns what is likelier, and is surer of it than it is right; its logits are scaled (Guo et al., "On
    calibration of modern neural networks", ICML 2017).

    Attributes:
        sureness: What the logits of each bin the guide hears are multiplied with, `(BINS,)`; all there is to learn.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._guide = Guide(config)
        self.sureness = nn.Parameter(torch.full((BINS,), _FIRST_SURENESS))

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
        hint = (hint.clamp(LEAST_MASK, 1 - LEAST_MASK).logit() * self.sureness[:, None]).sigmoid()
        mask = extended(hint, mixture.shape[2])
        if fade is not None:
            mask = mask * fade[:, None, None]
        return F.pad(mask[:, None, ..., None], (0, 1)), following
