"""The same song is found in every layout."""

import numpy as np
import pytest
import soundfile

from tests.training import SAMPLE_RATE, make_stems, write_song
from trainer.data.recordings import find_recordings
from trainer.data.sources import Source
from trainer.errors import TrainerError


def read(folder, kind="songs"):
    return list(find_recordings(Source(folder, kind), SAMPLE_RATE))


def as_float(stem):
    return stem.astype(np.float64) / 32767


@pytest.mark.parametrize("parts", [("drums", "bass", "other"), ("accompaniment",), ("mixture",)])
def test_song_folders(tmp_path, parts):
    stems = make_stems(1)
    stems["accompaniment"] = stems["drums"] + stems["bass"] + stems["other"]
    stems["mixture"] = stems["accompaniment"] + stems["vocals"]
    write_song(tmp_path / "songs" / "A - B", {name: stems[name] for name in ("vocals", *parts)})
    [recording] = read(tmp_path / "songs")
    assert recording.name == "A - B"
    np.testing.assert_allclose(as_float(recording.vocals), stems["vocals"].T, atol=1e-4)
    np.testing.assert_allclose(sum(map(as_float, recording.accompaniment)), stems["accompaniment"].T, atol=2e-4)


def test_flat_folders_of_one_side_and_karaoke(tmp_path):
    left, right = make_stems(1)["other"][:, 0], make_stems(1)["vocals"][:, 0]
    soundfile.write(tmp_path / "take.wav", np.stack([left, right], axis=1), SAMPLE_RATE, subtype="PCM_16")
    [voice], [backing], [karaoke] = (read(tmp_path, kind) for kind in ("vocals", "accompaniment", "karaoke"))
    assert voice.accompaniment == ()
    assert backing.vocals is None
    np.testing.assert_allclose(as_float(karaoke.vocals)[0], right, atol=1e-4)
    np.testing.assert_allclose(as_float(karaoke.accompaniment[0])[0], left, atol=1e-4)


def test_other_rates_are_resampled_and_their_bandwidth_kept(tmp_path, rng):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    soundfile.write(tmp_path / "voice.wav", tone + 1e-4 * rng.standard_normal(16000), 16000, subtype="PCM_16")
    [voice] = read(tmp_path, "vocals")
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert 7000 < voice.bandwidth_hz < 8000
    assert voice.samples == SAMPLE_RATE
    np.testing.assert_allclose(as_float(voice.vocals)[0, 2000:-2000], expected[2000:-2000], atol=1e-3)


def test_folders_that_would_leak_test_songs_or_mix_up_stems_are_refused(tmp_path):
    for split in ("train", "test"):
        write_song(tmp_path / split / "song", make_stems(1))
    with pytest.raises(TrainerError, match="holds test songs"):
        read(tmp_path)
    with pytest.raises(TrainerError, match="with their stems"):
        read(tmp_path / "train", "accompaniment")


@pytest.mark.parametrize(
    ("audio", "words"),
    [(np.zeros((0, 1)), "no samples"), (np.zeros((100, 6)), "6 channels"), (np.full((100, 1), np.nan), "NaN")],
)
def test_audio_that_cannot_be_trained_on_is_named(tmp_path, audio, words):
    soundfile.write(tmp_path / "take.wav", audio, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(TrainerError, match=rf"take\.wav: .*{words}"):
        read(tmp_path, "vocals")


def test_a_changed_file_is_decoded_again(tmp_path):
    path = tmp_path / "data" / "voice.wav"
    path.parent.mkdir()
    for level in (0.25, 0.5):
        soundfile.write(path, np.full((1000, 1), level), SAMPLE_RATE, subtype="FLOAT")
        [voice] = read(path.parent, "vocals")
        assert as_float(voice.vocals).max() == pytest.approx(level, abs=1e-4)


def test_labelled_songs_are_read_as_songs_and_known_as_labelled(tmp_path):
    write_song(tmp_path / "song", make_stems(1))
    [true], [labelled] = read(tmp_path), read(tmp_path, "labelled")
    np.testing.assert_array_equal(true.vocals, labelled.vocals)
    assert (true.is_labelled, labelled.is_labelled) == (False, True)


def test_sources_parse():
    source = Source.parse("karaoke=.@2.5")
    assert (str(source.folder), source.kind, source.weight) == (".", "karaoke", 2.5)


@pytest.mark.parametrize("text", ["missing", "vocals=missing@2", ".@0", ".@-1", ".@nan"])
def test_wrong_sources_are_named(text):
    with pytest.raises(TrainerError, match=text.replace(".", r"\.")):
        Source.parse(text)


def test_folders_without_recordings_and_broken_files_are_named(tmp_path):
    with pytest.raises(TrainerError, match="expected"):
        read(tmp_path)
    (tmp_path / "noise.wav").write_text("not audio")
    with pytest.raises(TrainerError, match=r"noise\.wav"):
        read(tmp_path, "vocals")
