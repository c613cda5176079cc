"""Wires the application: one window, one engine, one place for settings."""

from __future__ import annotations

import gc
import signal
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QCoreApplication, QEvent, QTimer
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QApplication

from gui import single_instance
from gui.appearance import Appearance
from gui.engine_bridge import EngineBridge
from gui.engine_memory import EngineMemory
from gui.main_window import MainWindow
from gui.model_probe import ModelProbe
from gui.settings import Settings, default_path
from gui.translation import Language
from gui.widgets.icons import logo
from realtime.live.client import default_path as engine_settings_path


def run(files: Sequence[Path]) -> int:
    """Show the window until it is closed; where one is open already, hand it the files and end."""
    QCoreApplication.setApplicationName("unsing")
    app = QApplication(["unsing"])
    app.setApplicationDisplayName("Unsing")
    app.setDesktopFileName("unsing")
    name = single_instance.default_name()
    if single_instance.hand_over(name, files):
        return 0
    code = _run_here(app, name, files)
    gc.collect()  # PyQt stumbles at the interpreter's end over what still waits for it
    return code


def _run_here(app: QApplication, name: str, files: Sequence[Path]) -> int:
    """Be the one window, which is gone before the application is."""
    door = single_instance.Door(name, app)
    settings = Settings(default_path(), app)
    bridge = EngineBridge(app)
    memory = EngineMemory(bridge, engine_settings_path())
    window = make_window(app, settings, bridge)
    window.watch(memory)
    ModelProbe(bridge, engine_settings_path().with_name("speed.json"), lambda: window.is_separating)
    door.knocked.connect(window.join)
    signal.signal(signal.SIGINT, lambda *_: QApplication.closeAllWindows())  # noticed at the next poll of the engine
    window.show()
    QTimer.singleShot(0, lambda: _begin(window, bridge, files))
    code = app.exec()
    door.close()
    bridge.close()
    memory.save()
    settings.save()
    destroy(window)
    return code


def make_window(app: QApplication, settings: Settings, bridge: EngineBridge) -> MainWindow:
    """Return the window with everything it needs, dressed and in the user's language."""
    app.setWindowIcon(QIcon(logo(256)))
    language, appearance = Language(app), Appearance(app)
    language.choose(settings.get("language", "system"))
    appearance.choose(settings.get("theme", "system"))
    window = MainWindow(settings, bridge, language, appearance)
    for part in (language, appearance):
        part.setParent(window)
    return window


def destroy(window: MainWindow) -> None:
    """Take the window away now: what Python leaves to the interpreter's end outlives the application, and crashes."""
    window.deleteLater()
    QCoreApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete)


def _begin(window: MainWindow, bridge: EngineBridge, files: Sequence[Path]) -> None:
    """Do what can wait until the window is seen."""
    bridge.open()
    if files:
        window.add_files(files)
    else:
        window.prepare_files_view()
