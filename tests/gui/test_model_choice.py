"""Which model the window begins with, what it says of the choice, and the engine's troubles in Chinese."""

import dataclasses
import shutil

import pytest
import soundfile

from gui.engine_bridge import EngineBridge
from gui.engine_words import trouble
from gui.live_words import model_choices
from gui.model_probe import ModelProbe
from realtime.catalog import find_model
from realtime.contract import StftSpec
from realtime.live.client import EngineSnapshot, EngineState, Problem, StreamSettings, messages
from realtime.live.probe import ModelTiming
from tests.plugins import identity, make_spec
from tests.servers import jack_server

START_MS = 60_000
BEST = ModelTiming("main", 23.2, 11.6, 258, 2.0, 3.0, 4.0, 5.0, 0.2, 0.1, 0, 90.0, 6.0)
SLOW = dataclasses.replace(BEST, name="slow", p99_ms=9.0)
STFT = StftSpec(2048, 512, "asymmetric", "asymmetric")
MODELS = (
    ("lite", make_spec(STFT, card={"scores": {"vocals": {"SDR": 4.96}}})),
    ("main", make_spec(STFT)),
    ("slow", make_spec(STFT)),
)


@pytest.fixture
def found(bridge, window):
    """Tell the window what models there are and how fast they are here."""

    def tell(*timings):
        bridge.answered.emit(messages.Models, MODELS)
        bridge.answered.emit(messages.Probe, timings)
        return window.live_view.sources.model

    return tell


def pick(picker, key):
    picker.picker.setCurrentIndex(picker.picker.findData(key))
    picker.picker.activated.emit(picker.picker.currentIndex())


def test_the_window_begins_with_the_recommended_model_and_says_so(found, bridge):
    picker = found(BEST, SLOW)
    assert bridge.settings.model == picker.picker.key == "main"
    assert picker.picker.currentText().endswith("★")
    assert "Recommended" in picker.note


def test_who_chose_a_model_keeps_it_and_sees_what_is_recommended(found, bridge):
    pick(found(), "slow")
    picker = found(BEST, SLOW)
    assert bridge.settings.model == "slow"
    assert "Too slow" in picker.note
    assert "Main" in picker.note
    pick(picker, "lite")
    assert "Main" in picker.note
    assert "Too slow" not in picker.note


def test_a_model_of_the_terminal_is_kept(found, bridge):
    bridge.configure(model="slow")
    found(BEST, SLOW)
    assert bridge.settings.model == "slow"


def test_another_recommendation_replaces_one_that_was_only_taken(found, bridge):
    found(BEST)
    found(dataclasses.replace(BEST, name="lite"))
    assert bridge.settings.model == "lite"


def test_a_score_is_shown_where_there_is_one():
    assert dict(model_choices(MODELS)) == {
        "lite": "Lite, 23 ms, 5.0 dB",
        "main": "Main, 23 ms",
        "slow": "Slow, 23 ms",
    }


def test_a_model_that_cannot_be_used_stays_in_the_list():
    assert model_choices(MODELS, "/music/own.onnx")[-1] == ("/music/own.onnx", "Own (cannot be used)")


def test_a_model_given_as_a_path_is_shown_with_its_card(qtbot, bridge, window, tmp_path):
    path = identity(tmp_path / "own.onnx", make_spec(STFT))
    bridge.configure(model=str(path))
    bridge.open()
    picker = window.live_view.sources.model.picker
    qtbot.waitUntil(lambda: picker.currentText() == "Own, 23 ms", timeout=START_MS)
    assert picker.key == str(path)


def test_models_are_measured_once_and_never_beside_music(qtbot, bridge, tmp_path, monkeypatch):
    monkeypatch.setattr("gui.model_probe._QUIET_MS", 0)
    busy = [True]
    ModelProbe(bridge, tmp_path / "speed.json", lambda: busy[0])
    bridge.open()
    qtbot.waitUntil(lambda: bridge.answer(messages.Models) is not None, timeout=START_MS)
    qtbot.wait(200)
    assert bridge.answer(messages.Probe) is None
    busy[0] = False
    qtbot.waitUntil(lambda: bridge.answer(messages.Probe) is not None, timeout=START_MS)
    live = {name for name, spec in bridge.answer(messages.Models) if spec.causal}
    assert {timing.name for timing in bridge.answer(messages.Probe)} == live
    again = EngineBridge()
    try:
        again.open()
        again.ask(messages.Probe(tmp_path / "speed.json"))
        qtbot.waitUntil(lambda: again.answer(messages.Probe) is not None, timeout=START_MS)
        assert again.answer(messages.Probe) == bridge.answer(messages.Probe)
    finally:
        again.close()


def test_the_model_changes_while_music_plays(qtbot, bridge, window, tmp_path, rng):
    soundfile.write(tmp_path / "song.wav", 0.1 * rng.standard_normal((30 * 44100, 2)), 44100)
    other = tmp_path / "other.onnx"
    shutil.copy(find_model("lite"), other)
    with jack_server():
        bridge.open()
        bridge.start(str(tmp_path / "song.wav"))
        qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.RUNNING, timeout=START_MS)
        bridge.answered.emit(messages.Models, (*MODELS, (str(other), make_spec(STFT))))
        pick(window.live_view.sources.model, str(other))
        qtbot.waitUntil(lambda: bridge.snapshot.model == "other", timeout=START_MS)
        qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.RUNNING, timeout=START_MS)
        bridge.close()


@pytest.mark.parametrize("problem", [problem for problem in Problem if problem not in (Problem.NONE, Problem.OTHER)])
def test_every_kind_of_trouble_has_its_words(window, problem):
    snapshot = EngineSnapshot(message="card 3 is in use: choose another", problem=problem, subject="Karte 3")
    assert trouble(snapshot) == "Card 3 is in use: choose another."
    window.menu._set_language("zh")
    try:
        assert "in use" not in trouble(snapshot)
    finally:
        window.menu._set_language("en")


def test_an_unknown_trouble_is_told_as_the_engine_tells_it(window):
    window.menu._set_language("zh")
    try:
        assert trouble(EngineSnapshot(message="the moon is gone", problem=Problem.OTHER)) == "The moon is gone."
    finally:
        window.menu._set_language("en")


def test_the_engine_names_the_kind_of_trouble(qtbot, bridge, tmp_path):
    bridge.open()
    bridge.configure(model=str(tmp_path / "missing.onnx"))
    bridge.start()
    qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.FAILED, timeout=START_MS)
    assert (bridge.snapshot.problem, bridge.snapshot.subject) == (Problem.MODEL_UNUSABLE, "missing")


def test_the_default_is_a_model_that_ships():
    assert find_model(StreamSettings().model).exists()
