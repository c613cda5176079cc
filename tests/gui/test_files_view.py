"""The Files view with its real helper processes: dropping, the queue's keys and buttons, output settings, errors."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QAbstractButton, QAbstractSlider, QApplication, QComboBox, QFileDialog, QLineEdit

from gui.files_presenter import remembered_output
from gui.files_view import FilesView
from gui.settings import Settings
from gui.translation import Language
from realtime.contract import StftSpec
from realtime.files.entries import SongState
from tests.plugins import gains, make_spec

PATIENCE_MS = 60000
LONG_S = 60.0
# What keeps a window from answering may take as long as to draw all of it a few times; it takes 2 to 3.5 times.
LONGEST_TURN_IN_DRAWINGS = 10


@pytest.fixture
def view(qtbot, tmp_path, settings, bridge):
    """Return the view, separating by a tiny plug-in into `tmp_path / "out"`."""
    model = gains(tmp_path / "tiny.onnx", make_spec(StftSpec(512, 256, "sqrt_hann", "sqrt_hann")), [[0.5]])
    settings.put("files_output", {"folder": str(tmp_path / "out"), "model": str(model)})
    view = FilesView(bridge, settings)
    qtbot.addWidget(view)
    view.resize(1280, 660)
    view.show()
    qtbot.waitExposed(view)
    view.activateWindow()
    yield view
    view.close_down()


def song(path, seconds=0.5, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * 44100), 2))
    soundfile.write(path, audio, 44100, format="WAV")
    return path


def drop(view, paths, target=None):
    """Drop files as another program does; tell whether they were taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place, none = QPoint(300, 200), Qt.KeyboardModifier.NoModifier
    actions, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(place, actions, data, left, none)
    QApplication.sendEvent(target or view, enter)
    if enter.isAccepted():
        QApplication.sendEvent(target or view, QDropEvent(QPointF(place), actions, data, left, none))
    return enter.isAccepted()


def entries(view):
    model = view.presenter.model
    return [model.index(row, 0).data(Qt.ItemDataRole.UserRole) for row in range(model.rowCount())]


def states(view):
    return [entry.state for entry in entries(view)]


def wait(qtbot, met):
    qtbot.waitUntil(met, timeout=PATIENCE_MS)


def hold(qtbot, view, paths):
    """Hold the queue in the middle of its first song."""
    drop(view, paths)
    wait(qtbot, lambda: len(entries(view)) == len(paths) and entries(view)[0].separated_s > 0)
    qtbot.mouseClick(view.pause, Qt.MouseButton.LeftButton)
    assert entries(view)[0].state is SongState.SEPARATING


def select(view, row):
    view.songs.setCurrentIndex(view.presenter.model.index(row, 0))
    view.songs.setFocus()


def button_of(view, row, number):
    """Return the middle of one of the three places for icons in a row."""
    box = view.songs.visualRect(view.presenter.model.index(row, 0))
    return QPoint(box.right() + 1 - 12 - 96 + 32 * number + 16, box.center().y())


def test_the_invitation_gives_way_to_the_queue(qtbot, view, tmp_path):
    assert view.is_empty
    assert not view.player.play.isEnabled()
    assert drop(view, [song(tmp_path / "music" / "a.wav"), song(tmp_path / "music" / "b.wav")])
    wait(qtbot, lambda: states(view) == [SongState.DONE] * 2)
    assert not view.is_empty
    assert (tmp_path / "out" / "b" / "vocals.flac").is_file()
    wait(qtbot, lambda: view.summary.whole.startswith("2 of 2 done"))
    assert view.progress.value() == view.progress.maximum()
    assert view.player.play.isEnabled()
    assert view.player.title.whole == "a"


def test_songs_can_be_dropped_on_the_list_too(qtbot, view, tmp_path):
    drop(view, [song(tmp_path / "a.wav")])
    wait(qtbot, lambda: len(entries(view)) == 1)
    assert drop(view, [song(tmp_path / "b.wav", seed=1)], view.songs.viewport())
    wait(qtbot, lambda: len(entries(view)) == 2)


def test_what_is_no_file_is_not_taken(view):
    data = QMimeData()
    data.setText("words")
    enter = QDragEnterEvent(
        QPoint(300, 200), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(view, enter)
    assert not enter.isAccepted()


def test_errors_stay_on_their_row_and_the_queue_goes_on(qtbot, view, tmp_path):
    folder = tmp_path / "music"
    song(folder / "z 🌸 שלום עולם.wav")
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "noise.flac").write_bytes(b"not audio")
    drop(view, [folder])
    wait(qtbot, lambda: states(view) == [SongState.FAILED, SongState.FAILED, SongState.DONE])
    index = view.presenter.model.index(0, 0)
    assert "It is empty (0 bytes); get a whole copy." in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "Failed" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "\n" not in entries(view)[0].message
    assert view.player.title.whole == "z 🌸 שלום עולם"  # the first that can be played


def test_a_folder_without_audio_is_told(qtbot, view, tmp_path):
    (tmp_path / "nothing here").mkdir()
    with qtbot.waitSignal(view.notice, timeout=PATIENCE_MS) as told:
        drop(view, [tmp_path / "nothing here"])
    assert told.args == ["There is no audio in the folder nothing here.", "warning"]
    wait(qtbot, lambda: view.is_empty)


def test_the_pause_button_holds_the_queue_and_lets_it_go(qtbot, view, tmp_path):
    hold(qtbot, view, [song(tmp_path / "a.wav", LONG_S)])
    assert view.pause.text() == "Go on"
    wait(qtbot, lambda: "paused" in view.summary.whole)
    select(view, 0)
    qtbot.keyClick(view.songs, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert view.pause.text() == "Pause"
    wait(qtbot, lambda: states(view) == [SongState.DONE])


def test_delete_cancels_first_and_removes_then(qtbot, view, tmp_path):
    hold(qtbot, view, [song(tmp_path / "a.wav", LONG_S)])
    select(view, 0)
    qtbot.keyClick(view.songs, Qt.Key.Key_Delete)
    wait(qtbot, lambda: states(view) == [SongState.CANCELLED])
    assert not (tmp_path / "out").exists()
    qtbot.keyClick(view.songs, Qt.Key.Key_Delete)
    wait(qtbot, lambda: view.is_empty)


def test_the_icons_of_a_row_cancel_retry_and_remove(qtbot, view, tmp_path):
    hold(qtbot, view, [song(tmp_path / "a.wav", LONG_S)])
    viewport = view.songs.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=button_of(view, 0, 2))
    wait(qtbot, lambda: states(view) == [SongState.CANCELLED])
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=button_of(view, 0, 1))
    assert states(view) == [SongState.WAITING]
    qtbot.mouseClick(view.pause, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: states(view) == [SongState.DONE])
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=button_of(view, 0, 2))
    wait(qtbot, lambda: view.is_empty)


def test_f5_separates_again_what_failed(qtbot, view, tmp_path):
    source = song(tmp_path / "a.wav")
    whole = source.read_bytes()
    source.write_bytes(b"")
    drop(view, [source])
    wait(qtbot, lambda: states(view) == [SongState.FAILED])
    source.write_bytes(whole)
    select(view, 0)
    qtbot.keyClick(view.songs, Qt.Key.Key_F5)
    wait(qtbot, lambda: states(view) == [SongState.DONE])


def test_alt_and_arrows_move_songs(qtbot, view, tmp_path):
    hold(qtbot, view, [song(tmp_path / f"{name}.wav", LONG_S if name == "a" else 0.5) for name in "abc"])
    select(view, 2)
    qtbot.keyClick(view.songs, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert [entry.source.stem for entry in entries(view)] == ["a", "c", "b"]
    assert view.songs.selected()[0].source.stem == "c"
    qtbot.keyClick(view.songs, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(view.songs, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert [entry.source.stem for entry in entries(view)] == ["a", "b", "c"]


def test_rows_that_are_dragged_change_their_place(qtbot, view, tmp_path):
    hold(qtbot, view, [song(tmp_path / f"{name}.wav", LONG_S if name == "a" else 0.5) for name in "abcd"])
    model = view.presenter.model
    packed = model.mimeData([model.index(1, 0), model.index(3, 0)])
    model.dropMimeData(packed, Qt.DropAction.MoveAction, 0, 0, model.index(-1, 0))
    assert [entry.source.stem for entry in entries(view)] == ["b", "d", "a", "c"]


def test_the_menu_of_a_row_offers_what_its_icons_do(qtbot, view, tmp_path):
    drop(view, [song(tmp_path / "a.wav")])
    wait(qtbot, lambda: states(view) == [SongState.DONE])
    menu = view.songs.menu(entries(view)[0])
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert texts == ["Play", "Show the stems in their folder", "Remove from the list", "Move up", "Move down"]
    with qtbot.waitSignal(view.songs.acted) as acted:
        menu.actions()[2].trigger()
    assert acted.args[0] == "remove"
    wait(qtbot, lambda: view.is_empty)


def test_finished_songs_are_cleared_together(qtbot, view, tmp_path):
    (tmp_path / "bad.mp3").write_bytes(b"")
    drop(view, [song(tmp_path / "a.wav"), tmp_path / "bad.mp3"])
    wait(qtbot, lambda: states(view) == [SongState.DONE, SongState.FAILED])
    qtbot.mouseClick(view.clear, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: view.is_empty)


def test_stems_that_are_gone_cannot_be_shown(qtbot, view, tmp_path):
    drop(view, [song(tmp_path / "a.wav")])
    wait(qtbot, lambda: states(view) == [SongState.DONE])
    for path in (tmp_path / "out" / "a").iterdir():
        path.unlink()
    (tmp_path / "out" / "a").rmdir()
    select(view, 0)
    with qtbot.waitSignal(view.notice) as told:
        qtbot.keyClick(view.songs, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert str(tmp_path / "out" / "a") in told.args[0]


def test_what_is_chosen_once_is_written_and_remembered(qtbot, view, tmp_path, settings):
    output = view.output
    qtbot.mouseClick(output.stems["accompaniment"], Qt.MouseButton.LeftButton)
    for picker, key in ((output.format, "wav"), (output.depth, "16")):
        picker.setCurrentIndex(picker.findData(key))
        picker.activated.emit(picker.currentIndex())
    output.set_folder(tmp_path / "elsewhere")
    output.pattern.setText("{song} as {format}")
    drop(view, [song(tmp_path / "a.wav")])
    wait(qtbot, lambda: states(view) == [SongState.DONE])
    folder = tmp_path / "elsewhere" / "a as wav"
    assert sorted(path.name for path in folder.iterdir()) == ["unsing.json", "vocals.wav"]
    assert soundfile.info(folder / "vocals.wav").subtype == "PCM_16"
    settings.save()
    assert remembered_output(Settings(tmp_path / "window.json")) == output.settings


def test_the_dialogs_give_songs_folders_and_a_place_for_an_export(qtbot, view, tmp_path, monkeypatch):
    answers = {
        "getOpenFileNames": ([str(song(tmp_path / "a.wav"))], ""),
        "getExistingDirectory": str(song(tmp_path / "album" / "b.wav").parent),
        "getSaveFileName": (str(tmp_path / "mine"), ""),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(QFileDialog, name, lambda *_, answer=answer: answer)
    qtbot.mouseClick(view.empty.files, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: states(view) == [SongState.DONE])
    qtbot.mouseClick(view.add_folder, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: states(view) == [SongState.DONE] * 2)
    with qtbot.waitSignal(view.export_requested) as wanted:
        qtbot.mouseClick(view.player.export, Qt.MouseButton.LeftButton)
    assert wanted.args == [tmp_path / "a.wav", tmp_path / "mine.wav"]
    qtbot.mouseClick(view.output.change_folder, Qt.MouseButton.LeftButton)
    assert view.output.settings.folder == tmp_path / "album"


def test_one_stem_at_least_is_written(qtbot, view):
    for box in view.output.stems.values():
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    assert view.output.settings.targets == ("accompaniment",)
    assert view.output.stems["accompaniment"].isChecked()


def test_bit_depths_follow_the_format(view):
    output = view.output
    offered = {}
    for name in ("wav", "flac", "mp3"):
        output.format.setCurrentIndex(output.format.findData(name))
        output.format.activated.emit(output.format.currentIndex())
        offered[name] = [output.depth.itemData(index) for index in range(output.depth.count())]
    assert offered == {"wav": ["32", "24", "16"], "flac": ["24", "16"], "mp3": [""]}
    assert not output.depth.isEnabled()
    assert output.settings.bit_depth is None


def test_a_pattern_that_cannot_be_used_is_explained_and_not_taken(view):
    before = view.output.settings
    view.output.pattern.setText("{artist}/{song}")
    assert view.output.settings == before
    assert view.output.problem.isVisible()
    assert "{song}" in view.output.problem.text()
    view.output.pattern.setText("{song}")
    assert not view.output.problem.isVisible()
    assert view.output.settings.pattern == "{song}"


@pytest.mark.parametrize(
    "damage", [{"format": 7}, {"pattern": "{"}, {"bit_depth": "x"}, {"format": "doc"}, {"targets": 3}]
)
def test_output_settings_that_do_not_fit_fall_back(tmp_path, settings, damage):
    settings.put("files_output", {"folder": str(tmp_path), **damage})
    remembered = remembered_output(settings)
    assert remembered.folder == tmp_path
    assert (remembered.format, remembered.bit_depth) == ("flac", 24)


def test_every_control_has_a_name_and_can_be_reached_by_keys(qtbot, view, tmp_path):
    drop(view, [song(tmp_path / "a.wav")])
    wait(qtbot, lambda: states(view) == [SongState.DONE])
    controls = [
        widget
        for kind in (QAbstractButton, QAbstractSlider, QComboBox, QLineEdit)
        for widget in view.findChildren(kind)
        if widget.isVisible() and widget.objectName() == "" and "ScrollBar" not in type(widget).__name__
    ]
    assert len(controls) > 15
    unnamed = [widget for widget in controls if not (widget.accessibleName() or getattr(widget, "text", str)())]
    assert not unnamed
    silent = [widget for widget in controls if widget.focusPolicy() == Qt.FocusPolicy.NoFocus]
    assert not [widget for widget in silent if widget.parentWidget().focusPolicy() == Qt.FocusPolicy.NoFocus]
    assert view.songs.accessibleName() == "Songs"


def test_the_view_speaks_chinese_at_once(qtbot, view, tmp_path):
    language = Language(QApplication.instance())
    (tmp_path / "a.mp3").write_bytes(b"")
    drop(view, [tmp_path / "a.mp3"])
    wait(qtbot, lambda: states(view) == [SongState.FAILED])
    language.choose("zh")
    try:
        wait(qtbot, lambda: view.pause.text() == "暂停")
        spoken = view.presenter.model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert "文件是空的" in spoken
    finally:
        language.choose("en")


def test_five_hundred_songs_keep_the_window_alive(qtbot, view, tmp_path, record_property):
    """Measured in the thread's own time, which the load of the machine does not lengthen."""
    first = song(tmp_path / "music" / "0.wav", 0.1)
    for number in range(1, 500):
        Path(tmp_path, "music", f"{number}.wav").write_bytes(first.read_bytes())
    busy_s, last_s = [], [time.thread_time()]

    def tick():
        now_s = time.thread_time()
        busy_s.append(now_s - last_s[0])
        last_s[0] = now_s

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(0)
    drop(view, [tmp_path / "music"])
    wait(qtbot, lambda: len(entries(view)) == 500)
    view.songs.scrollToBottom()
    wait(qtbot, lambda: sum(state is SongState.DONE for state in states(view)) >= 3)
    timer.stop()
    before_s = time.thread_time()
    view.grab()
    drawn_s = time.thread_time() - before_s
    record_property("longest_turn_in_drawings", max(busy_s) / drawn_s)
    assert max(busy_s) < LONGEST_TURN_IN_DRAWINGS * drawn_s
