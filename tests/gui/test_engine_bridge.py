"""The bridge to a real audio process."""

import math
import os
import signal

import numpy as np
import pytest
import soundfile

from gui.engine_bridge import EngineBridge
from gui.engine_memory import EngineMemory
from realtime.live.client import EngineState, Parameters, messages
from tests.servers import jack_server

START_MS = 20_000  # a busy machine takes its time to start a process


@pytest.fixture
def song(tmp_path, rng):
    path = tmp_path / "song.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((20 * 44100, 2)), 44100)
    return str(path)


def test_before_it_is_opened_everything_is_quiet(bridge):
    bridge.start()
    bridge.stop()
    bridge.seek(3)
    assert bridge.scope(0) is None
    assert bridge.process_id is None
    assert not bridge.active


def test_it_tells_changes_only(bridge):
    told = []
    bridge.parameters_changed.connect(told.append)
    bridge.change(vocals_db=-6.0)
    bridge.change(vocals_db=-6.0)
    bridge.change(key_semitones=2, solo="vocals")
    assert [(p.vocals_db, p.key_semitones, p.solo) for p in told] == [(-6.0, 0, ""), (-6.0, 2, "vocals")]


def test_settings_are_told_when_they_change(bridge):
    told = []
    bridge.settings_changed.connect(told.append)
    bridge.configure(input="a")
    bridge.configure(input="a")
    assert [settings.input for settings in told] == ["a"]


def test_the_models_that_ship_are_answered_with_their_specs(bridge, qtbot):
    def is_models(question, content):
        return question is messages.Models

    with qtbot.waitSignal(bridge.answered, timeout=START_MS, check_params_cb=is_models):
        bridge.open()
    models = dict(bridge.answer(messages.Models))
    assert models["lite"].targets == ("vocals",)


def test_it_plays_a_song_moves_in_it_and_stops(bridge, qtbot, song):
    states = []
    bridge.state_changed.connect(states.append)
    with jack_server():
        bridge.open()
        bridge.start(song)
        qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.RUNNING, timeout=START_MS)
        on_the_way = [EngineState.LOADING, EngineState.WARMING_UP, EngineState.RUNNING]
        assert states == [state for state in on_the_way if state in states]  # one may pass between two looks
        qtbot.waitUntil(lambda: bridge.snapshot.playback.position_s > 0.2, timeout=START_MS)
        audio, count = bridge.scope(0)
        assert count > 0
        assert np.abs(audio[0]).max() > 0
        with qtbot.waitSignal(bridge.playback_changed, timeout=START_MS):
            bridge.seek(10.0)
        qtbot.waitUntil(lambda: bridge.snapshot.playback.position_s >= 10.0, timeout=START_MS)
        bridge.stop()
        qtbot.waitUntil(lambda: not bridge.active, timeout=START_MS)
        bridge.close()


def test_a_killed_audio_process_is_replaced_and_plays_on(bridge, qtbot, song):
    with jack_server():
        bridge.open()
        bridge.change(vocals_db=-3.0)
        bridge.start(song)
        qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.RUNNING, timeout=START_MS)
        killed = bridge.process_id
        os.kill(killed, signal.SIGKILL)
        qtbot.waitUntil(lambda: bridge.snapshot.restarts == 1, timeout=START_MS)
        assert bridge.process_id != killed
        qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.RUNNING, timeout=START_MS)
        assert "started again" in bridge.snapshot.message
        assert bridge.parameters.vocals_db == -3.0
        bridge.close()


def test_a_failed_start_says_why(bridge, qtbot, tmp_path):
    bridge.open()
    bridge.configure(model=str(tmp_path / "missing.onnx"))
    bridge.start()
    qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.FAILED, timeout=START_MS)
    assert "missing.onnx" in bridge.snapshot.message
    assert not bridge.active


def test_closing_ends_the_process(bridge):
    bridge.open()
    process_id = bridge.process_id
    bridge.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_devices_and_faders_are_remembered(qtbot, bridge, tmp_path):
    path = tmp_path / "deep" / "live.json"
    memory = EngineMemory(bridge, path)
    bridge.configure(input="Line, ALSA", model="lite")
    bridge.change(vocals_db=-math.inf, microphone_db=-4.5, solo="vocals", bypass=True)
    qtbot.waitUntil(path.exists)
    memory.save()
    again = EngineBridge()
    EngineMemory(again, path)
    assert (again.settings.input, again.settings.model) == ("Line, ALSA", "lite")
    assert (again.parameters.vocals_db, again.parameters.microphone_db) == (-math.inf, -4.5)
    assert (again.parameters.solo, again.parameters.bypass) == ("", False)  # nobody wants to begin so


def test_a_file_that_cannot_be_read_is_told(bridge, tmp_path):
    memory = EngineMemory(bridge, tmp_path)
    assert str(tmp_path) in memory.problem
    assert bridge.parameters == Parameters()


def test_a_file_that_makes_no_sense_is_kept_aside(bridge, tmp_path):
    path = tmp_path / "live.json"
    path.write_text("{broken")
    memory = EngineMemory(bridge, path)
    assert memory.damaged.read_text() == "{broken"
    assert bridge.parameters == Parameters()
    memory.save()
    assert EngineMemory(EngineBridge(), path).damaged is None
