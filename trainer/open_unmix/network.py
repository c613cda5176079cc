"""The network of Open-Unmix; its tensors carry the published names, so published weights fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from trainer.config import Config

# Bins in which nearly nothing ever sounds would be scaled up without end.
_SMALLEST_SCALE = 1e-4


class OpenUnmix(nn.Module):
    """A recurrent network that turns a mixture's magnitudes into a mask for one target.

    The bidirectional form hears all frames of a call and keeps no state. The unidirectional form carries its state
    from call to call, so that a stream in pieces gives what the whole gives.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        shape, bins, hidden = config.model, config.stft.bins, config.model.hidden
        self.input_mean = nn.Parameter(torch.zeros(shape.max_bin))
        self.input_scale = nn.Parameter(torch.ones(shape.max_bin))
        self.fc1 = nn.Linear(config.channels * shape.max_bin, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.lstm = nn.LSTM(
            hidden,
            hidden if shape.unidirectional else hidden // 2,
            shape.layers,
            bidirectional=not shape.unidirectional,
            dropout=shape.dropout if shape.layers > 1 else 0.0,
        )
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, config.channels * bins, bias=False)
        self.bn3 = nn.BatchNorm1d(config.channels * bins)
        self.output_scale = nn.Parameter(torch.ones(bins))
        self.output_mean = nn.Parameter(torch.ones(bins))

    def state_shapes(self, batch: int = 1) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the state: hidden and cell of every layer; nothing for the bidirectional form."""
        shape = self.config.model
        return {"inter": (2 * shape.layers, batch, shape.hidden)} if shape.unidirectional else {}

    @torch.no_grad()
    def standardize(self, spectra: Iterable[Tensor]) -> None:
        """Let the input layer shift and scale each bin by its mean and spread over mixtures.

        Args:
            spectra: Batches `(batch, channels, bins, frames, 2)`.
        """
        count, total, squares = 0, 0.0, 0.0
        for spectrum in spectra:
            magnitudes = _magnitudes(spectrum).mean(1)[:, : self.config.model.max_bin].double()
            count += magnitudes.shape[0] * magnitudes.shape[2]
            total, squares = total + magnitudes.sum((0, 2)), squares + magnitudes.square().sum((0, 2))
        mean = total / count
        spread = (squares / count - mean.square()).clamp(min=0).sqrt()
        self.input_mean.copy_(-mean)
        self.input_scale.copy_(1 / spread.clamp(min=_SMALLEST_SCALE * float(spread.max())))

    def forward(self, mixture: Tensor, state: Mapping[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Separate the next frames of a stream.

        Args:
            mixture: `(batch, channels, bins, frames, 2)`, real and imaginary part last.
            state: Of `state_shapes(batch)`, from the previous call; None starts a stream.

        Returns:
            Estimates `(batch, 1, channels, bins, frames, 2)` and the next state.
        """
        mask, state = self.mask(_magnitudes(mixture), state)
        return (mask[..., None] * mixture)[:, None], state

    def mask(self, magnitudes: Tensor, state: Mapping[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Map magnitudes `(batch, channels, bins, frames)` to a mask of the same shape, not negative."""
        batch, channels, bins, frames = magnitudes.shape
        rows = magnitudes.permute(3, 0, 1, 2)
        rows = (rows[..., : self.config.model.max_bin] + self.input_mean) * self.input_scale
        rows = torch.tanh(self.bn1(self.fc1(rows.reshape(frames * batch, -1))))
        recalled, state = self._recall(rows.reshape(frames, batch, -1), state)
        rows = torch.cat([rows, recalled.reshape(frames * batch, -1)], -1)
        rows = torch.relu(self.bn2(self.fc2(rows)))
        mask = self.bn3(self.fc3(rows)).reshape(frames, batch, channels, bins)
        return torch.relu(mask * self.output_scale + self.output_mean).permute(1, 2, 3, 0), state

    def _recall(self, rows: Tensor, state: Mapping[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor]]:
        if not self.config.model.unidirectional:
            return self.lstm(rows)[0], {}
        if state is None:
            state = {name: rows.new_zeros(shape) for name, shape in self.state_shapes(rows.shape[1]).items()}
        hidden, cell = state["inter"].chunk(2)
        recalled, states = self.lstm(rows, (hidden.contiguous(), cell.contiguous()))
        return recalled, {"inter": torch.cat(states)}


def _magnitudes(spectrum: Tensor) -> Tensor:
    return spectrum.square().sum(-1).sqrt()
