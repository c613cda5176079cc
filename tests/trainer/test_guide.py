"""The guide hears what Spleeter hears, and says what it says, late by as much as it promises."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from realtime.stft import window_pair
from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.evaluate import spleeter
from trainer.guide import BINS, DELAY_HOPS, HOPS_PER_FRAME, LEVEL, Guide
from trainer.guide_layers import FRAMES
from trainer.spectral import Stft


@pytest.fixture(scope="module", params=[0, 2, 6])
def lookahead_hops(request) -> int:
    return request.param


@pytest.fixture(scope="module")
def guide(lookahead_hops) -> Guide:
    return Guide(load_preset("guided", [f"model.lookahead_hops={lookahead_hops}"])).eval()


@torch.no_grad()
def test_its_masks_are_those_of_spleeter_with_eight_bits_for_each_weight(guide):
    torch.manual_seed(0)
    magnitudes = 5 * torch.rand(2, 2, FRAMES, BINS)
    network = spleeter.load_networks()[0]
    published = network(magnitudes) / magnitudes
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
            weight.copy_(torch.fake_quantize_per_channel_affine(weight, *_steps(weight), 0, -127, 127))
    rounded = network(magnitudes) / magnitudes
    masks = guide.masks(magnitudes)
    newest = slice(-masks.shape[2], None)
    # What is left is float16 for biases and normalisation.
    assert (masks - rounded[:, :, newest]).abs().max() < 0.005
    assert (masks - published[:, :, newest]).abs().max() < 0.05


def _steps(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return weight.abs().amax((1, 2, 3)) / 127, torch.zeros(weight.shape[0], dtype=torch.int32)


@torch.no_grad()
def test_masks_stand_as_near_what_sounds_as_its_delay_and_the_lookahead_allow(guide, lookahead_hops):
    torch.manual_seed(1)
    frames = 3 * HOPS_PER_FRAME + DELAY_HOPS
    mixture = torch.randn(1, 2, 2049, frames, 2)
    state = {name: torch.zeros(shape) for name, shape in guide.state_shapes().items()}
    in_use, _ = guide(mixture, torch.ones(1, 1, 1, frames, 1), state)
    due = HOPS_PER_FRAME - 1 + DELAY_HOPS
    assert in_use[..., :due].abs().max() == 0
    heard = guide.hear(mixture)
    for run in (0, 1):
        newest = (run + 1) * HOPS_PER_FRAME
        window = torch.zeros(1, 2, FRAMES, BINS)
        window[:, :, -run - 1 :] = heard[:, :, HOPS_PER_FRAME - 1 : newest : HOPS_PER_FRAME]
        masks = guide.masks(window)
        for hop in range(HOPS_PER_FRAME):
            # How long after the newest frame the hop sounds, and the frame that stands there or before, if it is heard.
            late = DELAY_HOPS + hop - lookahead_hops
            column = -1 - max(0, -(late // HOPS_PER_FRAME))
            difference = in_use[..., due + run * HOPS_PER_FRAME + hop] - masks[:, :, column]
            assert difference.abs().max() < 1e-5


@pytest.mark.parametrize(("preset", "hops"), [("lite", 1), ("guided", -1), ("guided", 1000)])
def test_only_a_guide_looks_ahead_and_not_too_far(preset, hops):
    with pytest.raises(TrainerError, match="lookahead_hops"):
        load_preset(preset, [f"model.lookahead_hops={hops}"])


def test_another_transform_than_the_one_it_knows_is_refused():
    with pytest.raises(TrainerError, match="4096 / 512"):
        load_preset("lite", ["model.guided=true"])


@torch.no_grad()
def test_it_hears_what_it_was_trained_on_under_the_square_of_our_window(guide):
    stft = load_preset("guided").stft
    torch.manual_seed(2)
    audio = torch.randn(1, 2, 16 * stft.hop_length)
    window = torch.from_numpy(window_pair(stft)[0] ** 2).float()
    frames = F.pad(audio, (stft.n_fft - stft.hop_length, 0)).unfold(-1, stft.n_fft, stft.hop_length) * window
    # As loud as noise is under a Hann window, whose mean square is 3/8, at the level it is given everything at.
    expected = LEVEL * (0.375 / window.square().mean()).sqrt() * torch.fft.rfft(frames)[..., :BINS].abs()
    error = guide.hear(Stft(stft).forward(audio)) - expected
    # The window is made of nine bins.
    assert 20 * torch.log10(expected.norm() / error.norm()) > 28
