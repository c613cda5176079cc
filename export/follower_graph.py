"""The graph of one call of a `Follower`, written node by node."""

from __future__ import annotations

import numpy as np

from export.guide_graph import GuideWriter
from export.separator_graph import Parts, SeparatorWriter
from trainer.follower import LEAST_MASK


class FollowerWriter(SeparatorWriter):
    """Writes the graph of one call of a `Follower`."""

    def estimate(self, mixture: Parts, newest: Parts, power: str, loudness: str) -> Parts:
        """Return what `SeparatorWriter.estimate` does."""
        guide = GuideWriter(self, self._network.guide)
        hint, fade = guide.write(*newest, loudness)
        bounds = (self.constant(f"bound_{end}", np.float32(abs(end - LEAST_MASK))) for end in (0, 1))
        hint = self.node("Clip", hint, *bounds)
        odds = self.node("Div", hint, self.node("Sub", self.constant("one", np.float32(1)), hint))
        sureness = self.constant("sureness", self._network.sureness.detach().numpy())
        hint = self.node("Sigmoid", self.node("Mul", self.node("Log", odds), sureness))
        mask = guide.extend(hint, self._bins)
        if fade:
            mask = self.node("Mul", mask, fade)
        mask = self.reshape(mask, 1, self._targets, self._channels, self._bins, self._frames, 1)
        return tuple(self.node("Mul", mask, part) for part in mixture)
