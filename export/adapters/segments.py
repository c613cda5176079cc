"""Plug-ins without state: their graph is written from a torch module and proved against it in the host."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from export.errors import ExportError
from realtime.contract import ModelSpec
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from trainer.outputs import written_whole
from trainer.spectral import Stft

_OPSET = 17
_TOLERANCE = 1e-5
_CALLS = 3


def export_segments(module: nn.Module, spec: ModelSpec, output: Path) -> float:
    """Write a plug-in that is left behind only if the host separates with it as torch does.

    Args:
        module: Maps the mixture `(1, channels, bins, context and new hops, 2)` of a call to its estimates.
        spec: What the plug-in says of itself.
        output: The file.

    Returns:
        The largest difference between host and torch, relative to the peak.

    Raises:
        ExportError: They differ by more than 1e-5.
    """
    if output.is_dir():
        raise ExportError(f"{output}: is a folder; name the .onnx file to write in it")
    with written_whole(output) as beside:
        write_graph(module, spec, beside)
        error = largest_error(module, beside)
        if not error <= _TOLERANCE:
            raise ExportError(
                f"{output}: the host differs from torch by {error:.1e} of peak, where {_TOLERANCE:.0e} is asked for; "
                "the model cannot be used as it is"
            )
    return error


def write_graph(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write the graph of one call of `module` and its metadata to `path`, nothing verified."""
    mixture = torch.zeros(1, spec.channels, spec.stft.bins, spec.context_hops + spec.hops_per_call, 2)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter about itself
        torch.onnx.export(
            module.eval(),
            (mixture,),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["mixture"],
            output_names=["estimates"],
        )
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, spec.to_metadata())
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def largest_error(module: nn.Module, path: Path) -> float:
    """Return how far the plug-in in the host is from `module` in torch, relative to the peak of all estimates."""
    separator = StreamingSeparator(OnnxPlugin(path))
    spec = separator.spec
    samples = max(_CALLS * spec.call_samples, 4 * spec.stft.n_fft + spec.latency_samples)
    samples = -(-samples // spec.call_samples) * spec.call_samples
    rng = np.random.default_rng(0)
    swell = 10 ** (-1 + np.sin(2 * np.pi * np.arange(samples) / (3 * spec.sample_rate)))
    mixture = (0.3 * swell * rng.standard_normal((spec.channels, samples))).astype(np.float32)
    expected = separate(module, spec, mixture)
    found = separator.process(mixture)[: len(spec.targets)]
    delay = spec.latency_samples - spec.lookahead_hops * spec.stft.hop_length
    # Torch has both the chunk and the overlap at once; the lookahead is in its graph, too.
    difference = np.abs(found[..., delay:] - expected[..., : samples - delay]).max()
    return float(difference / max(np.abs(expected).max(), 1e-12))


@torch.no_grad()
def separate(module: nn.Module, spec: ModelSpec, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Separate `(channels, samples)`, whole calls, in torch: `(targets, channels, samples)`, late by the lookahead."""
    stft = Stft(spec.stft)
    spectrum = stft.forward(torch.from_numpy(mixture)[None])
    padded = torch.nn.functional.pad(spectrum, (0, 0, spec.context_hops, 0))
    window = spec.context_hops + spec.hops_per_call
    starts = range(0, spectrum.shape[-2], spec.hops_per_call)
    calls = [module(padded[..., start : start + window, :])[..., spec.context_hops :, :] for start in starts]
    return stft.inverse(torch.cat(calls, -2))[0].numpy()
