"""The Live view: every control reaches the engine, and the engine is shown in plain words."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import soundfile
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractButton, QComboBox, QLabel, QSlider

from gui.live_advice import MissWatch, advise, lighter_model
from gui.live_words import device_choices, figures, model_choices, model_facts
from realtime.live.parameters import EngineSnapshot, EngineState, LatencyPart, Level, Parameters, StreamSettings, Timing
from tests.plugins import make_spec
from tests.servers import jack_server

START_MS = 20_000


@dataclasses.dataclass(frozen=True)
class Device:
    """What a device looks like to the window."""

    name: str
    input_channels: int = 0
    output_channels: int = 0
    host_api: str = "ALSA"
    is_monitor: bool = False
    default_for: tuple = ()

    @property
    def label(self):
        return f"{self.name}, {self.host_api}"

    def channels(self, direction):
        return self.input_channels if direction == "input" else self.output_channels


LINE_IN = Device("Line", 2, default_for=("input",))
HEADPHONES = Device("Headphones", 0, 2, default_for=("output",))
MONITOR = Device("Headphones", 2, is_monitor=True, host_api="PulseAudio")
PLAYING = EngineSnapshot(
    state=EngineState.RUNNING,
    model="tiny",
    provider="CPUExecutionProvider",
    sample_rate=44100,
    latency=(LatencyPart("queue", 6.0), LatencyPart("synthesis window", 23.0)),
    call=Timing(1.0, 2.0, 3.0),
    deadline_ms=10.0,
    hops=1000,
)


@pytest.fixture
def live(window):
    return window.live_view


@pytest.fixture
def song(tmp_path, rng):
    path = tmp_path / "song.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((20 * 44100, 2)), 44100)
    return str(path)


@pytest.mark.parametrize("name", ["vocals", "accompaniment", "microphone"])
def test_a_fader_reaches_the_engine(live, bridge, qtbot, name):
    fader = getattr(live.mixer, name).fader
    qtbot.keyClick(fader, Qt.Key.Key_PageDown)
    expected = -math.inf if name == "vocals" else -6.0  # the vocals are silent at the start
    assert getattr(bridge.parameters, f"{name}_db") == expected
    fader.set_value_db(2.0)
    assert getattr(bridge.parameters, f"{name}_db") == 2.0


def test_the_window_begins_with_what_the_engine_begins_with(live, bridge):
    assert bridge.parameters == Parameters()
    assert live.mixer.vocals.fader.value_db == -math.inf


def test_every_place_of_every_fader_is_a_value_the_engine_takes(live, bridge):
    for fader in (live.mixer.vocals.fader, live.mixer.accompaniment.fader, live.mixer.microphone.fader):
        fader.setValue(fader.maximum())
        fader.setValue(fader.minimum())
    for value in (-99, 99):
        live.mixer.key.set_value(value)
    reach = bridge.parameters.key_semitones
    with pytest.raises(ValueError, match="key_semitones"):
        Parameters(key_semitones=reach + 1)


def test_key_and_reverb_reach_the_engine(live, bridge, qtbot):
    qtbot.keyClick(live.mixer.key, Qt.Key.Key_Up)
    live.mixer.reverb.setValue(40)
    assert (bridge.parameters.key_semitones, bridge.parameters.reverb) == (1, 0.4)


def test_solo_is_one_or_none(live, bridge, qtbot):
    vocals, music = live.mixer.vocals.solo, live.mixer.accompaniment.solo
    qtbot.mouseClick(vocals, Qt.MouseButton.LeftButton)
    assert bridge.parameters.solo == "vocals"
    qtbot.mouseClick(music, Qt.MouseButton.LeftButton)
    assert bridge.parameters.solo == "accompaniment"
    assert not vocals.isChecked()
    qtbot.mouseClick(music, Qt.MouseButton.LeftButton)
    assert bridge.parameters.solo == ""


def test_comparing_lasts_as_long_as_the_key_is_held(live, bridge, qtbot):
    qtbot.keyPress(live, Qt.Key.Key_B)
    assert bridge.parameters.bypass
    qtbot.keyRelease(live, Qt.Key.Key_B)
    assert not bridge.parameters.bypass


def test_devices_and_model_are_chosen(live, bridge, window):
    bridge.answered.emit(*devices_answer((LINE_IN, HEADPHONES, MONITOR)))
    sources = live.sources
    for picker, key in (
        (sources.input, MONITOR.label),
        (sources.microphone, LINE_IN.label),
        (sources.output, HEADPHONES.label),
    ):
        picker.picker.setCurrentIndex(picker.picker.findData(key))
        picker.picker.activated.emit(picker.picker.currentIndex())
    settings = bridge.settings
    assert (settings.input, settings.microphone, settings.output) == (MONITOR.label, LINE_IN.label, HEADPHONES.label)


def test_an_unplugged_device_stays_chosen_and_is_said_to_be_gone(live, bridge):
    bridge.answered.emit(*devices_answer((LINE_IN, HEADPHONES)))
    bridge.configure(input=LINE_IN.label)
    bridge.answered.emit(*devices_answer((HEADPHONES,)))
    picker = live.sources.input.picker
    assert picker.key == LINE_IN.label
    assert "not connected" in picker.currentText()
    bridge.answered.emit(*devices_answer((LINE_IN, HEADPHONES)))
    assert picker.currentText() == "Line"


def test_without_any_device_the_window_says_so(live, bridge):
    bridge.answered.emit(*devices_answer(()))
    assert "no audio device" in live.notice.text
    bridge.answered.emit(*devices_answer((LINE_IN, HEADPHONES)))
    assert live.notice.text == ""


def test_a_dismissed_message_stays_away(live, bridge, qtbot):
    bridge.answered.emit(*devices_answer(()))
    close = next(b for b in live.notice.findChildren(QAbstractButton) if b.accessibleName().startswith("Dismiss"))
    qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
    bridge.snapshot_changed.emit(EngineSnapshot(input=Level(-3.0, -6.0)))
    assert not live.notice.isVisible()


def test_levels_are_shown(live, bridge):
    bridge.snapshot_changed.emit(dataclasses.replace(PLAYING, input=Level(-3.0, -9.0), vocals=Level(-20.0, -30.0)))
    assert live.sources.input.meter.held_db == -3.0
    assert live.mixer.vocals.meter.held_db == -20.0


def test_every_control_has_a_name_for_screen_readers(window):
    controls = [*window.findChildren(QAbstractButton), *window.findChildren(QSlider), *window.findChildren(QComboBox)]
    named = [control for control in controls if control.accessibleName() or getattr(control, "text", str)()]
    assert len(controls) > 15
    nameless = [(control, control.parent()) for control in controls if control.isVisible() and control not in named]
    assert nameless == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (960, 560)])
def test_nothing_is_cut_off(window, bridge, qtbot, language, size):
    window.menu._set_language(language)
    window.resize(*size)
    bridge.snapshot_changed.emit(PLAYING)
    labels = [label for label in window.findChildren(QLabel) if label.isVisible() and not label.wordWrap()]
    buttons = [button for button in window.findChildren(QAbstractButton) if button.isVisible() and button.text()]
    assert len(labels) > 20

    def nothing_is_cut():
        cut = [widget.text() for widget in (*labels, *buttons) if widget.width() < widget.minimumSizeHint().width()]
        assert cut == []

    qtbot.waitUntil(nothing_is_cut)
    assert (window.width(), window.height()) == size


def test_it_starts_plays_records_and_stops(window, live, bridge, qtbot, song, tmp_path, monkeypatch):
    monkeypatch.setattr("gui.live_presenter.recordings_folder", lambda: tmp_path / "takes")
    with jack_server():
        bridge.open()
        bridge.start(song)
        qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.RUNNING, timeout=START_MS)
        assert live.transport.start.text() == "Stop"
        qtbot.waitUntil(lambda: live.mixture.columns > 20, timeout=START_MS)
        qtbot.keyClick(live, Qt.Key.Key_R)
        qtbot.waitUntil(lambda: live.transport.record.isChecked(), timeout=START_MS)
        qtbot.waitUntil(lambda: bridge.snapshot.recording != "", timeout=START_MS)
        with qtbot.waitSignal(window.presenter.recorded, timeout=START_MS):
            qtbot.keyClick(live, Qt.Key.Key_R)
        assert str(tmp_path / "takes") in window.notice.text
        qtbot.keyClick(live, Qt.Key.Key_Space)
        qtbot.waitUntil(lambda: not bridge.active, timeout=START_MS)
        assert live.transport.start.text() == "Start"
        bridge.close()
    assert any((tmp_path / "takes").rglob("*.flac"))


def test_the_delay_is_explained_by_its_parts():
    delay = next(figure for figure in figures(PLAYING) if figure.name == "Delay")
    assert delay.value == "29 ms"
    assert "6.0 ms  queue" in delay.detail


def test_the_time_to_spare_is_that_of_slow_calls():
    spare = next(figure for figure in figures(PLAYING) if figure.name == "Time to spare")
    assert (spare.value, spare.role) == ("80%", "good")
    late = dataclasses.replace(PLAYING, call=Timing(5.0, 12.0, 20.0))
    spare = next(figure for figure in figures(late) if figure.name == "Time to spare")
    assert (spare.value, spare.role) == ("0%", "danger")


def test_every_state_has_its_word():
    words = {figures(EngineSnapshot(state=state))[0].value for state in EngineState}
    assert len(words) == len(EngineState)


def test_devices_of_one_name_are_told_apart():
    twice = (Device("USB", 2, host_api="ALSA"), Device("USB", 2, host_api="JACK"), LINE_IN)
    texts = [text for _, text in device_choices(twice, "input", "", "No input")]
    assert texts == ["Automatic: Line", "USB, ALSA", "USB, JACK", "Line"]


def test_only_causal_models_are_offered_and_the_quickest_first():
    slow = dataclasses.replace(make_spec(), lookahead_hops=9)
    models = (("slow", slow), ("whole", dataclasses.replace(make_spec(), causal=False)), ("quick", make_spec()))
    assert [key for key, _ in model_choices(models)] == ["quick", "slow"]


@pytest.mark.parametrize("card", [{}, {"scores": {"vocals": {"SIR": 9.5}}}])
def test_a_card_tells_the_truth_about_what_was_not_measured(card):
    facts = {fact.name: fact.value for fact in model_facts(make_spec(card=card), EngineSnapshot())}
    assert facts["Quality (SDR)"] == facts["Work for one core"] == "not measured"
    assert facts["Licence"] == "MIT"


def models_of(**costs):
    return tuple((name, make_spec(card={"rtf": rtf})) for name, rtf in costs.items())


def test_a_machine_that_is_too_slow_is_offered_a_lighter_model():
    models = models_of(tiny=0.9, main=0.5, lite=0.1)
    (advice,) = advise(PLAYING, StreamSettings(), (LINE_IN, HEADPHONES), models, missed_share=0.1)
    assert (advice.kind, advice.model) == ("warning", "lite")
    assert lighter_model("lite", models) == ""


@pytest.mark.parametrize(
    ("changes", "settings", "expected"),
    [
        ({"feedback": True}, {}, "microphone"),
        ({"latency": (LatencyPart("device output", 200.0),)}, {}, "200 ms"),
        ({}, {"output": "AirPods Pro"}, "Bluetooth"),
        ({"sample_rate": 48000, "latency": (LatencyPart("resampling", 2.0),)}, {}, "48 kHz"),
        ({"message": "the disk is full; the recording ended"}, {}, "The disk is full"),
        ({"state": EngineState.FAILED, "message": "no such device"}, {}, "No such device"),
    ],
)
def test_what_goes_wrong_is_said_with_its_remedy(changes, settings, expected):
    snapshot = dataclasses.replace(PLAYING, **changes)
    advice = advise(snapshot, StreamSettings(**settings), (LINE_IN, HEADPHONES), models_of(tiny=0.1))
    assert expected in advice[0].text


def test_where_all_is_well_nothing_is_said():
    assert advise(PLAYING, StreamSettings(), (LINE_IN, HEADPHONES), models_of(tiny=0.1)) == ()


def test_a_stumble_at_the_start_is_forgotten():
    watch = MissWatch()
    shares = [watch.share(SimpleNamespace(hops=hops, misses=min(hops, 30))) for hops in range(0, 2000, 5)]
    assert max(shares) > 0.02
    assert shares[-1] == 0


def devices_answer(devices):
    from realtime.live.client import messages

    return messages.Devices, devices
