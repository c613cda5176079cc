"""Open-Unmix as a plug-in for files: it hears both sides of time, so it works on long overlapping segments."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.adapters.segments import export_segments
from realtime.contract import ModelSpec
from trainer.evaluate import open_unmix
from trainer.open_unmix.network import OpenUnmix
from trainer.open_unmix.wiener import refine

# One segment is as long as the published Wiener filter's; every frame of a song is far from the ends of its segment.
_NEW_HOPS, _LOOKAHEAD_HOPS, _CONTEXT_HOPS = 200, 50, 100
_SEGMENT = f"in segments of {_NEW_HOPS + _CONTEXT_HOPS} frames, each with {_LOOKAHEAD_HOPS} or more on either side"
_ITERATIONS = 1


def export_umxhq(weights: Path, output: Path) -> float:
    """Write UMXHQ to `output` and return its largest error, relative to the peak.

    Args:
        weights: Folder of the published files.
        output: The file.

    Raises:
        TrainerError: The weights are not the published ones.
        ExportError: Host and torch differ.
    """
    networks = list(open_unmix.load_networks(weights).values())
    config = networks[0].config
    spec = ModelSpec(
        name="umxhq",
        version=open_unmix.RECORD.rpartition("/")[2],
        description=f"Open-Unmix UMXHQ {_SEGMENT}, with one iteration of its Wiener filter over its four targets",
        license=f"as published by its authors at {open_unmix.RECORD}",
        training_data="MUSDB18-HQ (academic use)",
        sample_rate=config.sample_rate,
        channels=config.channels,
        targets=config.targets,
        residual=config.residual,
        stft=config.stft,
        card={"parameters": sum(parameter.numel() for network in networks for parameter in network.parameters())},
    )
    return export_segments(OpenUnmixCall(networks, _ITERATIONS), _in_segments(spec), output)


def export_trained(network: OpenUnmix, spec: ModelSpec, output: Path) -> float:
    """Write a bidirectional network trained here to `output` and return its largest error, relative to the peak.

    Args:
        network: The network.
        spec: What is said of it apart from its segments.
        output: The file.

    Raises:
        ExportError: Host and torch differ.
    """
    spec = dataclasses.replace(spec, description=f"{spec.description}, {_SEGMENT}, without a Wiener filter")
    return export_segments(OpenUnmixCall([network], 0), _in_segments(spec), output)


def _in_segments(spec: ModelSpec) -> ModelSpec:
    return dataclasses.replace(
        spec, hops_per_call=_NEW_HOPS, lookahead_hops=_LOOKAHEAD_HOPS, context_hops=_CONTEXT_HOPS, causal=False
    )


class OpenUnmixCall(nn.Module):
    """The networks of all targets, the Wiener filter between them, and the first target's estimate."""

    def __init__(self, networks: Sequence[OpenUnmix], iterations: int) -> None:
        super().__init__()
        self.networks, self.iterations = nn.ModuleList(networks), iterations

    def forward(self, mixture: Tensor) -> Tensor:
        """Map `(1, 2, bins, frames, 2)` to vocals `(1, 1, 2, bins, frames, 2)`, late by the lookahead."""
        estimates = torch.cat([network(mixture)[0][0] for network in self.networks])
        vocals = refine(estimates, mixture[0], self.iterations)[:1]
        return F.pad(vocals[..., :-_LOOKAHEAD_HOPS, :], (0, 0, _LOOKAHEAD_HOPS, 0))[None]
