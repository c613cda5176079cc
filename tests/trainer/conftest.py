"""Fixtures of the trainer's tests."""

from pathlib import Path

import pytest

from tests.training import TINY, make_stems, write_song


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep decoded audio out of the user's cache."""
    monkeypatch.setenv("UNSING_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def songs(tmp_path) -> Path:
    """A folder with a four-second song and the same song held out for validation, twice."""
    for name in ("song", "held out", "held out too"):
        write_song(tmp_path / "songs" / name, make_stems(4))
    return tmp_path / "songs"


@pytest.fixture
def preset(tmp_path) -> Path:
    """The tiny preset as a file."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path
