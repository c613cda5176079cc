"""The guide is trained on its masks as they are used, and what it learns is what guided models listen to."""

import numpy as np
import pytest
import torch

from trainer.__main__ import main
from trainer.config import load_preset
from trainer.data.mixing import Batch
from trainer.guide import BINS, Guide
from trainer.guide_training import BEST, GuideTrainer
from trainer.guide_weights import published_weights, read_weights

SETTINGS = ["optimizer.batch_size=1", "mixing.crop_s=1.2", "optimizer.learning_rate=1e-3", "optimizer.warmup_steps=1"]


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    configs = [load_preset(preset, SETTINGS) for preset in ("guided", "guided-93")]
    return GuideTrainer(configs, [], tmp_path_factory.mktemp("run"), published_weights())


class Says(torch.nn.Module):
    """Masks everything alike."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, windows):
        return torch.full((len(windows), 2, 4, BINS), self.share)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    mixture = 0.1 * torch.randn(2, 2, 200 * 512)
    return Batch(mixture, 0.25 * mixture, torch.tensor([22050.0, 22050.0]), 0)


def test_masks_that_are_right_have_no_loss_and_others_the_more_the_further_off(trainer, batch, monkeypatch):
    losses = []
    for share in (0.25, 0.3, 0.75):
        monkeypatch.setattr(trainer, "network", Says(share))
        losses.append(float(trainer.loss(batch, np.random.default_rng(0))))
    assert losses[0] < 1e-3 * losses[2]
    assert losses[1] == pytest.approx(losses[2] / 10, rel=0.01)


def test_music_that_begins_after_silence_weighs_like_other_music(trainer, batch, monkeypatch):
    monkeypatch.setattr(trainer, "network", Says(0.75))
    losses = [float(trainer.loss(batch, np.random.default_rng(seed))) for seed in range(5)]
    batch.mixture[..., : 150 * 512] *= 1e-4
    batch.vocals[..., : 150 * 512] *= 1e-4
    assert max(float(trainer.loss(batch, np.random.default_rng(seed))) for seed in range(5)) < 5 * max(losses)


def test_nothing_is_asked_above_the_band_in_which_the_voice_is_known(trainer, batch, monkeypatch):
    monkeypatch.setattr(trainer, "network", Says(0.75))
    rng = np.random.default_rng
    whole = float(trainer.loss(batch, rng(0)))
    half = Batch(batch.mixture, batch.vocals, torch.full((2,), 22050.0 * BINS / 2048 / 2), 0)
    assert float(trainer.loss(half, rng(0))) < 0.75 * whole


def test_a_run_leaves_a_guide_that_guided_models_listen_to(songs, tmp_path, capsys):
    words = ["guide", "--data", str(songs), "--minutes", "0.1", "-o", str(tmp_path / "run"), *SETTINGS]
    assert main([*words, 'validation_songs=["held out"]']) == 0
    assert BEST in capsys.readouterr().out
    path = tmp_path / "run" / BEST
    learned, published = read_weights(path), published_weights()
    assert all(learned[name].shape == value.shape for name, value in published.items())
    assert any((learned[name] - value).abs().max() > 1e-4 for name, value in published.items())
    torch.manual_seed(0)
    windows = 5 * torch.rand(1, 2, 64, BINS)
    masks = [Guide(load_preset("guided", words)).network(windows) for words in ([f"model.guide='{path}'"], [])]
    assert (masks[0] - masks[1]).abs().max() > 1e-3
    assert main([*words, 'validation_songs=["held out"]']) == 2
    assert "already holds a guide" in capsys.readouterr().err
