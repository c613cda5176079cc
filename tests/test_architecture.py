"""The walls between the packages: who may import whom, and which library has one home."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("realtime", "trainer", "export", "gui")

# What a module may import of the four packages; the longest name that fits a module rules it.
MAY_IMPORT = {
    "realtime": ("realtime",),
    "trainer": ("trainer", "realtime.contract", "realtime.stft"),
    "trainer.evaluate": (
        "trainer",
        "realtime.contract",
        "realtime.stft",
        "realtime.separator",
        "realtime.plugin",
        "realtime.catalog",
    ),
    "export": ("export", "trainer", "realtime"),
    "gui": ("gui", "realtime.live.client", "realtime.files", "realtime.contract"),
}
# Where a library may be imported, and nowhere else.
HOMES = {
    "onnxruntime": ("realtime.plugin", "export.quantize"),
    "sounddevice": ("realtime.live",),
    "pedalboard": ("realtime.live",),
    "torch": ("trainer", "export"),
    "torchaudio": ("trainer", "export"),
    "PyQt6": ("gui",),
    "pyqtgraph": ("gui",),
    "museval": ("trainer.evaluate",),
}
STANDARD_LIBRARY_ONLY = ("realtime.contract",)


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _imports(package: str, source: str) -> Iterator[str]:
    """Yield the dotted name of everything a module of `package` imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = [*above, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield from (argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant))


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """Return one line for every import of `module` that goes through a wall."""
    package = module if is_package else module.rpartition(".")[0]
    rule = max((name for name in MAY_IMPORT if _is_within(module, (name,))), key=len)
    broken = []
    for name in _imports(package, source):
        library = name.split(".")[0]
        if library in PACKAGES and not _is_within(name, MAY_IMPORT[rule]):
            broken.append(f"{module} imports {name}")
        if library in HOMES and not _is_within(module, HOMES[library]):
            broken.append(f"{module} imports {name}")
        if module in STANDARD_LIBRARY_ONLY and library not in sys.stdlib_module_names:
            broken.append(f"{module} imports {name}")
    return broken


def test_no_import_goes_through_a_wall():
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert ROOT / "realtime" / "contract.py" in files
    broken = [
        line
        for path in files
        for line in violations(_module_name(path), path.read_text(encoding="utf-8"), path.name == "__init__.py")
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("realtime.files.batch", "import torch"),
        ("realtime.files.batch", "def late():\n    from torch.nn import LSTM"),
        ("realtime.files.batch", "import importlib\nimportlib.import_module('torch')"),
        ("realtime.stft", "from trainer.model import CausalDualPathRnn"),
        ("realtime.stft", "from gui import app"),
        ("realtime.separator", "import onnxruntime"),
        ("realtime.separator", "from ..trainer import model"),
        ("realtime.files.reading", "import sounddevice as sd"),
        ("realtime.contract", "import numpy as np"),
        ("realtime.contract", "from realtime import stft"),
        ("trainer.model", "from realtime.separator import StreamingSeparator"),
        ("trainer.model", "from realtime import separator"),
        ("trainer.model", "from realtime import *"),
        ("trainer.model", "import realtime"),
        ("trainer.model", "from export import verify"),
        ("trainer.evaluate.tables", "from realtime.files import reading"),
        ("trainer.loop", "import museval"),
        ("export.verify", "import gui.app"),
        ("export.verify", "import onnxruntime"),
        ("gui.app", "from realtime.live.engine import Engine"),
        ("gui.app", "from realtime import live"),
        ("gui.app", "import torch"),
        ("gui.app", "from trainer import config"),
    ],
)
def test_the_checker_sees_every_kind_of_break(module, source):
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("realtime.separator", "import numpy as np\nfrom realtime.plugin import OnnxPlugin"),
        ("realtime.separator", "from .plugin import OnnxPlugin"),
        ("realtime.plugin", "import onnxruntime"),
        ("realtime.live.devices", "import sounddevice"),
        ("realtime.contract", "from __future__ import annotations\nimport json"),
        ("trainer.model", "import torch\nfrom realtime.contract import StftSpec\nfrom realtime import stft"),
        ("trainer.evaluate.tables", "import museval\nfrom realtime.separator import StreamingSeparator"),
        (
            "export.verify",
            "from realtime.separator import StreamingSeparator\nfrom trainer.model import CausalDualPathRnn",
        ),
        ("gui.app", "from PyQt6 import QtCore\nfrom realtime.live.client import EngineClient"),
    ],
)
def test_the_checker_lets_the_doors_open(module, source):
    assert violations(module, source) == []


def test_the_host_starts_without_the_trainer_and_the_window():
    script = "import sys, realtime, realtime.command, realtime.separator; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "PyQt6", "pyqtgraph", "trainer", "export", "gui"}
