"""Makes every picture of the window: `python -m gui.screenshots FOLDER`.

Music is in the pictures of the Live view where there is an audio device, such as a JACK server with a dummy driver.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scene:
    """One picture.

    Attributes:
        name: Of its file.
        view: `"live"`, `"files"`, `"keys"`, `"about"` or `"first"`.
        theme, language: As in the menu.
        size: Of the window, in logical pixels.
        scale: Pixels of the picture for one of these.
        songs: How many songs are in the queue.
        broken: Whether a file that is no music is among them.
    """

    name: str
    view: str = "live"
    theme: str = "dark"
    language: str = "en"
    size: tuple[int, int] = (1280, 800)
    scale: float = 1.0
    songs: int = 0
    broken: bool = False


SCENES = (
    Scene("live-dark"),
    Scene("live-light", theme="light"),
    Scene("live-chinese", language="zh"),
    Scene("live-small", size=(1280, 720)),
    Scene("live-200-percent", size=(1280, 720), scale=2.0),
    Scene("first-start", view="first"),
    Scene("files-dark", view="files", songs=6),
    Scene("files-light", view="files", theme="light", songs=3),
    Scene("files-chinese", view="files", language="zh", songs=3),
    Scene("files-small", view="files", size=(1280, 720), songs=3),
    Scene("files-error", view="files", songs=2, broken=True),
    Scene("files-full", view="files", songs=60),
    Scene("files-empty", view="files"),
    Scene("keys", view="keys"),
    Scene("about", view="about", theme="light"),
)


def main(argv: list[str] | None = None) -> int:
    """Make the pictures, each in a process of its own, for its scale is that of the whole application."""
    parser = argparse.ArgumentParser(prog="python -m gui.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="some of them")
    parser.add_argument("--scene", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.scene:
        from gui.screenshot_scene import play  # needs Qt, which takes its scale from the environment

        return play(next(scene for scene in SCENES if scene.name == arguments.scene), arguments.folder)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    failed = [scene.name for scene in SCENES if not _is_left_out(scene, arguments.only) and not _make(scene, arguments)]
    for name in failed:
        print(f"{name}: no picture was made", file=sys.stderr)
    return 1 if failed else 0


def _is_left_out(scene: Scene, only: list[str]) -> bool:
    return bool(only) and scene.name not in only


def _make(scene: Scene, arguments: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="unsing-") as home:
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
            "QT_SCALE_FACTOR": str(scene.scale),
            "HOME": home,
        }
        command = [sys.executable, "-m", "gui.screenshots", str(arguments.folder), "--scene", scene.name]
        return subprocess.run(command, env=environment).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
