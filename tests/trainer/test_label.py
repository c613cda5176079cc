"""Songs are labelled by Spleeter: two stems that are the song, and a note of where they come from."""

import json

import numpy as np
import pytest
import soundfile

from tests.training import SAMPLE_RATE, make_stems, write_song
from trainer import label
from trainer.__main__ import main
from trainer.data.recordings import find_recordings
from trainer.data.sources import Source
from trainer.evaluate import spleeter


def loud_stems():
    """Return stems whose sum is above full scale."""
    return {name: np.clip(3 * audio, -0.99, 0.99) for name, audio in make_stems(2).items()}


@pytest.fixture
def music(tmp_path):
    """A folder with a loud song in stems, and a mono file at another rate in a folder of its own."""
    write_song(tmp_path / "music" / "in stems", loud_stems())
    (tmp_path / "music" / "album").mkdir()
    mixture = sum(make_stems(2).values())[::2, 0]
    soundfile.write(tmp_path / "music" / "album" / "take.flac", mixture, SAMPLE_RATE // 2)
    return tmp_path / "music"


def test_labels_sum_to_the_song_and_are_trained_on_as_whole_songs(music, tmp_path, capsys):
    labels = tmp_path / "labels"
    assert main(["label", str(music), "-o", str(labels)]) == 0
    assert "2 songs labelled" in capsys.readouterr().out
    recordings = {r.name: r for r in find_recordings(Source(labels, "labelled"), SAMPLE_RATE)}
    assert recordings.keys() == {"in stems", "album - take"}
    assert all(r.is_labelled for r in recordings.values())
    provenance = json.loads((labels / "in stems" / "provenance.json").read_text())
    expected = sum(loud_stems().values()).T * provenance["gain"]
    [accompaniment] = recordings["in stems"].accompaniment
    found = (recordings["in stems"].vocals.astype(np.float64) + accompaniment) / 32767
    np.testing.assert_allclose(found, expected, atol=5e-4)
    assert len(provenance["files"]) == 4
    assert provenance["weights"] == spleeter.WEIGHTS

    before = {path: path.stat().st_mtime_ns for path in labels.rglob("*.flac")}
    assert main(["label", str(music), "-o", str(labels)]) == 0
    assert "0 songs labelled" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in labels.rglob("*.flac")}

    soundfile.write(music / "album" / "take.flac", np.zeros(1000), SAMPLE_RATE)
    assert main(["label", str(music), "-o", str(labels)]) == 2
    assert "holds something else" in capsys.readouterr().err


def test_passages_are_joined_without_a_seam(monkeypatch, rng):
    """With a separator that gives back what it gets, so does the whole, however it is cut."""
    monkeypatch.setattr(spleeter, "separate_vocals", lambda mixture: mixture.copy())
    monkeypatch.setattr(label, "_PASSAGE_S", 2)
    for seconds in (0.5, 2.0, 2.3, 4.9, 6.0):
        mixture = rng.standard_normal((2, round(seconds * SAMPLE_RATE))).astype(np.float32)
        done = []
        np.testing.assert_allclose(label.separate(mixture, done.append), mixture, atol=1e-6)
        assert sum(done) == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["missing", "-o", "out"], "missing"),
        (["empty", "-o", "out"], "holds no audio"),
        (["twins", "-o", "out"], "has the name of"),
        (["noise.wav", "-o", "out"], "noise.wav"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_get_one_sentence(words, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "twins").mkdir()
    for suffix in ("wav", "flac"):
        soundfile.write(tmp_path / "twins" / f"one.{suffix}", np.zeros(100), SAMPLE_RATE)
    (tmp_path / "noise.wav").write_text("not audio")
    assert main(["label", *words]) == 2
    [sentence] = capsys.readouterr().err.splitlines()
    assert named in sentence
    assert not (tmp_path / "out").exists()
