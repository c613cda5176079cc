"""A model with longer frames or a guide begins with what one without has learned."""

import pytest
import torch

from tests.checkpoints import write_checkpoint
from tests.training import tiny_config
from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.loop import Trainer
from trainer.model import CausalDualPathRnn
from trainer.spectral import Stft

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    torch.manual_seed(0)
    config = load_preset("lite")
    model = CausalDualPathRnn(config).eval()
    return model, write_checkpoint(tmp_path_factory.mktemp("lite") / "lite.safetensors", model, config)


def begun_with(preset, checkpoint, folder):
    trainer = Trainer(load_preset(preset), [], folder / preset, CPU)
    trainer.start_from(checkpoint)
    return trainer.model.eval()


@pytest.mark.parametrize("preset", ["lite-93", "guided", "guided-93"])
@torch.no_grad()
def test_weights_of_half_as_long_frames_give_a_mask_of_the_same_shape(preset, lite, tmp_path):
    model, checkpoint = lite
    wide = begun_with(preset, checkpoint, tmp_path)
    features = torch.randn(4, 1, model.bands, 64)
    narrow_mask, wide_mask = (network.decoder(network.decoder.norm(features)) for network in (model, wide))
    assert torch.equal(wide_mask, narrow_mask.repeat_interleave(2, 3))


@torch.no_grad()
def test_longer_frames_of_noise_are_heard_much_as_shorter_ones(lite, tmp_path):
    model, checkpoint = lite
    wide = begun_with("lite-93", checkpoint, tmp_path)
    torch.manual_seed(1)
    noise = 0.1 * torch.randn(1, 2, 256 * 1024)
    levels = []
    for network in (model, wide):
        spectrum = Stft(network.config.stft).forward(noise)
        magnitudes = spectrum.square().sum(-1, keepdim=True).sqrt().sqrt()
        heard = torch.cat([torch.zeros_like(magnitudes), magnitudes], -1)
        levels.append(network.encoder(heard)[32:].mean((0, 1)))
    assert torch.nn.functional.cosine_similarity(*(level.flatten() for level in levels), dim=0) > 0.99
    assert float(levels[1].norm() / levels[0].norm()) == pytest.approx(1, abs=0.05)


def test_weights_of_another_shape_are_still_refused(tmp_path):
    config = tiny_config()
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors", CausalDualPathRnn(config), config)
    with pytest.raises(TrainerError, match="another preset"):
        begun_with("lite-93", checkpoint, tmp_path)
