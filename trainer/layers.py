"""The parts of the dual-path network, all on features `(frames, batch, bands, features)`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Keeps the compression of silence, and its gradient, finite.
POWER_FLOOR = 1e-4


def compress(spectrum: Tensor) -> Tensor:
    """Take the square root of the magnitudes of a `(..., 2)` spectrum and keep the phases: it evens out the bands."""
    real, imag = spectrum.unbind(-1)
    power = real.square() + imag.square() + POWER_FLOOR
    # As complex numbers, for a product with pairs would be a loop over every two values.
    return torch.view_as_real(torch.view_as_complex(spectrum) * power.sqrt().rsqrt())


class BandLinear(nn.Module):
    """A linear map of its own for each band."""

    def __init__(self, bands: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(bands, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(bands, 1, outputs).uniform_(-bound, bound))

    def forward(self, rows: Tensor) -> Tensor:
        """Map `(bands, rows, inputs)` to `(bands, rows, outputs)`."""
        return torch.matmul(rows, self.weight) + self.bias


class BandEncoder(nn.Module):
    """Turn groups of equally wide bands of a stereo spectrum into one feature vector per band."""

    def __init__(self, bands: tuple[tuple[int, int], ...], channels: int, features: int) -> None:
        super().__init__()
        self.bands = bands
        self.groups = nn.ModuleList(BandLinear(count, 3 * channels * width, features) for count, width in bands)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Map `(batch, channels, bins, frames, 2)` to `(frames, batch, bands, features)`."""
        batch, channels, _, frames, _ = spectrum.shape
        # Phases turn from frame to frame, and magnitudes are hard to learn from them: give both.
        spectrum = torch.cat([spectrum, spectrum.square().sum(-1, keepdim=True).sqrt()], -1)
        outputs, start = [], 0
        for (count, width), linear in zip(self.bands, self.groups, strict=True):
            part = spectrum[:, :, start : start + count * width].reshape(batch, channels, count, width, frames, 3)
            rows = part.permute(2, 4, 0, 1, 3, 5).reshape(count, frames * batch, 3 * channels * width)
            outputs.append(linear(rows))
            start += count * width
        features = torch.cat(outputs, 0)
        return features.reshape(features.shape[0], frames, batch, -1).permute(1, 2, 0, 3)


class BandDecoder(nn.Module):
    """Turn one feature vector per band into a complex mask per target and channel."""

    def __init__(self, bands: tuple[tuple[int, int], ...], targets: int, channels: int, features: int) -> None:
        super().__init__()
        self.bands, self.targets, self.channels = bands, targets, channels
        self.norm = nn.LayerNorm(features)
        self.hidden = BandLinear(sum(count for count, _ in bands), features, features)
        self.groups = nn.ModuleList(
            BandLinear(count, features, 2 * targets * channels * width) for count, width in bands
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map normalised `(frames, batch, bands, features)` to `(batch, targets, channels, banded bins, frames, 2)`."""
        frames, batch, bands, _ = features.shape
        rows = features.permute(2, 0, 1, 3).reshape(bands, frames * batch, -1)
        rows = torch.tanh(self.hidden(rows))
        outputs, start = [], 0
        for (count, width), linear in zip(self.bands, self.groups, strict=True):
            mask = linear(rows[start : start + count])
            mask = mask.reshape(count, frames, batch, self.targets, self.channels, width, 2)
            outputs.append(
                mask.permute(2, 3, 4, 0, 5, 1, 6).reshape(batch, self.targets, self.channels, count * width, frames, 2)
            )
            start += count
        return torch.cat(outputs, 3)


class InterChunkPath(nn.Module):
    """Residual LSTM from chunk to chunk along time; the only path with a memory."""

    def __init__(self, features: int, chunk_frames: int) -> None:
        super().__init__()
        self.chunk_frames = chunk_frames
        self.norm = nn.LayerNorm(features)
        self.rnn = nn.LSTM(features, features)
        self.linear = nn.Linear(features, features)

    def forward(self, features: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take and return features and the two states `(1, chunk_frames * batch * bands, features)`."""
        rows = self.norm(features).reshape(features.shape[0] // self.chunk_frames, hidden.shape[1], -1)
        rows, (hidden, cell) = self.rnn(rows, (hidden, cell))
        return features + self.linear(rows).reshape(features.shape), hidden, cell


class BidirectionalPath(nn.Module):
    """Residual bidirectional LSTM over one axis."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.rnn = nn.LSTM(features, features // 2, bidirectional=True)
        self.linear = nn.Linear(2 * (features // 2), features)

    def forward(self, features: Tensor) -> Tensor:
        """Run along the first axis of `(steps, rows, features)`."""
        return features + self.linear(self.rnn(self.norm(features))[0])


class IntraChunkPath(nn.Module):
    """Everything inside one chunk at once: along its bands, and along its frames where it has several."""

    def __init__(self, features: int, bands: int, chunk_frames: int) -> None:
        super().__init__()
        self.chunk_frames = chunk_frames
        self.along_bands = BidirectionalPath(features) if bands > 1 else None
        self.along_frames = BidirectionalPath(features) if chunk_frames > 1 else None

    def forward(self, features: Tensor) -> Tensor:
        """Take and return features; every chunk by itself."""
        frames, batch, bands, width = features.shape
        if self.along_bands is not None:
            rows = features.permute(2, 0, 1, 3).reshape(bands, frames * batch, width)
            features = self.along_bands(rows).reshape(bands, frames, batch, width).permute(1, 2, 0, 3)
        if self.along_frames is not None:
            chunks = features.reshape(frames // self.chunk_frames, self.chunk_frames, batch * bands, width)
            rows = chunks.transpose(0, 1).reshape(self.chunk_frames, -1, width)
            chunks = self.along_frames(rows).reshape(chunks.transpose(0, 1).shape).transpose(0, 1)
            features = chunks.reshape(frames, batch, bands, width)
        return features
