"""A plug-in leaves the exporter only if the host separates with it as torch does."""

import dataclasses

import onnx
import pytest
import torch

from export import step_graph
from export.__main__ import main
from export.errors import ExportError
from export.verify import verify_export
from realtime.plugin import read_spec
from tests.checkpoints import write_checkpoint
from tests.plugins import hum, make_spec, overflow
from tests.training import tiny_config
from trainer.data.sources import Source
from trainer.loop import LAST, Trainer
from trainer.model import CausalDualPathRnn


@pytest.fixture(
    params=[{}, {"chunk_frames": 4, "bands": [[1, 1025]]}, {"spatial": True}],
    ids=["banded", "chunks of four frames", "spatial"],
)
def checkpoint(request, tmp_path):
    torch.manual_seed(0)
    model = CausalDualPathRnn(tiny_config(**request.param))
    return write_checkpoint(tmp_path / "tiny.safetensors", model, model.config)


def test_torch_offline_equals_torch_streaming_equals_the_host(checkpoint, tmp_path, capsys):
    model = tmp_path / "models" / "tiny.onnx"
    assert main([str(checkpoint), "-o", str(model)]) == 0
    report = verify_export(checkpoint, model)
    assert report.frames >= 500
    assert max(report.streaming_error, report.host_error) <= 1e-5
    assert min(report.streaming_db, report.host_db) >= 100
    assert [path.name for path in model.parent.iterdir()] == ["tiny.onnx"]
    assert main(["check", str(model)]) == 0
    assert "BROKEN" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ({"chunk_frames": 3}, {}),
        ({"bands": [[1, 1025]]}, {}),
        ({}, {"targets": ("vocals", "drums"), "residual": "rest"}),
        ({"chunk_frames": 2}, {"targets": ("vocals", "drums"), "residual": "rest", "channels": 1}),
    ],
    ids=["bands and chunks", "one band and one frame", "two targets", "two targets of one channel in chunks"],
)
def test_any_shape_of_the_network_is_exported(shape, settings, tmp_path):
    torch.manual_seed(0)
    model = CausalDualPathRnn(dataclasses.replace(tiny_config(**shape), **settings))
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors", model, model.config)
    assert main([str(checkpoint), "-o", str(tmp_path / "tiny.onnx")]) == 0
    assert verify_export(checkpoint, tmp_path / "tiny.onnx").host_db >= 100


def test_the_file_says_what_the_configuration_says(checkpoint, tmp_path):
    assert main([str(checkpoint), "-o", str(tmp_path / "tiny.onnx"), "--license", "CC0"]) == 0
    spec = read_spec(tmp_path / "tiny.onnx")
    assert (spec.name, spec.sample_rate, spec.channels, spec.outputs) == ("tiny", 44100, 2, ("vocals", "accompaniment"))
    assert (spec.license, spec.training_data) == ("CC0", "songs (songs)")
    assert spec.card["training"]["step"] == 7
    assert spec.latency_samples == 1024 + (spec.hops_per_call - 1) * 512


def test_a_file_that_differs_from_its_checkpoint_is_not_left(checkpoint, tmp_path, monkeypatch, capsys):
    def write_wrong(model, spec, path):
        with torch.no_grad():
            next(model.parameters()).mul_(1.001)
        write_right(model, spec, path)

    write_right = step_graph.write_step_graph
    monkeypatch.setattr(step_graph, "write_step_graph", write_wrong)
    assert main([str(checkpoint), "-o", str(tmp_path / "tiny.onnx")]) == 2
    assert "differs from torch offline" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_another_model_fails_verification(checkpoint, tmp_path):
    assert main([str(checkpoint), "-o", str(tmp_path / "tiny.onnx")]) == 0
    graph = onnx.load(tmp_path / "tiny.onnx")
    bias = next(tensor for tensor in graph.graph.initializer if tensor.name.endswith("decoder.hidden.bias"))
    bias.raw_data = (onnx.numpy_helper.to_array(bias) + 0.01).tobytes()
    onnx.save(graph, tmp_path / "tiny.onnx")
    with pytest.raises(ExportError, match="the host differs"):
        verify_export(checkpoint, tmp_path / "tiny.onnx")


@pytest.mark.parametrize("name", ["missing.safetensors", "folder"])
def test_what_is_no_checkpoint_is_named(name, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    assert main([str(tmp_path / name)]) == 2
    assert name in capsys.readouterr().err


def test_a_folder_as_output_is_named(checkpoint, tmp_path, capsys):
    assert main([str(checkpoint), "-o", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("plugin", "promise"),
    [(hum, "silence in gives silence out"), (overflow, "finite output for loud input")],
    ids=["hum", "overflow"],
)
def test_a_plugin_that_breaks_a_promise_is_told_so(plugin, promise, tmp_path, capsys):
    model = plugin(tmp_path / "broken.onnx", make_spec())
    assert main(["check", str(model)]) == 2
    output, errors = capsys.readouterr()
    assert f"BROKEN  {promise}" in output
    assert output.count("BROKEN") == 1
    assert "broken.onnx" in errors


def test_what_a_model_began_with_is_named_too(tmp_path):
    torch.manual_seed(0)
    model = CausalDualPathRnn(tiny_config())
    first = write_checkpoint(tmp_path / "first.safetensors", model, model.config)
    trainer = Trainer(model.config, [Source.parse(f"vocals={tmp_path}")], tmp_path / "run", torch.device("cpu"))
    trainer.start_from(first)
    trainer._save_last()
    again = Trainer(model.config, [], tmp_path / "run", torch.device("cpu"))
    again.resume(tmp_path / "run" / LAST)
    again._save_last()
    assert main([str(tmp_path / "run" / LAST), "-o", str(tmp_path / "tiny.onnx")]) == 0
    assert "songs (songs)" in read_spec(tmp_path / "tiny.onnx").training_data
