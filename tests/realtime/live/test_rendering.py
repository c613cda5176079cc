"""A song written to a file is what would be heard."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from realtime.files.errors import AudioFileError
from realtime.live.parameters import Parameters
from realtime.live.rendering import render_song
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from tests import plugins

RATE = 44100
OPEN = Parameters(vocals_db=0.0)


@pytest.fixture
def music(rng):
    return np.float32(0.1 * rng.standard_normal((2, 2 * RATE + 123)))


@pytest.fixture
def song(tmp_path, music):
    path = tmp_path / "song.wav"
    soundfile.write(path, music.T, RATE, subtype="FLOAT")
    return path


@pytest.fixture
def model(tmp_path):
    return str(
        plugins.one_pole(tmp_path / "model.onnx", plugins.make_spec(StftSpec(1024, 256, "sqrt_hann", "sqrt_hann")))
    )


def test_it_is_the_accompaniment_sample_for_sample_and_as_long_as_the_song(song, music, model, tmp_path):
    shares = []
    render_song(song, model, Parameters(), tmp_path / "out.wav", shares.append)
    heard, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    separator = StreamingSeparator(OnnxPlugin(Path(model)))
    stems = np.concatenate([separator.process(music), separator.flush()], axis=2)[..., separator.latency_samples :]
    assert rate == RATE
    np.testing.assert_array_equal(heard.T, stems[1])
    assert shares == sorted(shares)


def test_both_faders_up_give_the_song_back(song, music, model, tmp_path):
    render_song(song, model, OPEN, tmp_path / "out.wav")
    heard = soundfile.read(tmp_path / "out.wav", dtype="float32")[0].T
    np.testing.assert_allclose(heard, music, atol=1e-6)


def test_a_key_change_keeps_the_length(song, music, model, tmp_path):
    render_song(song, model, replace(OPEN, key_semitones=2), tmp_path / "out.flac")
    assert soundfile.info(tmp_path / "out.flac").frames == music.shape[1]


def test_what_cannot_be_written_says_so_and_leaves_nothing(song, model, tmp_path):
    before = soundfile.read(song)[0]
    with pytest.raises(AudioFileError, match="the song itself"):
        render_song(song, model, OPEN, song)
    with pytest.raises(AudioFileError, match="no format"):
        render_song(song, model, OPEN, tmp_path / "out.txt")
    with pytest.raises(AudioFileError, match="cannot be written"):
        render_song(song, model, OPEN, tmp_path / "missing" / "out.wav")
    np.testing.assert_array_equal(soundfile.read(song)[0], before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "song.wav"]
