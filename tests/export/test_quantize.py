"""Int8 is left behind only where it separates as well and is really faster; the host knows its one operator."""

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from export.__main__ import main
from export.check import check_plugin
from export.errors import ExportError
from export.quantize import Comparison, quantize, write_int8
from realtime.plugin import OnnxPlugin, PluginError, read_spec
from realtime.separator import StreamingSeparator
from tests.checkpoints import write_checkpoint
from tests.plugins import ASYMMETRIC, identity, make_graph, make_spec, save_graph
from tests.songs import RATE, write_noise_song
from tests.training import tiny_config
from trainer.config import load_preset
from trainer.model import CausalDualPathRnn

# A product that is bound by memory: a quarter of the bytes is a multiple of the speed on any machine.
WIDTH = 2048
PACED_S = 1.0


@pytest.fixture
def spec():
    return make_spec(ASYMMETRIC, sample_rate=RATE, channels=1, card={"rtf": 0.1, "check": {}, "parameters": 5})


@pytest.fixture
def songs(tmp_path, rng):
    write_noise_song(tmp_path / "songs" / "caesium", rng)
    write_noise_song(tmp_path / "songs" / "trained on", rng, vocals_rms=1e6)
    return tmp_path / "songs"


def heavy(path, spec):
    """Write a plug-in that passes half the mixture on, less what a great many products by nearly nothing add to it."""
    values = 2 * spec.channels * spec.stft.bins
    weights = np.random.default_rng(0).standard_normal((WIDTH, WIDTH)).astype(np.float32)
    constants = {
        "half": np.float32(0.5),
        "one": np.array([1]),
        "row": np.array([1, values]),
        "pads": np.array([0, 0, 0, WIDTH - values]),
        "weights": weights,
        "nearly_nothing": np.float32(1e-9),
        "axes": np.array([1]),
    }
    nodes = [
        helper.make_node("Reshape", ["mixture", "row"], ["flat"]),
        helper.make_node("Pad", ["flat", "pads"], ["wide"]),
        helper.make_node("MatMul", ["wide", "weights"], ["product"]),
        helper.make_node("ReduceMean", ["product"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nearly_nothing"], ["offset"]),
        helper.make_node("Mul", ["mixture", "half"], ["halved"]),
        helper.make_node("Add", ["halved", "offset"], ["sum"]),
        helper.make_node("Unsqueeze", ["sum", "axes"], ["estimates"]),
    ]
    return save_graph(path, spec.to_metadata(), make_graph(spec, nodes, constants))


def test_what_is_as_good_and_faster_is_written_and_says_that_it_is_int8(tmp_path, spec, songs):
    source = heavy(tmp_path / "heavy.onnx", spec)
    comparison = quantize(source, tmp_path / "heavy-int8.onnx", [songs], PACED_S)
    assert comparison.songs == 1  # and not the one that is trained on
    assert comparison.is_worth_it
    quantized = read_spec(tmp_path / "heavy-int8.onnx")
    assert quantized.name == "heavy-int8"
    assert quantized.card["precision"] == "int8"
    assert quantized.card["quantization"]["loss_db"] <= 0.05
    assert not {"rtf", "check"} & quantized.card.keys()  # they were measured on another file
    assert quantized.card["parameters"] == 5
    assert (quantized.stft, quantized.outputs) == (spec.stft, spec.outputs)
    assert (tmp_path / "heavy-int8.onnx").stat().st_size < source.stat().st_size / 3


def fragile(path, spec):
    """Write a plug-in that halves the mixture by weights beside which others, that meet only zeros, are huge."""
    values = 2 * spec.channels * spec.stft.bins
    weights = 0.5 * np.eye(WIDTH, dtype=np.float32)
    weights[-1] = 1e4
    constants = {
        "row": np.array([1, values]),
        "pads": np.array([0, 0, 0, WIDTH - values]),
        "weights": weights,
        "start": np.array([0]),
        "end": np.array([values]),
        "axis": np.array([1]),
        "shape": np.array([1, 1, spec.channels, spec.stft.bins, 1, 2]),
    }
    nodes = [
        helper.make_node("Reshape", ["mixture", "row"], ["flat"]),
        helper.make_node("Pad", ["flat", "pads"], ["wide"]),
        helper.make_node("MatMul", ["wide", "weights"], ["product"]),
        helper.make_node("Slice", ["product", "start", "end", "axis"], ["halved"]),
        helper.make_node("Reshape", ["halved", "shape"], ["estimates"]),
    ]
    return save_graph(path, spec.to_metadata(), make_graph(spec, nodes, constants))


def test_what_loses_quality_is_refused_with_the_figures_and_leaves_no_file(tmp_path, spec, songs):
    source = fragile(tmp_path / "fragile.onnx", spec)
    with pytest.raises(ExportError, match=r"loses .* dB.*ms a call.*1\.3 times"):
        quantize(source, tmp_path / "out" / "int8.onnx", [songs], PACED_S)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("int8_sdr_db", "int8_call_ms", "worth_it"), [(4.97, 0.5, True), (4.94, 0.5, False), (5.2, 0.8, False)]
)
def test_int8_must_neither_lose_nor_dawdle(int8_sdr_db, int8_call_ms, worth_it):
    assert Comparison(15, 5.0, int8_sdr_db, 1.0, int8_call_ms).is_worth_it is worth_it


def test_songs_outside_the_validation_set_are_no_judges(tmp_path, spec, rng, capsys):
    write_noise_song(tmp_path / "songs" / "trained on", rng)
    source = identity(tmp_path / "plain.onnx", spec)
    assert main(["quantize", str(source), "--data", str(tmp_path / "songs")]) == 2
    assert "validation songs" in capsys.readouterr().err


def test_the_host_runs_quantized_lstms_as_it_runs_the_others(tmp_path, rng):
    torch.manual_seed(0)
    model = CausalDualPathRnn(tiny_config())
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors", model, model.config)
    assert main([str(checkpoint), "-o", str(tmp_path / "tiny.onnx")]) == 0
    write_int8(tmp_path / "tiny.onnx", tmp_path / "int8.onnx", "int8")
    operators = {(node.domain, node.op_type) for node in onnx.load(tmp_path / "int8.onnx").graph.node}
    assert ("com.microsoft", "DynamicQuantizeLSTM") in operators
    assert ("", "LSTM") not in operators
    assert all(kept for _, kept in check_plugin(tmp_path / "int8.onnx"))
    mixture = 0.1 * rng.standard_normal((2, 22050)).astype(np.float32)
    vocals, quantized = (
        StreamingSeparator(OnnxPlugin(tmp_path / name)).process(mixture)[0] for name in ("tiny.onnx", "int8.onnx")
    )
    assert np.mean((quantized - vocals) ** 2) < 1e-3 * np.mean(vocals**2)


def test_a_guide_multiplies_the_integers_it_is_stored_in(tmp_path, rng):
    torch.manual_seed(0)
    config = load_preset("guided")
    checkpoint = write_checkpoint(tmp_path / "guided.safetensors", CausalDualPathRnn(config), config)
    assert main([str(checkpoint), "-o", str(tmp_path / "guided.onnx")]) == 0
    write_int8(tmp_path / "guided.onnx", tmp_path / "int8.onnx", "int8")
    branches = [
        attribute.g
        for node in onnx.load(tmp_path / "int8.onnx").graph.node
        for attribute in node.attribute
        if attribute.type == onnx.AttributeProto.GRAPH
    ]
    operators = [node.op_type for branch in branches for node in branch.node]
    assert "MatMulInteger" in operators
    assert "MatMul" not in operators
    mixture = 0.1 * rng.standard_normal((2, 22050)).astype(np.float32)
    vocals, quantized = (
        StreamingSeparator(OnnxPlugin(tmp_path / name)).process(mixture)[0] for name in ("guided.onnx", "int8.onnx")
    )
    assert np.mean((quantized - vocals) ** 2) < 1e-3 * np.mean(vocals**2)


def test_no_other_operator_of_that_domain_is_let_in(tmp_path, spec):
    nodes = [helper.make_node("Gelu", ["mixture"], ["gelu"], domain="com.microsoft")]
    nodes.append(helper.make_node("Unsqueeze", ["gelu", "axes"], ["estimates"]))
    graph = make_graph(spec, nodes)
    graph.initializer.append(numpy_helper.from_array(np.array([1]), "axes"))
    path = save_graph(tmp_path / "gelu.onnx", spec.to_metadata(), graph, ["com.microsoft"])
    with pytest.raises(PluginError, match=r"com\.microsoft\.Gelu"):
        read_spec(path)
