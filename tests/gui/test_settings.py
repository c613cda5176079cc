"""What the window remembers."""

import json

from gui.settings import Settings


def test_values_come_back(tmp_path, qapp):
    path = tmp_path / "deep" / "window.json"
    settings = Settings(path)
    settings.put("theme", "light")
    settings.put("files", {"format": "flac", "folder": "/music/Ünïcode 🎤"})
    settings.save()
    again = Settings(path)
    assert again.get("theme", "system") == "light"
    assert again.get("files", {})["folder"].endswith("🎤")
    assert [file.name for file in path.parent.iterdir()] == ["window.json"]


def test_a_change_is_written_by_itself(tmp_path, qtbot):
    path = tmp_path / "window.json"
    settings = Settings(path)
    settings.put("view", "files")
    qtbot.waitUntil(path.exists)
    assert json.loads(path.read_text()) == {"view": "files"}


def test_a_value_of_another_type_is_not_used(tmp_path, qapp):
    (tmp_path / "window.json").write_text('{"theme": 7, "files": []}')
    settings = Settings(tmp_path / "window.json")
    assert settings.get("theme", "system") == "system"
    assert settings.get("files", {}) == {}


def test_a_damaged_file_is_kept_aside(tmp_path, qapp):
    for content in (b"{broken", b"\xff\xfe\x00", b"[1, 2]", b""):
        path = tmp_path / "window.json"
        path.write_bytes(content)
        settings = Settings(path)
        assert settings.get("theme", "system") == "system"
        assert settings.damaged.read_bytes() == content
        settings.put("theme", "dark")
        settings.save()
        assert Settings(path).damaged is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path, qapp):
    (tmp_path / "file").write_text("no folder")
    settings = Settings(tmp_path / "file" / "window.json")
    settings.put("theme", "dark")
    settings.save()
    assert "window.json" in settings.problem
    assert settings.get("theme", "system") == "dark"
