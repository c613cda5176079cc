"""Open-Unmix: the published network to the last decimal, and one that this trainer trains."""

import signal
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from tests.open_unmix import publish_weights, random_weights
from tests.trainer.test_loop import fit, history
from trainer.architectures import acquaint, build_network
from trainer.checkpoint import load_checkpoint, load_model
from trainer.config import load_preset
from trainer.data.songs import References
from trainer.errors import TrainerError
from trainer.evaluate import open_unmix
from trainer.evaluate.bsseval import EvaluationError
from trainer.evaluate.estimators import Umxhq, find_estimators
from trainer.evaluate.spleeter import STFT
from trainer.loop import Trainer
from trainer.open_unmix.wiener import refine
from trainer.spectral import Stft

RATE = 44100
ROWS = [(False, 0), (False, 1), (True, 0), (True, 1)]
SMALL = [
    "model.hidden=48",
    "model.layers=2",
    "mixing.crop_s=1.0",
    "mixing.coherent=1.0",
    "mixing.mute_vocals=0.0",
    "mixing.mute_accompaniment=0.0",
    "mixing.augment=0.0",
    "mixing.gain_db=0.0",
    "optimizer.batch_size=2",
    "optimizer.autocast=false",
    "optimizer.warmup_steps=2",
    'validation_songs=["held out", "held out too"]',
]


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Three seconds with things in the middle, at the sides and moving."""
    rng = np.random.default_rng(5)
    time_s = np.arange(3 * RATE) / RATE
    middle = 0.2 * np.sin(2 * np.pi * 220 * time_s + 3 * np.sin(2 * np.pi * 5 * time_s))
    left = 0.1 * np.sign(np.sin(2 * np.pi * 331 * time_s)) * np.exp(-((2 * time_s) % 1) * 5)
    noise = 0.05 * rng.standard_normal((2, time_s.size))
    return (np.stack([middle + left, middle + 0.3 * np.roll(left, 40)]) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield publish_weights(tmp_path_factory.mktemp("umxhq") / "weights", patch)


@pytest.fixture
def stand_in(monkeypatch):
    """A torchaudio, which the package imports only to resample and to read files."""
    monkeypatch.setitem(sys.modules, "torchaudio", ModuleType("torchaudio"))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "openunmix"]:
        del sys.modules[name]


@pytest.mark.parametrize(("residual", "iterations"), ROWS)
def test_the_adapter_gives_what_the_package_gives(weights, music, residual, iterations, monkeypatch, request):
    monkeypatch.setattr(open_unmix, "_WIENER_FRAMES", 50)  # so that the song takes more than one filter
    assert not open_unmix.package_imports()
    here = open_unmix.separate(music, weights, residual, iterations)
    request.getfixturevalue("stand_in")
    assert open_unmix.package_imports()
    package = open_unmix.separate(music, weights, residual, iterations)
    for ours, theirs in zip(here, package, strict=True):
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_with_the_residual_the_sources_sum_to_the_mixture(weights, music):
    vocals, accompaniment = open_unmix.separate(music, weights, residual=True, iterations=0)
    np.testing.assert_allclose(vocals + accompaniment, music, atol=1e-5)
    estimates = Umxhq("umxhq", weights, True, 1).estimate(References(music, music, music, RATE))
    # All but the little noise the filter takes out.
    assert np.std(estimates.vocals + estimates.accompaniment - music) < 0.01 * np.std(music)


def test_the_filter_is_exact_where_sources_have_bins_of_their_own():
    torch.manual_seed(0)
    mixture = torch.randn(2, 6, 40, 2)
    sources = torch.stack([mixture.clone(), mixture.clone()])
    sources[0, :, 3:], sources[1, :, :3] = 0, 0
    torch.testing.assert_close(refine(sources, mixture, 2), sources, atol=1e-3, rtol=0)


def test_the_filter_tells_sources_apart_by_their_place():
    torch.manual_seed(0)
    left, right = torch.randn(1, 4, 300, 2), torch.randn(1, 4, 300, 2)
    truth = torch.stack([torch.cat([left, 0 * left]), torch.cat([0 * right, right])])
    mixture = truth.sum(0)
    guess = torch.stack([0.8 * truth[0] + 0.2 * truth[1], 0.2 * truth[0] + 0.8 * truth[1]])
    errors = [(refine(guess, mixture, n) - truth).square().sum() for n in (0, 1, 3)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_the_published_size():
    networks = [build_network(load_preset(name)) for name in ("umx", "umx-unidirectional")]
    millions = [sum(p.numel() for p in network.parameters()) / 1e6 for network in networks]
    assert millions == pytest.approx([8.9, 10.5], abs=0.05)
    published = random_weights(0)
    published.pop("stft.window")
    assert {name: value.shape for name, value in networks[0].state_dict().items()} == {
        name: value.shape for name, value in published.items()
    }


def test_a_song_shorter_than_a_window_is_refused(weights):
    with pytest.raises(EvaluationError, match="shorter"):
        open_unmix.separate(np.zeros((2, 2000), np.float32), weights, False, 1)


def test_a_file_that_lacks_a_tensor_is_named(tmp_path, monkeypatch):
    weights = random_weights(0)
    del weights["bn3.bias"]
    folder = publish_weights(tmp_path / "umxhq", monkeypatch, weights)
    with pytest.raises(EvaluationError, match=r"vocals.*\.pth: lacks bn3\.bias"):
        open_unmix.load_networks(folder)


@torch.no_grad()
def test_the_input_is_standardized_as_the_data_say():
    network = build_network(load_preset("umx", ["model.hidden=8"]))
    torch.manual_seed(0)
    spectra = [torch.randn(3, 2, 2049, 11, 2) * torch.linspace(1, 9, 2049)[:, None, None] for _ in range(4)]
    acquaint(network, iter(spectra))
    mono = torch.cat([s.square().sum(-1).sqrt().mean(1) for s in spectra])[:, :1487]
    rows = ((mono.transpose(1, 2) + network.input_mean) * network.input_scale).flatten(0, 1)
    torch.testing.assert_close(rows.mean(0), torch.zeros(1487), atol=1e-4, rtol=0)
    torch.testing.assert_close(rows.std(0, correction=0), torch.ones(1487), atol=1e-3, rtol=0)


@pytest.fixture
def causal():
    torch.manual_seed(0)
    return build_network(load_preset("umx-unidirectional", ["model.hidden=64"])).eval()


@torch.no_grad()
@pytest.mark.parametrize("pieces", [[1] * 48, [3, 1, 40, 4], [47, 1]])
def test_streaming_equals_offline_for_the_unidirectional_form(causal, pieces):
    spectrum = Stft(STFT).forward(0.1 * torch.randn(2, 2, 48 * 1024))
    state, parts = None, []
    for part in spectrum.split(pieces, -2):
        estimates, state = causal(part, state)
        parts.append(estimates)
    offline = causal(spectrum)[0]
    assert (torch.cat(parts, -2) - offline).abs().max() <= 1e-5 * offline.abs().max()


@torch.no_grad()
def test_only_the_unidirectional_form_is_causal(causal):
    both = build_network(load_preset("umx", ["model.hidden=64"])).eval()
    spectrum = Stft(STFT).forward(0.1 * torch.randn(1, 2, 48 * 1024))
    changed = spectrum.clone()
    changed[..., 24:, :] *= -3
    for network, same in ((causal, True), (both, False)):
        assert torch.equal(*(network(s)[0][..., :24, :] for s in (spectrum, changed))) is same


@pytest.mark.parametrize("preset", ["umx", "umx-unidirectional"])
def test_it_overfits_four_seconds_and_is_scored(preset, songs, tmp_path, music):
    run = tmp_path / "run"
    settings = [*SMALL, "optimizer.steps=160", "optimizer.validate_every=80", "optimizer.learning_rate=1e-2"]
    assert fit(preset, "--data", songs, "-o", run, *settings) == 0
    assert history(run)[-1]["vocals_db"] > 10
    checkpoint = run / "best.safetensors"
    [row] = find_estimators([], ["umx-trained"], umx_trained=checkpoint)
    estimates = row.estimate(References(music, music, music, RATE))
    np.testing.assert_allclose(estimates.vocals + estimates.accompaniment, music, atol=1e-6)
    assert row.latency_ms == (None if preset == "umx" else pytest.approx(4096 / 44.1))


@pytest.mark.parametrize("preset", ["umx", "umx-unidirectional"])
def test_a_resumed_run_ends_where_an_unbroken_one_does(preset, songs, tmp_path, monkeypatch):
    settings = [*SMALL, "optimizer.steps=4", "optimizer.validate_every=2"]
    assert fit(preset, "--data", songs, "-o", tmp_path / "unbroken", *settings) == 0
    train_step = Trainer._train_step

    def train_step_then_stop(trainer, *args):
        loss = train_step(trainer, *args)
        if trainer.step == 1:
            signal.raise_signal(signal.SIGINT)
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", train_step_then_stop)
        assert fit(preset, "--data", songs, "-o", tmp_path / "broken", *settings) == 130
    assert fit("--resume", tmp_path / "broken") == 0
    unbroken, broken = (load_checkpoint(tmp_path / run / "last.safetensors")[0] for run in ("unbroken", "broken"))
    assert unbroken.keys() == broken.keys()
    assert all(torch.equal(unbroken[name], broken[name]) for name in unbroken)
    assert load_model(tmp_path / "broken" / "last.safetensors")[0].bn1.num_batches_tracked == 4


def test_it_trains_in_reduced_precision(songs, tmp_path):
    settings = [*SMALL, "optimizer.steps=2", "optimizer.validate_every=2", "optimizer.autocast=true"]
    assert fit("umx", "--data", songs, "-o", tmp_path / "run", *settings) == 0
    assert np.isfinite(history(tmp_path / "run")[-1]["loss"])


def test_settings_of_another_architecture_are_refused():
    with pytest.raises(TrainerError, match=r"model\.bands"):
        load_preset("umx", ["model.bands=[[1, 8]]"])
    with pytest.raises(TrainerError, match=r"model\.architecture is 'demucs'.*open-unmix"):
        load_preset("umx", ["model.architecture=demucs"])
    with pytest.raises(TrainerError, match="max_bin"):
        load_preset("umx", ["model.max_bin=3000"])
