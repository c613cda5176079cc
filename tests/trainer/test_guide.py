"""The guide hears what Spleeter hears, and says what it says, late by as much as it promises."""

import pytest
import torch

from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.evaluate import spleeter
from trainer.guide import BINS, DELAY_HOPS, FRAMES, HOPS_PER_FRAME, PERIOD_HOPS, Guide


@pytest.fixture(scope="module")
def guide() -> Guide:
    return Guide(load_preset("guided")).eval()


@torch.no_grad()
def test_its_mask_is_that_of_spleeter_for_the_newest_frame(guide):
    torch.manual_seed(0)
    magnitudes = 5 * torch.rand(2, 2, FRAMES, BINS)
    whole = spleeter.load_networks()[0](magnitudes) / magnitudes
    # Float16 weights are off by half a thousandth each.
    assert (guide.mask(magnitudes) - whole[:, :, -1]).abs().max() < 0.02


@torch.no_grad()
def test_a_mask_is_of_the_last_frame_of_a_period_and_in_use_for_one_period_after_its_delay(guide):
    torch.manual_seed(1)
    frames = 2 * PERIOD_HOPS + DELAY_HOPS
    mixture = torch.randn(1, 2, BINS + 1, frames, 2)
    state = {name: torch.zeros(shape) for name, shape in guide.state_shapes().items()}
    masks, _ = guide(mixture, torch.ones(1, 1, 1, frames, 1), state)
    due = PERIOD_HOPS - 1 + DELAY_HOPS
    assert masks[..., :due].abs().max() == 0
    heard = guide.window_scale * mixture[:, :, :BINS].square().sum(-1).sqrt().transpose(2, 3)
    for period in (0, 1):
        newest = (period + 1) * PERIOD_HOPS
        window = torch.zeros(1, 2, FRAMES, BINS)
        window[:, :, -newest // HOPS_PER_FRAME :] = heard[:, :, HOPS_PER_FRAME - 1 : newest : HOPS_PER_FRAME]
        in_use = masks[..., due + period * PERIOD_HOPS :][..., :PERIOD_HOPS]
        assert (in_use - guide.mask(window)[..., None]).abs().max() < 1e-5


def test_another_transform_than_the_one_it_knows_is_refused():
    with pytest.raises(TrainerError, match="4096 / 512"):
        load_preset("lite", ["model.guided=true"])


def test_a_sound_is_as_loud_to_it_under_our_window_as_under_its_own(guide):
    # Mean squares: 3/8 of a Hann window, 1/2 of a quarter sine.
    assert guide.window_scale == pytest.approx((0.375 / 0.5) ** 0.5, rel=1e-3)
