"""The loss wants the references themselves: right gain, right phase, silence where nobody sings."""

import pytest
import torch

from trainer.config import LossConfig
from trainer.losses import PhaseAwareLoss


@pytest.fixture
def audio():
    torch.manual_seed(0)
    return 0.1 * torch.randn(2, 2, 16384), 0.1 * torch.randn(2, 2, 16384)


@pytest.fixture
def loss():
    return PhaseAwareLoss(LossConfig())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s: 0.8 * s, id="gain"),
        pytest.param(lambda s: -s, id="polarity"),
        pytest.param(lambda s: s.roll(3, -1), id="delay"),
        pytest.param(torch.zeros_like, id="silence"),
    ],
)
def test_any_departure_from_the_references_costs(audio, loss, change):
    vocals, accompaniment = audio
    mixture = vocals + accompaniment
    assert loss(change(vocals), vocals, mixture) > loss(vocals, vocals, mixture) + 0.05


def test_level_does_not_matter(audio, loss):
    vocals, accompaniment = audio
    mixture = vocals + accompaniment
    loud, quiet = (loss(gain * mixture, gain * vocals, gain * mixture) for gain in (1.0, 0.05))
    assert quiet == pytest.approx(loud.item(), rel=0.02)


def test_silent_references_give_finite_gradients_that_ask_for_silence(audio, loss):
    mixture, estimates = audio[0], audio[1].requires_grad_()
    loss(estimates, torch.zeros_like(mixture), mixture).backward()
    assert torch.isfinite(estimates.grad).all()
    assert (estimates.grad * estimates).sum() > 0


def test_digital_silence_is_finite(loss):
    silence = torch.zeros(1, 2, 16384, requires_grad=True)
    value = loss(silence, torch.zeros_like(silence), torch.zeros_like(silence))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(silence.grad).all()
