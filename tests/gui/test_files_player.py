"""The player of the Files view: by itself, and with a real engine on a real sound server."""

import math

import numpy as np
import pytest
import soundfile
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QImage

from gui.files_view import FilesView
from gui.theme import current_theme
from gui.widgets.wave_bars import bar_heights
from gui.widgets.waveform import WaveformView
from realtime.contract import StftSpec
from realtime.files.entries import SongState
from realtime.files.waveform import Waveform
from realtime.live.client import EngineState
from tests.plugins import gains, make_spec
from tests.servers import jack_server

PATIENCE_MS = 60000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def wave(qtbot):
    wave = WaveformView()
    qtbot.addWidget(wave)
    wave.resize(416, 80)  # 8 px stay free at either side
    wave.set_song({"mixture": Waveform(40.0, bytes([200] * 100), bytes([90] * 100))}, 40.0)
    wave.show()
    qtbot.waitExposed(wave)
    return wave


@pytest.fixture
def view(qtbot, tmp_path, settings, bridge):
    model = gains(tmp_path / "tiny.onnx", make_spec(StftSpec(512, 256, "sqrt_hann", "sqrt_hann")), [[0.5]])
    settings.put("files_output", {"folder": str(tmp_path / "out"), "model": str(model)})
    bridge.configure(model=str(model))
    view = FilesView(bridge, settings)
    qtbot.addWidget(view)
    view.resize(1280, 660)
    view.show()
    yield view
    view.close_down()


def fill(qtbot, view, tmp_path, seconds=20.0, names=("a", "b")):
    for name in names:
        audio = np.random.default_rng(len(name)).uniform(-0.1, 0.1, (round(seconds * 44100), 2))
        soundfile.write(tmp_path / f"{name}.wav", audio, 44100)
    view.add_paths([tmp_path / f"{name}.wav" for name in names])
    model = view.presenter.model

    def measured():
        return model.rowCount() == len(names) and all(
            model.index(row, 0).data(Qt.ItemDataRole.UserRole).seconds for row in range(len(names))
        )

    qtbot.waitUntil(measured, timeout=PATIENCE_MS)


def colors(widget, part):
    """Return the colours in a part `(left, top, right, bottom)` of a widget, shares of its size."""
    picture = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    left, top, right, bottom = part
    columns = range(int(left * picture.width()), int(right * picture.width()))
    rows = range(int(top * picture.height()), int(bottom * picture.height()))
    return {picture.pixelColor(x, y).name() for x in columns for y in rows}


def test_a_click_goes_there(qtbot, wave):
    with qtbot.waitSignal(wave.sought) as sought:
        qtbot.mouseClick(wave, LEFT, pos=QPoint(108, 40))
    assert sought.args == [pytest.approx(10.0)]


def test_dragging_chooses_a_part_in_either_direction(qtbot, wave):
    for start, end in ((108, 208), (208, 108)):
        with qtbot.assertNotEmitted(wave.sought), qtbot.waitSignal(wave.loop_chosen) as chosen:
            qtbot.mousePress(wave, LEFT, pos=QPoint(start, 40))
            qtbot.mouseMove(wave, QPoint((start + end) // 2, 40))
            qtbot.mouseMove(wave, QPoint(end, 40))
            qtbot.mouseRelease(wave, LEFT, pos=QPoint(end, 40))
        assert chosen.args == [pytest.approx((10.0, 20.0))]


def test_an_edge_of_the_loop_can_be_moved(qtbot, wave):
    wave.set_loop((10.0, 20.0))
    with qtbot.waitSignal(wave.loop_chosen) as chosen:
        qtbot.mousePress(wave, LEFT, pos=QPoint(209, 40))
        qtbot.mouseMove(wave, QPoint(308, 40))
        qtbot.mouseRelease(wave, LEFT, pos=QPoint(308, 40))
    assert chosen.args == [pytest.approx((10.0, 30.0))]


@pytest.mark.parametrize(
    ("key", "modifier", "expected"),
    [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 17.0),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 7.0),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, 13.0),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0.0),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 40.0),
    ],
)
def test_keys_move_in_the_song(qtbot, wave, key, modifier, expected):
    wave.set_position(12.0)
    with qtbot.waitSignal(wave.sought) as sought:
        qtbot.keyClick(wave, key, modifier)
    assert sought.args == [pytest.approx(expected)]


def test_keys_choose_and_end_a_loop(qtbot, wave):
    chosen = []
    wave.loop_chosen.connect(chosen.append)
    wave.loop_chosen.connect(wave.set_loop)
    wave.set_position(5.0)
    qtbot.keyClick(wave, Qt.Key.Key_BracketLeft)
    wave.set_position(9.0)
    qtbot.keyClick(wave, Qt.Key.Key_BracketRight)
    qtbot.keyClick(wave, Qt.Key.Key_Escape)
    assert chosen == [(5.0, 40.0), (5.0, 9.0), None]


def test_the_singer_stands_above_and_the_band_below_once_they_are_known(wave):
    lines = {role: current_theme().color(role).name() for role in ("vocals", "accompaniment", "muted")}
    wave.set_position(40.0)  # all is played, so nothing is veiled
    assert lines["muted"] in colors(wave, (0.1, 0.1, 0.9, 0.9))
    full = Waveform(40.0, bytes([200] * 100), bytes([90] * 100))
    wave.set_gains_db(0.0, 0.0)
    wave.set_song({"mixture": full, "vocals": full, "accompaniment": full}, 40.0)
    above, below = colors(wave, (0.1, 0.1, 0.9, 0.48)), colors(wave, (0.1, 0.52, 0.9, 0.9))
    assert lines["vocals"] in above
    assert lines["vocals"] not in below
    assert lines["accompaniment"] in below
    assert lines["accompaniment"] not in above


def test_bars_keep_every_peak():
    levels = bytes(range(100)) + bytes([255]) + bytes(100)
    for count in (1, 7, 50, 201, 1000):
        heights = bar_heights(levels, count)
        assert len(heights) == count
        assert max(heights) == 1.0


def test_nothing_to_play_is_said_and_disabled(view):
    assert view.player.title.whole == "No song"
    for control in (view.player.play, view.player.loop, view.player.export, view.player.wave):
        assert not control.isEnabled()


def test_faders_and_key_reach_the_engine_and_come_back(qtbot, view, bridge):
    view.player.vocals.set_value_db(-12.0)
    view.player.accompaniment.set_value_db(-3.0)
    view.player.key.set_value(-2)
    parameters = bridge.parameters
    assert (parameters.vocals_db, parameters.accompaniment_db, parameters.key_semitones) == (-12.0, -3.0, -2)
    bridge.change(vocals_db=-math.inf, key_semitones=3)
    assert view.player.vocals.value_db == -math.inf
    assert view.player.key.value == 3


def test_a_place_chosen_before_playing_is_shown(qtbot, view, tmp_path):
    fill(qtbot, view, tmp_path)
    view.player.wave.sought.emit(7.0)
    assert view.player.time.text() == "0:07 / 0:20"


def test_the_loop_button_repeats_the_whole_song_or_nothing(qtbot, view, tmp_path):
    fill(qtbot, view, tmp_path)
    qtbot.mouseClick(view.player.loop, LEFT)
    assert view.player.wave.loop == (0.0, pytest.approx(20.0))
    qtbot.mouseClick(view.player.loop, LEFT)
    assert view.player.wave.loop is None


def test_a_song_that_is_removed_leaves_the_player(qtbot, view, tmp_path):
    fill(qtbot, view, tmp_path, 0.5)
    model = view.presenter.model
    qtbot.waitUntil(lambda: not model.overview.open, timeout=PATIENCE_MS)
    qtbot.mouseClick(view.clear, LEFT)
    assert view.player.title.whole == "No song"
    assert not view.player.play.isEnabled()


def test_it_plays_a_song_of_the_queue_on_a_real_server(qtbot, view, bridge, tmp_path):
    """From a place, with a loop; pauses by a key, and goes to another song, while the queue is separated."""
    with jack_server():
        bridge.open()
        fill(qtbot, view, tmp_path)
        view.player.wave.sought.emit(7.0)
        view.player.wave.loop_chosen.emit((6.5, 12.0))
        view.songs.setCurrentIndex(view.presenter.model.index(0, 0))
        qtbot.keyClick(view.songs, Qt.Key.Key_Space)
        qtbot.waitUntil(lambda: view.presenter.player.is_playing, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: (now := bridge.snapshot.playback) and now.position_s > 6.4, timeout=PATIENCE_MS)
        qtbot.waitUntil(
            lambda: (now := bridge.snapshot.playback) and now.loop == pytest.approx((6.5, 12.0)), timeout=PATIENCE_MS
        )
        assert view.player.wave.loop == pytest.approx((6.5, 12.0))
        qtbot.keyClick(view.songs, Qt.Key.Key_Space)
        qtbot.waitUntil(lambda: (now := bridge.snapshot.playback) and now.paused, timeout=PATIENCE_MS)
        assert view.player.play.accessibleName() == "Play"
        second = view.presenter.model.index(1, 0).data(Qt.ItemDataRole.UserRole)
        view.songs.setCurrentIndex(view.presenter.model.index(1, 0))
        qtbot.keyClick(view.songs, Qt.Key.Key_Return)

        def plays_second():
            playback = bridge.snapshot.playback
            return playback is not None and playback.song == str(second.source)

        qtbot.waitUntil(plays_second, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: view.presenter.player.is_playing, timeout=PATIENCE_MS)
        assert view.player.title.whole == "b"
        assert view.player.wave.loop is None
        model = view.presenter.model
        qtbot.waitUntil(lambda: model.overview.done == 2, timeout=PATIENCE_MS)
        assert model.entry(second.key).state is SongState.DONE
        bridge.stop()


def test_an_engine_without_a_device_says_so_in_the_player(qtbot, view, bridge, tmp_path):
    bridge.open()
    fill(qtbot, view, tmp_path, 1.0, ("a",))
    bridge.configure(output="no such device anywhere")
    qtbot.mouseClick(view.player.play, LEFT)
    qtbot.waitUntil(lambda: bridge.snapshot.state is EngineState.FAILED, timeout=PATIENCE_MS)
    assert bridge.snapshot.message[1:] in view.player.caption.whole
    assert not view.presenter.player.is_playing
