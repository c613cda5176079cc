"""Turn a checkpoint into a plug-in: the graph of one call, with its metadata."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from export.dual_path_graph import DualPathWriter
from export.follower_graph import FollowerWriter
from export.graph import OPSET
from export.separator_graph import call_states
from realtime.contract import ModelSpec, StateSpec
from trainer.architectures import Network
from trainer.checkpoint import BEGUN_WITH
from trainer.follower import Follower
from trainer.guide import CREDIT
from trainer.model import CausalDualPathRnn
from trainer.separator import Separator

_WRITERS = {CausalDualPathRnn: DualPathWriter, Follower: FollowerWriter}


def model_spec(model: Network, about: Mapping[str, Any], license_text: str) -> ModelSpec:
    """Describe a model for the host.

    Args:
        model: The model.
        about: What its checkpoint says of it.
        license_text: On which terms the weights may be used.
    """
    config = model.config
    data = [*about["data"], *about.get(BEGUN_WITH, [])]
    sources = list(dict.fromkeys(f"{_data_name(Path(entry['folder']))} ({entry['kind']})" for entry in data))
    states, parameters = model.state_shapes(), sum(parameter.numel() for parameter in model.parameters())
    if isinstance(model, Separator):
        states = call_states(model)
        if model.guide:
            parameters += model.guide.parameter_count
            sources.append(CREDIT)
    return ModelSpec(
        name=config.name,
        version=f"{importlib.metadata.version('unsing')}+{about['step']}",
        description=config.description,
        license=license_text,
        training_data=", ".join(sources),
        sample_rate=config.sample_rate,
        channels=config.channels,
        targets=config.targets,
        residual=config.residual,
        stft=config.stft,
        hops_per_call=config.model.chunk_frames,
        lookahead_hops=config.model.lookahead_hops,
        states=tuple(StateSpec(name, shape) for name, shape in states.items()),
        card={
            "parameters": parameters,
            "training": {key: about[key] for key in ("commit", "step", "seconds", "validation")},
        },
    )


def write_step_graph(model: Network, spec: ModelSpec, path: Path) -> None:
    """Write the graph of one call of `model` to `path`, nothing verified."""
    if isinstance(model, Separator):
        graph = _WRITERS[type(model)](model, spec).graph()
    else:
        _trace(model, spec, path)
        graph = onnx.load(path)
    onnx.helper.set_model_props(graph, spec.to_metadata())
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)


def _trace(model: Network, spec: ModelSpec, path: Path) -> None:
    """Write what torch makes of `model`.

    The TorchScript exporter is used because it keeps each LSTM as one ONNX node with explicit states; the newer one
    spreads them over Slice, Concat and Reshape.
    """
    mixture = torch.zeros(1, spec.channels, spec.stft.bins, spec.hops_per_call, 2)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter about itself
        torch.onnx.export(
            _OneCall(model),
            (mixture, *(torch.zeros(state.shape) for state in spec.states)),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["mixture", *(state.name for state in spec.states)],
            output_names=["estimates", *(f"{state.name}_out" for state in spec.states)],
        )


def _data_name(folder: Path) -> str:
    # The name of a split says nothing without that of its set.
    return f"{folder.parent.name}/{folder.name}" if folder.name in ("train", "valid", "test") else folder.name


class _OneCall(nn.Module):
    """The model with its states as plain inputs and outputs."""

    def __init__(self, model: Network) -> None:
        super().__init__()
        self.model = model

    def forward(self, mixture: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        estimates, following = self.model(mixture, dict(zip(self.model.state_shapes(), states, strict=True)))
        return estimates, *following.values()
