"""The weights of the guide: as Spleeter published them, or trained further; in a file, and as a plug-in holds them.

They go by names of layer and kind: `weight` `(outputs, inputs, time, frequency)`, `bias` `(outputs,)`, and the `scale`
and `shift` `(outputs, 1, 1)` of a normalisation whose statistics stand still.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.errors import TrainerError
from trainer.evaluate import spleeter
from trainer.guide_layers import LEVELS, MASK
from trainer.tensors import read_tensors, write_tensors

WEIGHT, STEPS, STEP = "_weight", "_steps", "_step"
_HALVES = ("_bias", "_scale", "_shift")


def published_weights() -> dict[str, Tensor]:
    """Return the weights of the vocals network of Spleeter 2-stems.

    Raises:
        TrainerError: Its package is not there.
    """
    if reason := spleeter.unavailable():
        raise TrainerError(f"the guide begins with the weights of Spleeter, which is {reason}")
    network, weights = spleeter.load_networks()[0], {}
    for level in range(1, LEVELS + 1):
        down, up = getattr(network, f"down{level}_conv")[1], getattr(network, f"up{level}")
        weights |= _layer(f"down{level}", down.weight, down.bias, getattr(network, f"down{level}_act")[0])
        weights |= _layer(f"up{level}", up[0].weight.transpose(0, 1), up[0].bias, up[3])
    return weights | _layer(MASK, network.up7[0].weight, network.up7[0].bias, None)


def rounded(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what a plug-in holds: for each output eight-bit `steps` and the size of a `step`; all else in float16."""
    small = {}
    for name, value in weights.items():
        if not name.endswith(WEIGHT):
            small[name] = value.half().float()
            continue
        layer = name.removesuffix(WEIGHT)
        small[layer + STEPS], small[layer + STEP] = in_steps(value)
    return small


def in_steps(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return eight-bit steps, and for each output, along the first axis, the size of one."""
    step = weight.abs().amax(tuple(range(1, weight.dim())), keepdim=True) / torch.iinfo(torch.int8).max
    return (weight / step.clamp(min=torch.finfo(step.dtype).tiny)).round().to(torch.int8), step


def write_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write weights to `path`, rounded."""
    small = {name: value.half() if name.endswith(_HALVES) else value for name, value in rounded(weights).items()}
    write_tensors(path, small)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file.

    Raises:
        TrainerError: It is missing, damaged or holds something else.
    """
    small = read_tensors(path, "guide")
    layers = [f"{way}{level}" for way in ("down", "up") for level in range(1, LEVELS + 1)] + [MASK]
    kinds = {layer: (STEPS, STEP, *(_HALVES[:1] if layer == MASK else _HALVES)) for layer in layers}
    if small.keys() != {layer + kind for layer in layers for kind in kinds[layer]}:
        raise TrainerError(f"{path}: holds no guide; give a file of `python -m trainer guide`")
    others = {name: value.float() for name, value in small.items() if name.endswith(_HALVES)}
    return others | {layer + WEIGHT: small[layer + STEPS].float() * small[layer + STEP] for layer in layers}


def _layer(name: str, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d | None) -> dict[str, Tensor]:
    values = {"weight": weight, "bias": bias}
    if norm is not None:
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        values |= {"scale": scale[:, None, None], "shift": shift[:, None, None]}
    return {f"{name}_{kind}": value.detach().contiguous() for kind, value in values.items()}
