"""The window in tests: off screen, with settings of its own, and no message of Qt let pass."""

import os
from pathlib import Path

SCREEN = Path(__file__).parent / "screen.json"
os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={SCREEN}"  # before Qt is loaded

import pytest  # noqa: E402
from PyQt6.QtCore import QEvent  # noqa: E402
from PyQt6.QtWidgets import QApplication  # noqa: E402

from gui.app import make_window  # noqa: E402
from gui.engine_bridge import EngineBridge  # noqa: E402
from gui.settings import Settings  # noqa: E402

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            # Said by the off-screen platform itself about every window that has a smallest size.
            item.add_marker(pytest.mark.qt_log_ignore("propagateSizeHints", extend=True))


@pytest.fixture
def settings(tmp_path, qapp):
    """Return settings that nobody else has."""
    return Settings(tmp_path / "window.json")


@pytest.fixture
def bridge(qapp):
    """Return a bridge whose process a test may start by `open`; it is ended afterwards."""
    bridge = EngineBridge()
    yield bridge
    bridge.close()


@pytest.fixture
def window(qtbot, settings, bridge):
    """Return the whole window, shown."""
    settings.put("language", "en")
    settings.put("theme", "dark")
    settings.put("first_steps_read", True)
    window = make_window(QApplication.instance(), settings, bridge)
    window.resize(1280, 720)
    with qtbot.waitExposed(window):
        window.show()
    yield window
    window.close()
    window.deleteLater()
    # At once: every window there is takes its time whenever the theme changes.
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
