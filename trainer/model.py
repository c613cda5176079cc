"""CausalDualPathRnn: one forward for training and for streaming."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.guidance import Guidance
from trainer.layers import BandDecoder, BandEncoder, InterChunkPath, IntraChunkPath, compress
from trainer.level import LEVEL_VALUES, RunningLevel
from trainer.spatial import SpatialFilter


class CausalDualPathRnn(nn.Module):
    """A causal dual-path RNN that masks the complex spectrum (after Luo, Chen and Yoshioka, arXiv 1910.06379).

    The spectrum is split into chunks of `chunk_frames` frames and into bands. Inter-chunk LSTMs run forward in time
    and carry their state from call to call; intra-chunk paths see one whole chunk, which is complete when it arrives.
    All paths hear the mixture at the same level, whatever its own is. Where the model is `guided`, they also hear what
    a guide makes of the last seconds; where it is `spatial`, its estimates are filtered by where they stand.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        shape, targets = config.model, len(config.targets)
        self.bands = sum(count for count, _ in shape.bands)
        self.level = RunningLevel(config)
        self.encoder = BandEncoder(shape.bands, config.channels, shape.features)
        self.inter = nn.ModuleList(InterChunkPath(shape.features, shape.chunk_frames) for _ in range(shape.blocks))
        self.intra = nn.ModuleList(
            IntraChunkPath(shape.features, self.bands, shape.chunk_frames) for _ in range(shape.blocks)
        )
        self.decoder = BandDecoder(shape.bands, targets, config.channels, shape.features)
        self.guidance = Guidance(config) if shape.guided else None
        self.spatial = SpatialFilter(config) if shape.spatial else None

    def state_shapes(self, batch: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the state: hidden and cell of every block, rows, features; then level and guide."""
        shape = self.config.model
        inter = (2 * shape.blocks, shape.chunk_frames * batch * self.bands, shape.features)
        guide = self.guidance.state_shapes(batch) if self.guidance else {}
        spatial = self.spatial.state_shapes(batch) if self.spatial else {}
        ahead = (batch, self.config.channels, self.config.stft.bins, shape.lookahead_hops, 2)
        waiting = {"ahead": ahead} if shape.lookahead_hops else {}
        return {"inter": inter, "level": (batch, LEVEL_VALUES)} | guide | waiting | spatial

    def forward(self, mixture: Tensor, state: Mapping[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Separate the next frames of a stream; estimates trail by `lookahead_hops` frames.

        Args:
            mixture: `(batch, channels, bins, frames, 2)`, real and imaginary part last; frames a multiple of
                `chunk_frames`.
            state: Of `state_shapes(batch)`, from the previous call; None starts a stream.

        Returns:
            Estimates `(batch, targets, channels, bins, frames, 2)` and the next state.
        """
        if state is None:
            state = {name: mixture.new_zeros(shape) for name, shape in self.state_shapes(mixture.shape[0]).items()}
        gain, level = self.level(mixture, state["level"])
        newest, following = mixture, {}
        if late := self.config.model.lookahead_hops:
            waiting = torch.cat([state["ahead"], newest], 3)
            mixture, following["ahead"] = waiting[:, :, :, :-late], waiting[:, :, :, -late:]
        heard = compress(mixture * gain)
        features = self.encoder(heard)
        if self.guidance:
            hint, fade, guide_state = self.guidance.listen(newest, gain, state)
            following |= guide_state
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
        estimates = self._apply_mask(mask, mixture)
        if self.spatial:
            vocals, following["spatial"] = self.spatial(estimates[:, 0], mixture, state["spatial"])
            estimates = vocals[:, None]
        return estimates, {"inter": torch.cat(next_states), "level": level} | following

    def _apply_mask(self, mask: Tensor, mixture: Tensor) -> Tensor:
        banded = mask.shape[3]
        real, imag = mixture[:, None, :, :banded].unbind(-1)
        mask_real, mask_imag = mask.unbind(-1)
        estimates = torch.stack([mask_real * real - mask_imag * imag, mask_real * imag + mask_imag * real], -1)
        return F.pad(estimates, (0, 0, 0, 0, 0, mixture.shape[2] - banded))
