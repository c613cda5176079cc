"""Finding a model by its name or by its path."""

import pytest

from realtime.catalog import find_model, shipped_models
from realtime.plugin import PluginError, read_spec
from tests import plugins


def test_every_shipped_model_is_found_by_its_name_and_keeps_the_contract():
    for path in shipped_models():
        assert find_model(path.stem) == path
        assert read_spec(path).targets


def test_a_path_is_taken_as_it_is(tmp_path):
    path = plugins.identity(tmp_path / "mine.onnx", plugins.make_spec())
    assert find_model(path) == path
    assert find_model(str(path)) == path


def test_what_is_there_but_no_model_is_left_to_the_reader_to_explain(tmp_path):
    assert find_model(tmp_path) == tmp_path
    with pytest.raises(PluginError, match="not a regular file"):
        read_spec(find_model(tmp_path))


@pytest.mark.parametrize("name", ["folder/none.onnx", "none.onnx"])
def test_missing_path_is_named(name):
    with pytest.raises(PluginError, match=r"none\.onnx.*check the path"):
        find_model(name)


def test_a_slip_of_the_finger_is_answered_with_the_nearest_name():
    for path in shipped_models():
        with pytest.raises(PluginError, match=f"did you mean {path.stem}"):
            find_model(f"{path.stem}x")


def test_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(PluginError, match="no model named 'zzzz'; the models here are"):
        find_model("zzzz")
