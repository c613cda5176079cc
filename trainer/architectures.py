"""Which network a configuration asks for; the only place that knows there are several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from trainer.architecture_settings import FollowerConfig, OpenUnmixConfig
from trainer.config import Config
from trainer.follower import Follower
from trainer.model import CausalDualPathRnn
from trainer.open_unmix.network import OpenUnmix
from trainer.separator import Separator
from trainer.widening import fitting_weights

Network = Separator | OpenUnmix


def build_network(config: Config) -> Network:
    """Return a new network with random weights."""
    kinds = {OpenUnmixConfig: OpenUnmix, FollowerConfig: Follower}
    return kinds.get(type(config.model), CausalDualPathRnn)(config)


def acquaint(network: Network, spectra: Iterable[Tensor]) -> None:
    """Tell a new network what its architecture wants to know of the data before the first step.

    Args:
        network: Changed in place.
        spectra: Batches of training mixtures `(batch, channels, bins, frames, 2)`; only drawn where they are wanted.
    """
    if isinstance(network, OpenUnmix):
        network.standardize(spectra)


def fitted(weights: Mapping[str, Tensor], config: Config, network: Network) -> Mapping[str, Tensor]:
    """Return weights trained with `config` as a network can begin with them, as far as its architecture knows how."""
    return fitting_weights(weights, config, network) if isinstance(network, CausalDualPathRnn) else weights
