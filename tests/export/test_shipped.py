"""Every model that ships is the one its committed checkpoint makes."""

from pathlib import Path

import numpy as np
import pytest

from export.quantize import write_int8
from export.step_graph import model_spec, write_step_graph
from export.verify import verify_export
from realtime.catalog import shipped_models
from realtime.plugin import OnnxPlugin, read_spec
from realtime.separator import StreamingSeparator
from trainer.checkpoint import load_model

CHECKPOINTS = Path(__file__).parents[2] / "trainer" / "checkpoints"
IN_INT8 = {path: read_spec(path).card.get("precision") == "int8" for path in shipped_models()}


def named(path):
    return path.stem


@pytest.mark.parametrize("model", [path for path, in_int8 in IN_INT8.items() if not in_int8], ids=named)
def test_a_shipped_model_does_what_its_checkpoint_does(model):
    verify_export(CHECKPOINTS / f"{model.stem}.safetensors", model)


@pytest.mark.parametrize("model", [path for path, in_int8 in IN_INT8.items() if in_int8], ids=named)
def test_a_shipped_model_in_int8_does_what_its_checkpoint_does_in_int8(model, tmp_path, rng):
    # What it loses and gains by that is in its card: python -m export quantize measured it. The last bit of a weight
    # depends on the processor that exported it, and now and then rounds an activation to its other neighbour among the
    # eight-bit numbers: a fifth of what eight bits change at most. One layer a tenth too large changes half or more.
    network, about = load_model(CHECKPOINTS / f"{model.stem}.safetensors")
    write_step_graph(network, model_spec(network, about, read_spec(model).license), tmp_path / "float32.onnx")
    write_int8(tmp_path / "float32.onnx", tmp_path / "int8.onnx", model.stem)
    mixture = 0.1 * rng.standard_normal((2, 44100)).astype(np.float32)
    float32, int8, shipped = (
        StreamingSeparator(OnnxPlugin(path)).process(mixture)
        for path in (tmp_path / "float32.onnx", tmp_path / "int8.onnx", model)
    )
    assert np.std(int8 - shipped) < 0.5 * np.std(float32 - shipped)
