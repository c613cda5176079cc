"""The network hears every stream at the same level."""

import pytest
import torch

from tests.training import tiny_config
from trainer.level import LEVEL_VALUES, TARGET_POWER, RunningLevel
from trainer.model import CausalDualPathRnn
from trainer.spectral import Stft

SECOND = 44100 // 2048 * 2048


@pytest.fixture(params=[1, 4])
def config(request):
    return tiny_config(chunk_frames=request.param)


def gain_of(config, audio: torch.Tensor) -> torch.Tensor:
    """Return the gain of each frame of `(channels, samples)`."""
    return RunningLevel(config)(Stft(config.stft).forward(audio[None]), torch.zeros(1, LEVEL_VALUES))[0].flatten()


@pytest.mark.parametrize("level_db", [-40, -20, 0])
def test_the_gain_brings_steady_sound_to_the_target_level(config, level_db):
    noise = 10 ** (level_db / 20) * torch.randn(2, 3 * SECOND, generator=torch.Generator().manual_seed(0))
    reached = (noise * gain_of(config, noise)[-1]).square().mean() / TARGET_POWER
    assert abs(10 * torch.log10(reached)) < 0.3


@pytest.mark.parametrize("silence", [0, SECOND])
def test_steady_sound_is_at_the_target_level_from_its_first_frame(config, silence):
    noise = 0.1 * torch.randn(2, SECOND, generator=torch.Generator().manual_seed(0))
    gain = gain_of(config, torch.cat([torch.zeros(2, silence), noise], 1))[silence // 512 :]
    # Of 512 samples little more than half count under the window, so their level is uncertain by half a dB and more.
    assert (20 * torch.log10(gain / gain[-1])).abs().max() < 1.5


def test_a_pause_does_not_change_the_gain(config):
    noise = 0.1 * torch.randn(2, 2 * SECOND, generator=torch.Generator().manual_seed(0))
    pause = torch.zeros(2, 5 * SECOND)
    gain = gain_of(config, torch.cat([noise, pause], 1))
    assert float(gain[-1]) == pytest.approx(float(gain[2 * SECOND // 512]), rel=0.05)


@torch.no_grad()
@pytest.mark.parametrize("level_db", [-50, -30, 12])
def test_estimates_scale_with_the_mixture(config, level_db):
    torch.manual_seed(0)
    model = CausalDualPathRnn(config).eval()
    spectrum = Stft(config.stft).forward(0.1 * torch.randn(1, 2, SECOND))
    gain = 10 ** (level_db / 20)
    estimates, scaled = model(spectrum)[0], model(gain * spectrum)[0] / gain
    error = (scaled - estimates).square().sum() / estimates.square().sum()
    assert 10 * torch.log10(error) < -60
