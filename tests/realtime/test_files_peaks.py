"""Waveforms for drawing, and name patterns."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.files.errors import AudioFileError
from realtime.files.pattern import DEFAULT_PATTERN, expand, free_folder, pattern_problem
from realtime.files.peaks import measure
from realtime.files.waveform import COLUMNS


def write(path, audio, rate=44100):
    soundfile.write(path, audio, rate, subtype="FLOAT")
    return path


def test_a_sine_measures_its_peak_and_its_mean_level(tmp_path):
    time_s = np.arange(5 * 44100) / 44100
    waveform = measure(write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 1000 * time_s)))
    assert waveform.seconds == pytest.approx(5)
    np.testing.assert_allclose(np.frombuffer(waveform.peak, np.uint8), 0.5 * 255, atol=1)
    np.testing.assert_allclose(np.frombuffer(waveform.rms, np.uint8), 0.5 / np.sqrt(2) * 255, atol=3)


@pytest.mark.parametrize("samples", [1, 511, 512, 513, 44100, 513 * 1000, 60 * 44100 + 7])
def test_a_click_is_found_where_it_is_however_long_the_file(tmp_path, samples):
    at = samples * 2 // 3
    audio = np.zeros((samples, 2))
    audio[at, 1] = -1
    waveform = measure(write(tmp_path / "a.wav", audio))
    assert 1 <= len(waveform.peak) == len(waveform.rms) <= COLUMNS
    assert max(waveform.peak) == 255
    column = waveform.peak.index(255)
    assert column / len(waveform.peak) <= at / samples + 512 / samples
    assert at / samples <= (column + 1) / len(waveform.peak) + 512 / samples


def test_a_file_cut_short_has_no_waveform(tmp_path):
    path = write(tmp_path / "a.wav", np.zeros((44100, 2)))
    path.write_bytes(path.read_bytes()[:100000])
    with pytest.raises(AudioFileError, match="cut short"):
        measure(path)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (DEFAULT_PATTERN, "Album/Deep/Song"),
        ("{song}", "Song"),
        ("{format}/{song} ({model})", "flac/Song (lite)"),
        (" {folder} // {song} /../.", "Album/Deep/Song"),
    ],
)
def test_a_pattern_names_a_folder_below_the_output(pattern, expected):
    assert pattern_problem(pattern) is None
    assert expand(pattern, Path("x/Song.mp3"), Path("Album/Deep"), "models/lite.onnx", "flac") == Path(expected)


@pytest.mark.parametrize("name", ["...wav", "..wav", ".wav", ". .wav"])
def test_no_name_leads_out_of_the_output_folder(name):
    place = expand(DEFAULT_PATTERN, Path(name), Path(), "lite", "wav")
    assert len(place.parts) == 1
    assert place.parts[0].strip(". ")


@pytest.mark.parametrize(
    "pattern", ["", "{folder}", "{song}{artist}", "{song", "song}", "{song}: {model}", "a\\{song}"]
)
def test_a_pattern_that_cannot_be_used_is_explained(pattern):
    problem = pattern_problem(pattern)
    assert problem
    assert "\n" not in problem


def test_a_folder_without_a_receipt_is_free(tmp_path):
    (tmp_path / "a").mkdir()
    assert free_folder(tmp_path / "a", tmp_path / "a.wav") == tmp_path / "a"
