"""Plays one scene in front of the real window and takes its picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QWidget

from gui.app import destroy, make_window
from gui.engine_bridge import EngineBridge
from gui.main_window import MainWindow
from gui.screenshot_song import write_song
from gui.screenshots import Scene
from gui.settings import Settings
from realtime.live.client import EngineState, messages

_SONGS = ("Morning Train", "Paper Lanterns", "夜曲", "Ägäis", "Last Tram Home", "Encore")
_PATIENCE_S = 30.0
_MUSIC_S = 9.0  # fills the spectrograms
_WORK_S = 6.0  # some songs are done by then, and some are not
_SETTLE_S = 0.5
_DIALOGS = {"keys": "show_shortcuts", "about": "show_about"}


def play(scene: Scene, folder: Path) -> int:
    """Make the picture of `scene`; return the exit code."""
    app = QApplication(["unsing"])
    _play(app, scene, folder)  # on its own, so that the window is gone before the application is
    return 0


def _play(app: QApplication, scene: Scene, folder: Path) -> None:
    home = Path.home()
    settings = Settings(home / "window.json")
    settings.put("theme", scene.theme)
    settings.put("language", scene.language)
    settings.put("first_steps_read", scene.view != "first")
    bridge = EngineBridge(app)
    window = make_window(app, settings, bridge)
    window.resize(*scene.size)
    window.show()
    bridge.open()
    _wait(lambda: bridge.answer(messages.Devices) is not None and bridge.answer(messages.Models) is not None)
    if scene.view == "live":
        _play_music(bridge, write_song(home / "song.wav"))
    elif scene.view == "files":
        _fill_queue(window, scene, home)
    _wait(lambda: False, _SETTLE_S)
    if scene.view in _DIALOGS:
        _picture_dialog(app, getattr(window.menu, _DIALOGS[scene.view]), folder / f"{scene.name}.png")
    else:
        _save(window, folder / f"{scene.name}.png")
    window.close()
    bridge.close()
    destroy(window)


def _play_music(bridge: EngineBridge, song: Path) -> None:
    devices = bridge.answer(messages.Devices)
    if isinstance(devices, str) or not any(device.output_channels for device in devices):
        return
    bridge.start(str(song))
    _wait(lambda: bridge.snapshot.state in (EngineState.RUNNING, EngineState.FAILED))
    bridge.change(vocals_db=-24.0, microphone_db=-3.0, key_semitones=2)
    _wait(lambda: False, _MUSIC_S)


def _fill_queue(window: MainWindow, scene: Scene, home: Path) -> None:
    window.segments.set_index(1)
    album = home / "Music" / "Songs"
    album.mkdir(parents=True)
    names = [
        f"{_SONGS[i % len(_SONGS)]}{'' if i < len(_SONGS) else f' {i // len(_SONGS) + 1}'}" for i in range(scene.songs)
    ]
    for index, name in enumerate(names):
        write_song(album / f"{index + 1:02d} {name}.wav", 8.0 if scene.songs < 10 else 2.0, index)
    if scene.broken:
        (album / "00 Broken download.mp3").write_bytes(b"<html>404 Not Found</html>")
    if scene.songs:
        window.add_files([album])
        _wait(lambda: False, _WORK_S)


def _picture_dialog(app: QApplication, show: Callable[[], None], path: Path) -> None:
    def take() -> None:
        dialog = app.activeModalWidget()
        if dialog is not None:
            _save(dialog, path)
            dialog.close()

    QTimer.singleShot(500, take)
    show()


def _save(widget: QWidget, path: Path) -> None:
    if not widget.grab().save(str(path)):
        raise OSError(f"{path}: the picture cannot be written; check the folder")


def _wait(done: Callable[[], bool], seconds: float = _PATIENCE_S) -> None:
    """Let the window live until `done`, or for `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        QApplication.processEvents()
        time.sleep(0.004)
