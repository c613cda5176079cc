"""Entry of `python -m gui [FILES]` and of the console script `unsing`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Show the window and return its exit code."""
    parser = argparse.ArgumentParser(prog="unsing", description="Takes the singer out of music, live and from files.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILES", help="songs or folders to separate")
    arguments = parser.parse_args(argv)
    # The audio process imports this module too, and must not load Qt.
    from gui.app import run

    return run(arguments.files)


if __name__ == "__main__":
    sys.exit(main())
