"""What leaves the house: the requirements, the pins and the wheel."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {"trainer", "export", "realtime", "gui"}
EXTRAS = PROJECT["optional-dependencies"]


def _requirements(*lists: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for lines in lists for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def test_only_the_trainer_asks_for_torch():
    assert "torch" in _requirements(EXTRAS["train"])
    assert "torch" not in _requirements(PROJECT["dependencies"], EXTRAS["evaluate"], EXTRAS["dev"])


def test_every_requirement_has_a_pin_that_satisfies_it():
    pins = _pins()
    for name, requirement in _requirements(PROJECT["dependencies"], *EXTRAS.values()).items():
        assert name in pins, f"{requirement} has no pin in constraints.txt"
        assert requirement.specifier.contains(pins[name]), f"{requirement} refuses the pinned {pins[name]}"


def test_the_pins_name_no_cuda_package():
    assert not [name for name in _pins() if re.match(r"nvidia|cuda|triton", name)]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory):
    """Every path inside a wheel built from a copy of the sources, so that building leaves nothing behind here."""
    copy, wheels = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    (copy / "tests").mkdir()
    (copy / "tests" / "__init__.py").touch()
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_holds_exactly_the_four_packages(wheel_names):
    assert {name.split("/")[0] for name in wheel_names if ".dist-info/" not in name} == PACKAGES


def test_the_wheel_carries_every_source_model_and_preset(wheel_names):
    files = [
        path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".onnx", ".toml")
    ]
    assert not [path for path in files if path.relative_to(ROOT).as_posix() not in wheel_names]
    assert {"trainer/presets/lite.toml", "trainer/presets/main.toml"} <= wheel_names
