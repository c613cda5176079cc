"""Beginning a training with the weights of another preset, whose frames are half as long or which has no guide."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from trainer.architecture_settings import ModelConfig
from trainer.config import Config
from trainer.model import CausalDualPathRnn

# What two halves of a bin hold under square-root compression where they are noise: half the power each, in frames of
# twice the energy.
_SHARE_OF_A_HALF = 2**-1.25


def fitting_weights(weights: Mapping[str, Tensor], config: Config, model: CausalDualPathRnn) -> dict[str, Tensor]:
    """Return weights that fit `model`, which may have bands twice as many bins wide, and parts that `config` lacks.

    Args:
        weights: Of a `CausalDualPathRnn` by its parameters' names.
        config: What these weights were trained with.
        model: Its own values stand for what the weights lack. What cannot be made to fit is returned as it is.
    """
    known = model.state_dict()
    fitting = {name: known[name] for name in known.keys() - weights.keys() if name.startswith("guidance.")}
    bands = config.model.bands if isinstance(config.model, ModelConfig) else ()
    if model.config.model.bands != tuple((count, 2 * width) for count, width in bands):
        return fitting | weights
    return fitting | {name: _widened(name, value, config) for name, value in weights.items()}


def _widened(name: str, value: Tensor, config: Config) -> Tensor:
    part, *rest = name.split(".")
    if rest[0] != "groups" or (part, rest[-1]) == ("encoder", "bias"):
        return value
    count, width = config.model.bands[int(rest[1])]
    if part == "encoder":
        bins = value.reshape(count, config.channels, width, 3, -1)
        return _SHARE_OF_A_HALF * bins.repeat_interleave(2, 2).flatten(1, 3)
    return value.reshape(*value.shape[:2], -1, width, 2).repeat_interleave(2, 3).flatten(2)
