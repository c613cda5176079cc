"""Estimates fade where the guide hears nobody, whatever the level, and stand where somebody sings."""

import pytest
import torch

from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.presence import PRESENCE_VALUES, Presence

LEAST = 0.1


@pytest.fixture
def presence() -> Presence:
    return Presence(load_preset("guided", [f"model.least_share={LEAST}"]))


@pytest.fixture
def mixture() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 2, 2049, 200, 2)


def follow(presence, share, mixture):
    hint = torch.full(mixture.shape[:4], share)
    return presence(hint, mixture, torch.zeros(len(mixture), PRESENCE_VALUES))[0]


@pytest.mark.parametrize(("share", "gain"), [(0.0, 0.0), (LEAST / 4, 0.25), (LEAST, 1.0), (1.0, 1.0)])
def test_the_gain_falls_with_the_share_of_vocals(presence, mixture, share, gain):
    assert follow(presence, share, mixture) == pytest.approx(gain, abs=1e-5)


def test_quiet_music_fades_like_loud_music(presence, mixture):
    loud, quiet = (follow(presence, LEAST / 2, level * mixture) for level in (1, 1e-3))
    assert torch.allclose(loud, quiet, atol=1e-4)


def test_a_singer_is_heard_within_a_moment_and_not_forgotten_between_words(presence, mixture):
    hint = torch.zeros(mixture.shape[:4])
    hint[..., 50:60] = 1
    gain = presence(hint, mixture, torch.zeros(2, PRESENCE_VALUES))[0]
    hop_ms = 512 / 44.1
    assert (gain[:, 50 + round(50 / hop_ms)] == 1).all()
    assert (gain[:, 60 + round(200 / hop_ms)] == 1).all()
    assert gain[:, -1].max() < 0.1


@pytest.mark.parametrize(("preset", "share"), [("lite", 0.1), ("guided", -0.1), ("guided", 2)])
def test_only_a_guide_knows_who_sings(preset, share):
    with pytest.raises(TrainerError, match="least_share"):
        load_preset(preset, [f"model.least_share={share}"])
