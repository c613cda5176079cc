"""Measures what the window costs: `python -m gui.measure`.

Prints how soon the window is seen and the music heard, what drawing costs the audio process, and for how long a drop
of many files keeps the window from answering.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time


def main(argv: list[str] | None = None) -> int:
    """Measure in a process of its own, whose start is the first thing measured."""
    parser = argparse.ArgumentParser(prog="python -m gui.measure", description="Measure what the window costs.")
    parser.add_argument("--seconds", type=float, default=20.0, help="of music, with and without the window, twice each")
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.begun is not None:
        # The audio process imports this module too, and must not load Qt.
        from gui.measurements import measure

        measure(arguments.begun, arguments.seconds)
        return 0
    with tempfile.TemporaryDirectory(prefix="unsing-") as home:
        command = [sys.executable, "-m", "gui.measure", "--seconds", str(arguments.seconds)]
        command += ["--begun", str(time.monotonic())]
        return subprocess.run(command, env={**os.environ, "HOME": home}).returncode


if __name__ == "__main__":
    sys.exit(main())
