"""Remembering devices and faders from one day to the next."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_config_path

from realtime.live.parameters import Parameters, StreamSettings
from realtime.live.text_files import write_text

_Values = TypeVar("_Values", StreamSettings, Parameters)


def default_path() -> Path:
    """Return where the settings of this user lie."""
    return user_config_path("unsing", appauthor=False) / "live.json"


def load_settings(path: Path) -> tuple[StreamSettings, Parameters]:
    """Read what was remembered; the defaults where nothing was.

    Unknown entries are passed over. A file that makes no sense is renamed to `*.damaged`, so that it can be looked at,
    and the defaults are used.

    Raises:
        OSError: The file is there and cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return StreamSettings(), Parameters()
    try:
        stored = json.loads(text)
        return _read(StreamSettings, stored["settings"]), _read(Parameters, stored["parameters"])
    except (ValueError, TypeError, KeyError, RecursionError):
        path.replace(path.with_name(f"{path.name}.damaged"))
        return StreamSettings(), Parameters()


def save_settings(path: Path, settings: StreamSettings, parameters: Parameters) -> None:
    """Remember both, beside the file and renamed when whole.

    Raises:
        OSError: The file cannot be written.
    """
    stored = {"settings": _storable(settings), "parameters": _storable(parameters)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(stored, indent=2, allow_nan=False) + "\n")


def _storable(values: StreamSettings | Parameters) -> dict[str, Any]:
    """Return the fields, with minus infinity, which JSON lacks, in words."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(values).items()
    }


def _read(kind: type[_Values], stored: dict[str, Any]) -> _Values:
    """Build `kind` from what is known of `stored`."""
    if not isinstance(stored, dict):
        raise ValueError(f"{stored!r} is not a set of named values")
    default = kind()
    known = {field.name for field in fields(kind)} & stored.keys()
    return kind(**{name: _as_type_of(getattr(default, name), stored[name]) for name in known})


def _as_type_of(default: Any, value: Any) -> Any:
    """Return `value` as the type of `default` has it; ValueError if it is no such thing."""
    if isinstance(default, float) and (value == "-inf" or (_is_number(value) and math.isfinite(value))):
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    if type(default) in (str, int, bool) and type(value) is type(default):
        return value
    raise ValueError(f"{value!r} is not of the type of {default!r}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
