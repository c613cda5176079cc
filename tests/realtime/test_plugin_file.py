"""An untrusted plug-in file: whatever breaks the contract is refused in one sentence that names the file."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime.contract import CONTRACT_VERSION, VERSION_KEY, StateSpec, StftSpec
from realtime.plugin import MAX_FILE_BYTES, OnnxPlugin, PluginError
from tests import plugins
from tests.plugins import make_graph, make_spec, save_graph

SPEC = make_spec()
PASS = helper.make_node("Unsqueeze", ["mixture", "axes"], ["estimates"])
AXES = {"axes": [1]}


def _passes_on(path):
    """Return by what factor the plug-in multiplies a frame of ones."""
    frame = np.ones((2, SPEC.stft.bins, 1), np.complex64)
    return np.unique(OnnxPlugin(path).step(frame)).tolist()


def _refusal(path):
    """Return the one sentence with which the file is refused, checked to name it."""
    with pytest.raises(PluginError) as refusal:
        OnnxPlugin(path)
    sentence = str(refusal.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"just text, not a model\n", "not an ONNX file"),
        (b"", "not an Unsing plug-in"),
        (b"\x00" * 64, "not an ONNX file"),
    ],
    ids=["text", "empty", "zeros"],
)
def test_a_file_that_is_no_model_is_refused(content, words, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert words in _refusal(path)


def test_missing_file_folder_and_truncated_file_are_refused(tmp_path):
    assert "no such file" in _refusal(tmp_path / "none.onnx")
    assert "not a regular file" in _refusal(tmp_path)
    path = plugins.one_pole(tmp_path / "cut.onnx", SPEC)
    path.write_bytes(path.read_bytes()[:-100])
    assert "export" in _refusal(path)


def test_oversize_file_is_refused_with_the_bound(tmp_path):
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert "512 MiB" in _refusal(path)


def test_random_damage_raises_nothing_but_plugin_errors(tmp_path, rng):
    path = plugins.one_pole(tmp_path / "pole.onnx", SPEC)
    whole, damaged = path.read_bytes(), tmp_path / "damaged.onnx"
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for position in rng.integers(len(content), size=rng.integers(1, 3)):
            content[position] = rng.integers(256)
        damaged.write_bytes(content)
        try:
            OnnxPlugin(damaged)
        except PluginError:
            refused += 1
    assert refused > 30


def test_foreign_metadata_and_other_contract_are_refused(tmp_path):
    graph = make_graph(SPEC, [PASS], AXES)
    assert "not an Unsing plug-in" in _refusal(save_graph(tmp_path / "foreign.onnx", {}, graph))
    metadata = {**SPEC.to_metadata(), VERSION_KEY: "2"}
    sentence = _refusal(save_graph(tmp_path / "later.onnx", metadata, graph))
    assert "'2'" in sentence
    assert f"'{CONTRACT_VERSION}'" in sentence


def _foreign_node(inputs=("mixture",), outputs=("estimates",)):
    return helper.make_node("Steal", list(inputs), list(outputs), domain="com.example")


def _foreign_in_branch():
    framed = helper.make_node("Unsqueeze", ["mixture", "axes"], ["a"])
    output = helper.make_tensor_value_info("a", TensorProto.FLOAT, None)
    foreign = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    branches = {
        "then_branch": helper.make_graph([framed], "then", [], [output]),
        "else_branch": helper.make_graph([_foreign_node(outputs=["b"])], "else", [], [foreign]),
    }
    return helper.make_node("If", ["always"], ["estimates"], **branches)


def _function(node):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    axes = helper.make_node("Constant", [], ["axes"], value=numpy_helper.from_array(np.array([1])))
    return helper.make_function("local", "Frame", ["mixture"], ["estimates"], [axes, node], opsets)


def test_custom_operators_are_refused_wherever_they_hide(tmp_path):
    call = helper.make_node("Frame", ["mixture"], ["estimates"], domain="local")
    graphs = {
        "top": (make_graph(SPEC, [_foreign_node()]), ()),
        "branch": (make_graph(SPEC, [_foreign_in_branch()], {**AXES, "always": np.array(True)}), ()),
        "function": (make_graph(SPEC, [call]), (_function(_foreign_node()),)),
    }
    for name, (graph, functions) in graphs.items():
        path = tmp_path / f"{name}.onnx"
        save_graph(path, SPEC.to_metadata(), graph, ["com.example", "local"], functions)
        assert "com.example.Steal" in _refusal(path)


def test_a_function_the_file_itself_defines_is_no_custom_operator(tmp_path):
    call = helper.make_node("Frame", ["mixture"], ["estimates"], domain="local")
    path = tmp_path / "function.onnx"
    save_graph(path, SPEC.to_metadata(), make_graph(SPEC, [call]), ["local"], (_function(PASS),))
    assert _passes_on(path) == [1]


def _with_external_weights(path, location):
    """Write a plug-in whose one weight, a gain, lies in the file `location`."""
    gain = TensorProto(name="gain", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    gain.external_data.add(key="location", value=str(location))
    gain.external_data.add(key="length", value="4")
    nodes = [
        helper.make_node("Mul", ["mixture", "gain"], ["louder"]),
        helper.make_node("Unsqueeze", ["louder", "axes"], ["estimates"]),
    ]
    graph = make_graph(SPEC, nodes, AXES)
    graph.initializer.append(gain)
    return save_graph(path, SPEC.to_metadata(), graph)


def test_weights_outside_the_folder_are_refused(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.float32(2).tobytes())
    (folder / "link.bin").symlink_to(secret)
    for location in ("../secret.bin", secret, folder / "model.onnx", "link.bin", "below/../../secret.bin"):
        assert "outside its own folder" in _refusal(_with_external_weights(folder / "model.onnx", location))
    assert "not beside it" in _refusal(_with_external_weights(folder / "model.onnx", "absent.bin"))


def test_text_that_cannot_be_decoded_is_refused(tmp_path):
    path = _with_external_weights(tmp_path / "model.onnx", "weights.bin")
    whole = path.read_bytes()
    for word in (b"weights.bin", b"estimates", b"MIT", b"Unsqueeze"):
        path.write_bytes(whole.replace(word, b"\xff" * len(word)))
        assert "not UTF-8" in _refusal(path)


def test_weights_beside_the_file_are_read_up_to_the_bound(tmp_path):
    weights = tmp_path / "weights.bin"
    weights.write_bytes(np.float32(2).tobytes())
    path = _with_external_weights(tmp_path / "model.onnx", "weights.bin")
    assert _passes_on(path) == [2]
    with weights.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert "512 MiB" in _refusal(path)


def _broken(**changes):
    """Return the graph for `SPEC` with fields of its `estimates` output changed."""
    graph = make_graph(SPEC, [PASS], AXES)
    shape = [1, 1, 2, SPEC.stft.bins, 1, 2]
    value = {"name": "estimates", "elem_type": TensorProto.FLOAT, "shape": shape, **changes}
    graph.output[0].CopyFrom(helper.make_tensor_value_info(**value))
    return graph


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [1, 1, 2, 64, 1, 2]}, "estimates has shape (1, 1, 2, 64, 1, 2)"),
        ({"shape": [1, 2, 2, 65, 1, 2]}, "estimates has shape (1, 2, 2, 65, 1, 2)"),
        ({"shape": [1, 1, 2, 65, 1]}, "estimates has shape (1, 1, 2, 65, 1)"),
        ({"elem_type": TensorProto.DOUBLE}, "estimates is not float32"),
        ({"name": "estimate"}, "outputs are estimate, but its metadata asks for estimates"),
    ],
    ids=["bins", "targets", "rank", "type", "name"],
)
def test_graph_that_is_not_what_the_metadata_says_is_refused(changes, words, tmp_path):
    assert words in _refusal(save_graph(tmp_path / "model.onnx", SPEC.to_metadata(), _broken(**changes)))


def test_state_the_graph_does_not_have_is_refused(tmp_path):
    spec = replace(SPEC, states=(StateSpec("memory", (1,)),))
    path = save_graph(tmp_path / "model.onnx", spec.to_metadata(), make_graph(SPEC, [PASS], AXES))
    assert "inputs are mixture, but its metadata asks for memory, mixture" in _refusal(path)


def test_open_dimension_is_checked_by_running(tmp_path):
    graph = _broken(shape=[1, 1, 2, "bins", 1, 2])
    OnnxPlugin(save_graph(tmp_path / "open.onnx", SPEC.to_metadata(), graph))
    graph.node[0].input[0] = "few"
    graph.node.insert(0, helper.make_node("Slice", ["mixture", "start", "end", "axis"], ["few"]))
    for name, value in (("start", 0), ("end", 9), ("axis", 2)):
        graph.initializer.append(numpy_helper.from_array(np.array([value]), name))
    assert "the model failed" in _refusal(save_graph(tmp_path / "few.onnx", SPEC.to_metadata(), graph))


def test_one_call_cannot_ask_for_all_memory(tmp_path):
    spec = make_spec(StftSpec(65536, 16384, "hann", "hann"), hops_per_call=4096)
    path = save_graph(tmp_path / "huge.onnx", spec.to_metadata(), make_graph(spec, [PASS], AXES))
    assert "fewer hops" in _refusal(path)


def test_the_delay_cannot_ask_for_all_memory(tmp_path):
    spec = make_spec(StftSpec(65536, 32768, "hann", "hann"), channels=64, lookahead_hops=4096)
    path = save_graph(tmp_path / "late.onnx", spec.to_metadata(), make_graph(spec, [PASS], AXES))
    assert "fewer hops" in _refusal(path)


def test_model_that_answers_silence_with_nan_is_refused(tmp_path):
    nodes = [
        helper.make_node("Div", ["mixture", "mixture"], ["ratio"]),
        helper.make_node("Unsqueeze", ["ratio", "axes"], ["estimates"]),
    ]
    path = save_graph(tmp_path / "nan.onnx", SPEC.to_metadata(), make_graph(SPEC, nodes, AXES))
    assert "not finite" in _refusal(path)


def test_the_runtime_prints_nothing_of_its_own(tmp_path, capfd):
    nodes = [helper.make_node("NoSuchOperator", ["mixture"], ["estimates"])]
    path = save_graph(tmp_path / "unknown.onnx", SPEC.to_metadata(), make_graph(SPEC, nodes))
    assert "does not load" in _refusal(path)
    OnnxPlugin(plugins.identity(tmp_path / "identity.onnx", SPEC))
    assert capfd.readouterr() == ("", "")


def test_test_plugins_are_valid_onnx(tmp_path):
    onnx.checker.check_model(plugins.one_pole(tmp_path / "pole.onnx", SPEC), full_check=True)
