"""What a graph costs, counted by hand."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime.catalog import shipped_models
from realtime.plugin import read_spec
from tests.plugins import gains, make_spec
from tests.training import make_stems, write_song
from trainer.data.songs import find_songs
from trainer.evaluate.cost import count_macs, count_parameters, measure_cost
from trainer.evaluate.estimators import Mixture, StreamedModel
from trainer.evaluate.protocols import Passage


def graph(operator, inputs, output, weights, **attributes):
    """Return a model of one node; `inputs` are shapes, `weights` shapes of what it brings."""
    names = [f"in{index}" for index in range(len(inputs))] + [f"weight{index}" for index in range(len(weights))]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(names, inputs, strict=False)
    ]
    tensors = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in zip(names[len(inputs) :], weights, strict=True)
    ]
    node = helper.make_node(operator, names, ["out"], **attributes)
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, output)
    return helper.make_model(
        helper.make_graph([node], "one", values, [result], tensors), opset_imports=[helper.make_opsetid("", 17)]
    )


@pytest.mark.parametrize(
    ("model", "macs", "parameters"),
    [
        # Ten rows of 4 into 6.
        (graph("MatMul", [(2, 5, 4)], (2, 5, 6), [(4, 6)]), 10 * 4 * 6, 24),
        (graph("Gemm", [(3, 4)], (3, 6), [(6, 4), (6,)], transB=1), 3 * 4 * 6, 30),
        # 7 frames of 2 sequences, 4 gates, 5 in and 3 hidden, twice for two directions.
        (
            graph(
                "LSTM", [(7, 2, 5)], (7, 2, 2, 3), [(2, 12, 5), (2, 12, 3)], hidden_size=3, direction="bidirectional"
            ),
            7 * 2 * 2 * 4 * 3 * (5 + 3),
            2 * 12 * (5 + 3),
        ),
        (graph("GRU", [(7, 1, 5)], (7, 1, 1, 3), [(1, 9, 5), (1, 9, 3)], hidden_size=3), 7 * 9 * 8, 72),
        # 8 outputs in 2 groups at 9 places, each from 3 channels by 2 taps.
        (graph("Conv", [(1, 6, 10)], (1, 8, 9), [(8, 3, 2)], group=2), 8 * 9 * 3 * 2, 48),
        (graph("ConvTranspose", [(1, 6, 10)], (1, 8, 11), [(6, 8, 2)]), 6 * 10 * 8 * 2, 96),
        (graph("Einsum", [(3, 4)], (3, 5), [(4, 5)], equation="ij,jk->ik"), 3 * 4 * 5, 20),
        (graph("Add", [(3, 4)], (3, 4), [(4,)]), 0, 4),
    ],
    ids=["MatMul", "Gemm", "LSTM", "GRU", "Conv", "ConvTranspose", "Einsum", "Add"],
)
def test_a_graph_is_counted_as_on_paper(model, macs, parameters):
    onnx.checker.check_model(model, full_check=True)
    assert count_macs(model) == macs
    assert count_parameters(model) == parameters


def test_what_cannot_be_counted_is_not_guessed():
    assert count_macs(graph("MatMul", [("n", 4)], ("n", 6), [(4, 6)])) is None


@pytest.mark.parametrize("path", shipped_models(), ids=lambda path: path.stem)
def test_shipped_models_bring_the_parameters_their_card_names(path):
    model = onnx.load(path)
    named = read_spec(path).card["parameters"]
    # A graph also brings constants, such as the edges of bands.
    assert named <= count_parameters(model) <= 1.02 * named
    macs = count_macs(model)
    # What a branch costs on average is not in the graph.
    assert macs > named / 2 if macs is not None else any(node.op_type == "If" for node in model.graph.node)


def test_cost_is_measured_in_a_process_of_its_own(tmp_path):
    write_song(tmp_path / "data" / "song", make_stems(3))
    (song,) = find_songs(tmp_path / "data")
    model = StreamedModel.find(gains(tmp_path / "half.onnx", make_spec(), [[0.5]]))
    cost = measure_cost(model, Passage(song))
    assert cost.rtf > 0
    assert 20e6 < cost.memory_bytes < 2e9
    assert cost.macs_per_s == 0
    assert measure_cost(Mixture(), Passage(song)).macs_per_s is None
