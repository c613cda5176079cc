"""The whole program: window, menu, second start, and a real start of the command."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from PyQt6.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QApplication, QDialog, QLabel, QPlainTextEdit

from gui import single_instance
from gui.about import About, report
from gui.app import make_window
from gui.engine_bridge import EngineBridge
from gui.engine_memory import EngineMemory
from gui.settings import Settings
from gui.theme import DARK, LIGHT, current_theme

ROOT = Path(__file__).parents[2]


def test_the_view_is_kept(window, settings, qtbot):
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert settings.get("view", "") == "files"
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.live_view.isVisible()


def test_the_placement_is_kept(window, settings, qtbot):
    window.resize(1111, 777)
    window.close()
    again = make_window(QApplication.instance(), settings, EngineBridge())
    qtbot.addWidget(again)
    assert (again.width(), again.height()) == (1111, 777)


def test_theme_and_language_change_at_once_and_are_kept(window, settings, qtbot):
    for choice, theme in (("light", LIGHT), ("dark", DARK)):
        window.menu._set_theme(choice)
        assert current_theme() is theme
        assert settings.get("theme", "") == choice
    window.menu._set_language("zh")
    qtbot.waitUntil(lambda: window.live_view.transport.start.text() == "开始")
    window.menu._set_language("en")
    qtbot.waitUntil(lambda: window.live_view.transport.start.text() == "Start")
    assert settings.get("language", "") == "en"


def test_the_first_start_explains_itself_once(qtbot, settings, bridge):
    settings.put("language", "en")
    window = make_window(QApplication.instance(), settings, bridge)
    qtbot.addWidget(window)
    window.show()
    assert window.live_view.first_steps.isVisible()
    window.live_view.first_steps.done.emit()
    assert not window.live_view.first_steps.isVisible()
    again = make_window(QApplication.instance(), settings, bridge)
    qtbot.addWidget(again)
    again.show()
    assert not again.live_view.first_steps.isVisible()


def test_damaged_settings_are_told(qtbot, tmp_path, bridge):
    path = tmp_path / "window.json"
    path.write_text("{broken")
    window = make_window(QApplication.instance(), Settings(path), bridge)
    qtbot.addWidget(window)
    assert "window.json.damaged" in window.notice.text
    (tmp_path / "live.json").write_text("{broken")
    window.watch(EngineMemory(bridge, tmp_path / "live.json"))
    assert "window.json.damaged" in window.notice.text
    assert "live.json.damaged" in window.notice.text


def test_devices_and_faders_that_cannot_be_read_are_told(window, bridge, tmp_path):
    (tmp_path / "live.json").mkdir()
    window.watch(EngineMemory(bridge, tmp_path / "live.json"))
    assert "live.json" in window.notice.text
    assert "not kept" in window.notice.text


def test_devices_and_faders_that_cannot_be_written_are_told_once(window, bridge, tmp_path, qtbot):
    (tmp_path / "file").write_text("no folder")
    memory = EngineMemory(bridge, tmp_path / "file" / "live.json")
    window.watch(memory)
    memory.save()
    assert "not kept" in window.notice.text
    window.notice.clear()
    memory.save()
    assert window.notice.text == ""


def test_a_dropped_file_goes_to_the_files_view(window, tmp_path, qtbot):
    song = tmp_path / "🎤 שיר.wav"
    song.write_bytes(b"not music at all")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(song))])
    event = QDropEvent(
        QPointF(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(event)
    assert event.isAccepted()
    assert window.files_view.isVisible()
    window.close()


@pytest.mark.parametrize("key", [Qt.Key.Key_F1])
def test_the_sheet_shows_every_key(window, qtbot, key):
    shown = {}

    def look():
        sheet = QApplication.activeModalWidget()
        shown["words"] = {label.text() for label in sheet.findChildren(QLabel)}
        sheet.close()

    QTimer.singleShot(200, look)
    qtbot.keyClick(window, key)
    assert {"Space", "Start or stop", "Ctrl+1", "This sheet"} <= shown["words"]


def test_the_report_can_be_copied_and_names_what_matters(window, bridge, qtbot):
    dialog = About(bridge, window)
    qtbot.addWidget(dialog)
    assert isinstance(dialog, QDialog)
    text = dialog.findChild(QPlainTextEdit).toPlainText()
    assert text == report(bridge)
    for word in ("Python", "Qt 6", "onnxruntime", "[engine]", "state = stopped", "[devices]"):
        assert word in text
    assert "not installed" not in text
    dialog._copy()
    assert QApplication.clipboard().text() == text


def test_a_second_start_hands_its_files_over(qtbot, qapp):
    name = f"unsing-test-{secrets.token_hex(4)}"
    assert not single_instance.hand_over(name, [])
    door = single_instance.Door(name)
    script = (
        "import sys; from pathlib import Path; from gui.single_instance import hand_over;"
        "sys.exit(not hand_over(sys.argv[1], [Path(word) for word in sys.argv[2:]]))"
    )
    with qtbot.waitSignal(door.knocked, timeout=20_000) as knock:
        other = subprocess.Popen([sys.executable, "-c", script, name, "a b.wav", "/räv/歌.flac"], cwd=ROOT)
        knock.wait()
    assert other.wait() == 0
    assert knock.args == [[ROOT / "a b.wav", Path("/räv/歌.flac")]]
    door.close()


def test_rubbish_at_the_door_is_ignored(qtbot, qapp):
    from PyQt6.QtNetwork import QLocalSocket

    name = f"unsing-test-{secrets.token_hex(4)}"
    door, knocks = single_instance.Door(name), []
    door.knocked.connect(knocks.append)
    for rubbish in (b"{\n", b"\xff\xfe\n", b'{"a": 1}\n', b"[1]\n"):
        socket = QLocalSocket()
        socket.connectToServer(name)
        assert socket.waitForConnected(5000)
        socket.write(rubbish)
        socket.flush()
        qtbot.wait(50)
        socket.close()
    assert single_instance.hand_over(name, [])
    qtbot.waitUntil(lambda: knocks == [[]])
    door.close()


def test_nothing_heavy_is_loaded_before_the_window_shows(tmp_path):
    script = (
        "import sys\n"
        "from PyQt6.QtWidgets import QApplication\n"
        "from pathlib import Path\n"
        "app = QApplication([])\n"
        "from gui.app import make_window\n"
        "from gui.settings import Settings\n"
        "from gui.engine_bridge import EngineBridge\n"
        "window = make_window(app, Settings(Path(sys.argv[1])), EngineBridge())\n"
        "window.show()\n"
        "app.processEvents()\n"
        "print(*sys.modules)\n"
        "from gui.app import destroy\n"
        "destroy(window)\n"
        "del window\n"
        "import gc; gc.collect()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "window.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "PyQt6" in loaded
    assert not loaded & {"onnxruntime", "onnx", "sounddevice", "soundfile", "av", "scipy", "torch"}


def test_the_audio_process_does_not_load_qt():
    script = "import sys, gui.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "PyQt6" not in {name.split(".")[0] for name in done.stdout.split()}


def test_the_command_shows_its_help():
    done = subprocess.run([sys.executable, "-m", "gui", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "FILES" in done.stdout


def test_settings_of_a_newer_version_are_not_lost(tmp_path, qapp):
    path = tmp_path / "window.json"
    path.write_text('{"invented_later": [1, 2]}')
    settings = Settings(path)
    settings.put("view", "live")
    settings.save()
    assert json.loads(path.read_text()) == {"invented_later": [1, 2], "view": "live"}


def test_what_is_heard_is_exported(window, bridge, qtbot, tmp_path, rng):
    song, path = tmp_path / "song.wav", tmp_path / "heard.wav"
    soundfile.write(song, 0.1 * rng.standard_normal((44100, 2)), 44100)
    bridge.open()
    window.files_view.export_requested.emit(song, path)
    assert "heard.wav" in window.notice.text
    qtbot.waitUntil(lambda: "Exported" in window.notice.text, timeout=60_000)
    assert soundfile.info(path).duration == pytest.approx(1.0, abs=0.1)
    window.close()


def test_an_export_that_fails_says_why(window, bridge, qtbot, tmp_path):
    bridge.open()
    window.files_view.export_requested.emit(tmp_path / "missing.wav", tmp_path / "heard.wav")
    qtbot.waitUntil(lambda: "missing.wav" in window.notice.text, timeout=60_000)
    window.close()


def test_the_program_starts_and_ends_by_ctrl_c_without_a_crash(tmp_path):
    user = f"test-{secrets.token_hex(4)}"
    environment = {**os.environ, "LOGNAME": user, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    program = subprocess.Popen([sys.executable, "-m", "gui"], cwd=ROOT, env=environment)
    end = time.monotonic() + 30
    while not single_instance.hand_over(f"unsing-{user}", []):
        assert time.monotonic() < end
        assert program.poll() is None
        time.sleep(0.1)
    time.sleep(1)  # the engine's process is started after the window shows
    program.send_signal(signal.SIGINT)
    assert program.wait(30) == 0
    assert list(tmp_path.rglob("window.json"))


def test_the_program_tells_that_devices_and_faders_are_a_fresh_start(tmp_path):
    user = f"test-{secrets.token_hex(4)}"
    environment = {**os.environ, "LOGNAME": user, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    (tmp_path / "unsing").mkdir()
    (tmp_path / "unsing" / "live.json").write_text("{broken")
    script = (
        "import signal, sys\n"
        "from PyQt6.QtCore import QTimer\n"
        "from PyQt6.QtWidgets import QApplication\n"
        "from gui.app import run\n"
        "from gui.main_window import MainWindow\n"
        "def look():\n"
        "    for window in QApplication.topLevelWidgets():\n"
        "        if isinstance(window, MainWindow) and window.isVisible():\n"
        "            signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "            print(window.notice.text)\n"
        "            window.close()\n"
        "def wake(*_):\n"  # in the midst of anything, so it only asks the event loop
        "    if QApplication.instance() is not None:\n"
        "        QTimer.singleShot(0, look)\n"
        "signal.signal(signal.SIGALRM, wake)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)\n"
        "sys.exit(run([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "live.json.damaged" in done.stdout
