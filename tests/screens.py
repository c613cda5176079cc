"""A real X server without a monitor, and a hand on its mouse and keys; run as a program it is a file to be dragged."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QMimeData, Qt, QUrl
from PyQt6.QtGui import QDrag, QMouseEvent
from PyQt6.QtWidgets import QApplication, QLabel

ROOT = Path(__file__).parents[1]
SOURCE_TITLE = "A file to be dragged"
_PATIENCE_S = 30.0
_MOVES = 10  # both programs have to see the pointer on its way
_STEP_S = 0.05


@dataclass(frozen=True)
class Screen:
    """A screen with a window manager; `environment` leads a program there."""

    environment: dict[str, str]

    def find(self, title: str) -> str:
        """Return the window with this title, once it is there."""
        return wait_for(lambda: self._do("search", "--onlyvisible", "--name", f"^{title}$"), f"the window {title!r}")

    def move(self, window: str, x: int, y: int) -> None:
        """Put a window somewhere."""
        self._do("windowmove", "--sync", window, str(x), str(y))

    def press(self, window: str, keys: str, times: int = 1) -> None:
        """Type keys, such as `ctrl+Up`, into a window."""
        self._do("windowactivate", "--sync", window)
        self._do("key", "--repeat", str(times), "--delay", "20", keys)

    def drag(self, source: str, target: str) -> None:
        """Drag from the middle of one window to the middle of another, and drop."""
        start, end = self._middle(source), self._middle(target)
        self._do("mousemove", *map(str, start), "mousedown", "1")
        for step in range(1, _MOVES + 1):
            place = [round(a + (b - a) * step / _MOVES) for a, b in zip(start, end, strict=True)]
            self._do("mousemove", *map(str, place))
            time.sleep(_STEP_S)
        self._do("mouseup", "1")

    def _middle(self, window: str) -> tuple[int, int]:
        lines = self._do("getwindowgeometry", "--shell", window).splitlines()
        values = dict(line.split("=") for line in lines)
        return (
            int(values["X"]) + int(values["WIDTH"]) // 2,
            int(values["Y"]) + int(values["HEIGHT"]) // 2,
        )

    def _do(self, *command: str) -> str:
        """Let xdotool do something; return what it says, which is empty where it finds nothing."""
        done = subprocess.run(["xdotool", *command], env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()


@contextlib.contextmanager
def screen(width: int = 1600, height: int = 900) -> Iterator[Screen]:
    """Run an X server and a window manager."""
    theirs, ours = os.pipe()
    command = ["Xvfb", "-displayfd", str(ours), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"]
    with contextlib.ExitStack() as stack:
        number = stack.enter_context(os.fdopen(theirs))
        stack.enter_context(_running(command, pass_fds=(ours,)))
        os.close(ours)
        environment = {**os.environ, "DISPLAY": f":{number.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
        stack.enter_context(_running(["openbox"], env=environment))
        yield Screen(environment)


@contextlib.contextmanager
def offered_file(shown_on: Screen, path: Path) -> Iterator[str]:
    """Run a program with a file to be dragged; yield its window."""
    with _running([sys.executable, "-m", "tests.screens", str(path)], env=shown_on.environment, cwd=ROOT):
        yield shown_on.find(SOURCE_TITLE)


@contextlib.contextmanager
def _running(command: list[str], **options) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as process:
        try:
            yield
        finally:
            process.terminate()


def wait_for(look: Callable, name: str, seconds: float = _PATIENCE_S):
    """Return what `look` returns, once that is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"{name} did not appear within {seconds:g} s")
        time.sleep(0.05)
    return found


class _DragSource(QLabel):
    """Lets its file be dragged away by the left button."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._path = path
        self.setWindowTitle(SOURCE_TITLE)
        self.resize(240, 120)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        data, drag = QMimeData(), QDrag(self)
        data.setUrls([QUrl.fromLocalFile(str(self._path))])
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)


def _offer(path: Path) -> int:
    app = QApplication([])
    source = _DragSource(path)
    source.show()
    return app.exec()


if __name__ == "__main__":
    sys.exit(_offer(Path(sys.argv[1])))
