"""The network is causal, and streaming it is the same as running it offline."""

import pytest
import torch

from tests.training import tiny_config
from trainer.architectures import build_network
from trainer.config import load_preset
from trainer.model import CausalDualPathRnn
from trainer.separator import Separator
from trainer.spectral import Stft

CONFIGS = {
    "banded": tiny_config(),
    "chunks of four frames": tiny_config(chunk_frames=4),
    "full band": tiny_config(bands=[[1, 1025]], chunk_frames=4),
    "spatial": tiny_config(spatial=True),
    "guided": load_preset("guided", ["model.features=16", "model.blocks=1"]),
    "guided, ahead": load_preset("guided-93", ["model.features=16", "model.blocks=1"]),
    "follower": load_preset("guided-lite"),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def model(request) -> Separator:
    torch.manual_seed(0)
    return build_network(request.param).eval()


@pytest.fixture
def spectrum(model) -> torch.Tensor:
    torch.manual_seed(1)
    return Stft(model.config.stft).forward(0.1 * torch.randn(2, 2, 64 * 512))


@torch.no_grad()
def stream(model, spectrum, chunks):
    state, parts = None, []
    for part in spectrum.split([count * model.config.model.chunk_frames for count in chunks], dim=-2):
        estimates, state = model(part, state)
        parts.append(estimates)
    return torch.cat(parts, dim=-2)


@torch.no_grad()
@pytest.mark.parametrize("pattern", [[1] * 16, [3, 1, 4, 1, 5, 2], [15, 1]])
def test_streaming_equals_offline_for_any_sequence_of_calls(model, spectrum, pattern):
    chunks = pattern * (64 // model.config.model.chunk_frames // sum(pattern))
    offline = model(spectrum)[0]
    difference = stream(model, spectrum, chunks) - offline
    assert difference.abs().max() <= 1e-5 * offline.abs().max()
    assert 10 * torch.log10(offline.square().sum() / difference.square().sum().clamp(min=1e-30)) >= 100


@torch.no_grad()
def test_later_frames_never_change_earlier_estimates(model, spectrum):
    changed = spectrum.clone()
    changed[..., 32:, :] *= -3
    before, after = model(spectrum)[0], model(changed)[0]
    assert torch.equal(before[..., :32, :], after[..., :32, :])
    assert not torch.equal(before[..., 32:, :], after[..., 32:, :])


@torch.no_grad()
def test_streams_of_one_batch_do_not_touch_each_other(model, spectrum):
    changed = spectrum.clone()
    changed[1] *= -3
    assert torch.equal(model(spectrum)[0][0], model(changed)[0][0])


@torch.no_grad()
def test_a_past_is_remembered(model, spectrum):
    first, second = spectrum[..., :32, :], spectrum[..., 32:, :]
    assert not torch.allclose(model(second, model(first)[1])[0], model(second)[0])


@torch.no_grad()
def test_silence_in_gives_silence_out(model, spectrum):
    assert model(torch.zeros_like(spectrum))[0].abs().max() == 0


@pytest.mark.parametrize(("name", "millions"), [("lite", 1.08), ("main", 1.59)])
def test_presets_have_the_size_they_are_known_for(name, millions):
    model = CausalDualPathRnn(load_preset(name))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.02)
