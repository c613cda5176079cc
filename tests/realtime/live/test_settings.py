import json
import math

import pytest

from realtime.live.parameters import Parameters, StreamSettings
from realtime.live.settings import default_path, load_settings, save_settings

SETTINGS = StreamSettings(
    model="main", input="Überspiel, ALSA", microphone="2", input_channels=(3, 4), block_samples=64
)
PARAMETERS = Parameters(vocals_db=-math.inf, accompaniment_db=-3.5, key_semitones=-2, bypass=True, solo="vocals")


def test_what_was_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "new" / "live.json"
    save_settings(path, SETTINGS, PARAMETERS)
    assert load_settings(path) == (SETTINGS, PARAMETERS)
    assert [entry.name for entry in path.parent.iterdir()] == ["live.json"]


def test_any_reader_of_json_can_read_the_file(tmp_path):
    save_settings(tmp_path / "live.json", SETTINGS, PARAMETERS)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    json.loads((tmp_path / "live.json").read_text(encoding="utf-8"), parse_constant=refuse)


def test_without_a_file_the_defaults_are_used(tmp_path):
    assert load_settings(tmp_path / "none.json") == (StreamSettings(), Parameters())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 100000,
        b"[1, 2]",
        b"null",
        b'{"settings": {}}',
        b'{"settings": [], "parameters": {}}',
        b'{"settings": {"block_samples": "many"}, "parameters": {}}',
        b'{"settings": {"block_samples": true}, "parameters": {}}',
        b'{"settings": {"input_channels": ["1"]}, "parameters": {}}',
        b'{"settings": {"output": null}, "parameters": {}}',
        b'{"settings": {}, "parameters": {"vocals_db": 99}}',
        b'{"settings": {}, "parameters": {"vocals_db": NaN}}',
        b'{"settings": {}, "parameters": {"solo": "drums"}}',
    ],
)
def test_a_damaged_file_is_kept_aside_and_the_defaults_are_used(tmp_path, content):
    path = tmp_path / "live.json"
    path.write_bytes(content)
    assert load_settings(path) == (StreamSettings(), Parameters())
    assert (tmp_path / "live.json.damaged").read_bytes() == content
    assert not path.exists()


def test_unknown_and_missing_entries_are_passed_over(tmp_path):
    path = tmp_path / "live.json"
    path.write_text('{"settings": {"model": "main", "colour": 1}, "parameters": {"microphone_db": 1, "tail": []}}')
    assert load_settings(path) == (StreamSettings(model="main"), Parameters(microphone_db=1.0))
    assert path.exists()


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "live.json"
    save_settings(path, SETTINGS, PARAMETERS)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        save_settings(tmp_path / "folder", StreamSettings(), Parameters())
    assert load_settings(path) == (SETTINGS, PARAMETERS)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "live.json"]


def test_settings_lie_in_the_users_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path().name == "live.json"
    assert "unsing" in default_path().parts
