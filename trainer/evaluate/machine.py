"""What the measuring was done on."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "scipy", "onnxruntime", "museval", "av", "soundfile")


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that decides a score."""
    return {"Python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}
