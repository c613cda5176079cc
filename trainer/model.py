"""CausalDualPathRnn: one forward for training and for streaming."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer.config import Config
from trainer.guidance import Guidance
from trainer.guide import Guide
from trainer.layers import BandDecoder, BandEncoder, InterChunkPath, IntraChunkPath, compress
from trainer.separator import Separator


class CausalDualPathRnn(Separator):
    """A causal dual-path RNN that masks the complex spectrum (after Luo, Chen and Yoshioka, arXiv 1910.06379).

    The spectrum is split into chunks of `chunk_frames` frames and into bands. Inter-chunk LSTMs run forward in time
    and carry their state from call to call; intra-chunk paths see one whole chunk, which is complete when it arrives.
    Where the model is `guided`, all paths also hear what a guide makes of the last seconds.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        shape, targets = config.model, len(config.targets)
        self.bands = sum(count for count, _ in shape.bands)
        self.encoder = BandEncoder(shape.bands, config.channels, shape.features)
        self.inter = nn.ModuleList(InterChunkPath(shape.features, shape.chunk_frames) for _ in range(shape.blocks))
        self.intra = nn.ModuleList(
            IntraChunkPath(shape.features, self.bands, shape.chunk_frames) for _ in range(shape.blocks)
        )
        self.decoder = BandDecoder(shape.bands, targets, config.channels, shape.features)
        self.guidance = Guidance(config) if shape.guided else None

    @property
    def guide(self) -> Guide | None:
        """What listens along; None where nothing does."""
        return self.guidance.guide if self.guidance else None

    def own_state_shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of hidden and cell of every block, rows, features."""
        shape = self.config.model
        return {"inter": (2 * shape.blocks, shape.chunk_frames * batch * self.bands, shape.features)}

    def mask(
        self, mixture: Tensor, newest: Tensor, gain: Tensor, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what `Separator.mask` does."""
        heard, following, fade = compress(mixture * gain), {}, None
        features = self.encoder(heard)
        if self.guidance:
            hint, fade, following = self.guidance.listen(newest, gain, state)
            features = features + self.guidance.encode(hint, heard)
        states = state["inter"].split(1)
        next_states: list[Tensor] = []
        for index, (inter, intra) in enumerate(zip(self.inter, self.intra, strict=True)):
            features, hidden, cell = inter(features, states[2 * index], states[2 * index + 1])
            features = intra(features)
            next_states += [hidden, cell]
        features = self.decoder.norm(features)
        mask = self.decoder(features)
        if self.guidance:
            mask = self.guidance.follow(mask, hint, features)
        if fade is not None:
            mask = mask * fade[:, None, None, None, :, None]
        return mask, following | {"inter": torch.cat(next_states)}
