"""What the terminal remembers of the last time, where that can be kept."""

from __future__ import annotations

import sys

from realtime.live.parameters import Parameters, StreamSettings
from realtime.live.settings import default_path, load_settings, save_settings


def recall() -> tuple[StreamSettings, Parameters] | None:
    """Return what was remembered; None, and a word to the user, where nothing can be."""
    try:
        return load_settings(default_path())
    except OSError as error:
        _tell(error)
        return None


def remember(settings: StreamSettings, parameters: Parameters) -> None:
    """Keep devices and faders; where that fails the music goes on."""
    try:
        save_settings(default_path(), settings, parameters)
    except OSError as error:
        _tell(error)


def _tell(error: OSError) -> None:
    reason = (error.strerror or str(error)).lower()
    print(f"{default_path()}: {reason}; devices and faders are not kept", file=sys.stderr)
