"""Finding models: those that ship with the program, by name, and any other by its path."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from realtime.plugin import PluginError

_MODELS_FOLDER = Path(__file__).parent / "models"


def shipped_models() -> list[Path]:
    """Return the model files that ship with the program, sorted by name."""
    return sorted(_MODELS_FOLDER.glob("[!.]*.onnx"))  # not what is being written beside them


def find_model(name_or_path: str | Path) -> Path:
    """Return the file of a shipped model's name, or a path as it is if anything lies there.

    Raises:
        PluginError: Nothing has that name.
    """
    shipped = {path.stem: path for path in shipped_models()}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    path = Path(name_or_path)
    if os.path.exists(path):
        return path
    if path.suffix == ".onnx" or len(path.parts) > 1:
        raise PluginError(f"{path}: there is no such model file; check the path")
    nearest = difflib.get_close_matches(path.name, shipped, n=1)
    remedy = f"did you mean {nearest[0]}" if nearest else f"the models here are: {', '.join(shipped) or 'none'}"
    raise PluginError(f"there is no model named {str(name_or_path)!r}; {remedy}")
