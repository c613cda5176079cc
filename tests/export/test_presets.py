"""Every tier's preset becomes a plug-in that does what torch does, at the latency the tier promises."""

import pytest
import torch

from export.__main__ import main
from realtime.plugin import read_spec
from tests.checkpoints import write_checkpoint
from trainer.architectures import build_network
from trainer.checkpoint import load_model
from trainer.config import load_preset
from trainer.model import CausalDualPathRnn

DUAL_PATH_MS = {"lite-12": 11.6, "lite-46": 46.4, "lite-93": 92.9, "guided": 23.2, "guided-46": 46.4, "guided-93": 92.9}
LATENCY_MS = DUAL_PATH_MS | {
    "guided-lite": 23.2,
    "guided-lite-12": 11.6,
    "guided-lite-46": 46.4,
    "guided-lite-93": 92.9,
}


@pytest.mark.parametrize(("preset", "latency_ms"), LATENCY_MS.items())
def test_a_tier_is_exported_at_the_latency_it_promises(preset, latency_ms, tmp_path, capsys):
    torch.manual_seed(0)
    config = load_preset(preset)
    checkpoint = write_checkpoint(tmp_path / f"{preset}.safetensors", build_network(config), config)
    assert main([str(checkpoint), "-o", str(tmp_path / f"{preset}.onnx")]) == 0
    assert "verified" in capsys.readouterr().out
    spec = read_spec(tmp_path / f"{preset}.onnx")
    assert (spec.name, spec.causal) == (preset, True)
    assert spec.latency_ms == pytest.approx(latency_ms, abs=0.05)


def test_tiers_share_their_bands_in_hz():
    layouts = set()
    for preset in ("lite", *DUAL_PATH_MS):
        config = load_preset(preset)
        resolution_hz = config.sample_rate / config.stft.n_fft
        layouts.add(tuple((count, width * resolution_hz) for count, width in config.model.bands))
    assert len(layouts) == 1


@pytest.mark.parametrize("preset", ["lite-12", "lite-46"])
def test_tiers_of_one_frame_length_begin_with_the_weights_of_lite(preset, tmp_path):
    lite, tier = (load_preset(name) for name in ("lite", preset))
    weights = CausalDualPathRnn(lite).state_dict()
    model = CausalDualPathRnn(tier)
    model.load_state_dict(weights)
    checkpoint = write_checkpoint(tmp_path / "tier.safetensors", model, tier)
    loaded = load_model(checkpoint)[0].state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in weights.items())


def test_a_guided_model_may_mask_less_than_its_guide_hears(tmp_path, capsys):
    torch.manual_seed(0)
    config = load_preset("guided", ["model.bands=[[20, 8]]"])
    checkpoint = write_checkpoint(tmp_path / "narrow.safetensors", build_network(config), config)
    assert main([str(checkpoint), "-o", str(tmp_path / "narrow.onnx")]) == 0
    assert "verified" in capsys.readouterr().out
