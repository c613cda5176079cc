"""A follower is its guide's mask, bin by bin as far as it has learned to follow."""

import pytest
import torch

from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.follower import Follower
from trainer.guide import BINS, HIGHEST_BINS

BARE = ["model.presence=", "model.spatial=false"]


@pytest.fixture
def follower() -> Follower:
    return Follower(load_preset("guided-lite", BARE)).eval()


@pytest.fixture
def spectrum() -> torch.Tensor:
    torch.manual_seed(0)
    return 10 * torch.randn(1, 2, 2049, 40, 2)


@torch.no_grad()
def masks(follower, spectrum) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mask a follower applies, and its guide's."""
    state = {name: torch.zeros(shape) for name, shape in follower.state_shapes().items()}
    gain, _ = follower.level(spectrum, state["level"])
    hint, _, _ = follower.guide(spectrum, gain, state)
    estimates = follower(spectrum)[0][:, 0]
    return (estimates / spectrum)[..., 0], hint


def test_a_follower_as_sure_as_its_guide_masks_as_it_does_and_above_it_as_its_highest_bins(follower, spectrum):
    follower.sureness.data.fill_(1)
    mask, hint = masks(follower, spectrum)
    assert hint.max() > 0.1  # else there is nothing to follow
    assert (mask[:, :, :BINS] - hint).abs().max() < 1e-4
    assert (mask[:, :, BINS:] - hint[:, :, -HIGHEST_BINS:].mean(2, keepdim=True)).abs().max() < 1e-4


def test_a_follower_less_sure_than_its_guide_is_nearer_to_one_half_on_the_same_side(follower, spectrum):
    mask, hint = masks(follower, spectrum)
    heard = hint > 0
    assert torch.equal(mask[:, :, :BINS][heard] > 0.5, hint[heard] > 0.5)
    assert ((mask[:, :, :BINS] - 0.5).abs() <= (hint - 0.5).abs() + 1e-5)[heard].all()
    follower.sureness.data[100] = 0
    assert (masks(follower, spectrum)[0][:, :, 100] - 0.5).abs().max() < 1e-5


def test_how_sure_to_be_is_learned_and_nothing_else():
    follower = Follower(load_preset("guided-lite"))
    torch.manual_seed(1)
    spectrum = 10 * torch.randn(1, 2, 2049, 20, 2)
    (follower(spectrum)[0][:, 0] - 0.1 * spectrum).square().sum().backward()
    assert [name for name, _ in follower.named_parameters()] == ["sureness"]
    assert follower.sureness.grad.isfinite().all()
    assert (follower.sureness.grad != 0).all()


def test_without_a_guide_there_is_nothing_to_follow():
    with pytest.raises(TrainerError, match=r"model\.guide"):
        load_preset("guided-lite", ["model.guide=", "model.presence="])
