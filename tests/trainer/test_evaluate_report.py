"""The whole evaluation on small real songs: report, cache, interruption."""

import argparse
import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from realtime.plugin import read_spec
from tests.plugins import gains, make_spec
from tests.songs import RATE, write_noise_song
from tests.training import make_stems, write_song
from trainer.__main__ import main
from trainer.errors import TrainerError
from trainer.evaluate import command
from trainer.evaluate.bsseval import TARGETS, score
from trainer.evaluate.demo import demo_song
from trainer.evaluate.excerpts import choose_songs, loudest_passage
from trainer.evaluate.metrics import FIGURES
from trainer.evaluate.plots import plot_spectrograms
from trainer.outputs import written_whole


def run(*arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(argument) for argument in arguments]))


def test_a_report_holds_medians_over_songs_of_every_row(tmp_path, rng, capsys):
    for name, accompaniment_rms in (("soft", 0.05), ("even", 0.1), ("loud", 0.4)):
        write_noise_song(tmp_path / "data" / name, rng, accompaniment_rms=accompaniment_rms)
    model = gains(tmp_path / "half.onnx", make_spec(sample_rate=RATE, channels=1), [[0.5]])
    report = tmp_path / "report"
    assert run("--data", tmp_path / "data", "-o", report, "--baselines", "mixture", "--models", model) == 0

    rows = {row["model"]: row for row in json.loads((report / "report.json").read_text())["rows"]}
    # The median song has equal levels: 0 dB for the mixture; half of it leaves half of each: 3 dB.
    assert rows["mixture"]["median"]["vocals"]["SDR"] == pytest.approx(0, abs=0.3)
    assert rows["half"]["median"]["vocals"]["SDR"] == pytest.approx(3, abs=0.3)
    assert rows["mixture"]["songs"]["loud"]["accompaniment"]["SDR"] == pytest.approx(12, abs=0.3)
    assert rows["half"]["latency_ms"] == pytest.approx(32 / 8)
    assert rows["half"]["rtf"] > 0
    low, high = rows["half"]["interval"]["vocals"]["SDR"]
    assert low < 3 < high
    # Half of the mixture is better where the accompaniment is as loud or louder, and worse where the voice is loud.
    comparison = json.loads((report / "report.json").read_text())["comparisons"]["half"]["vocals"]["SDR"]
    assert (comparison["higher"], comparison["lower"]) == (2, 1)
    assert comparison["p_value"] == pytest.approx(1)

    markdown = (report / "report.md").read_text()
    assert f"| vocals | half | {rows['half']['median']['vocals']['SDR']:.2f} [{low:.2f}, {high:.2f}] |" in markdown
    words = (
        "BSSEval v4",
        "windows of 1 s",
        "Protocol `full`",
        "median over windows",
        "- even: 2.0 s",
        "Against mixture",
    )
    assert [word for word in words if word not in markdown] == []
    printed = capsys.readouterr().out
    assert str(report / "report.md") in printed
    assert "| vocals | half |" in printed
    assert not [path for path in report.rglob(".*") if path.name != ".gitignore"]


def test_every_picture_and_sound_of_a_report_is_there(tmp_path, rng):
    for index in range(4):
        write_noise_song(tmp_path / "data" / f"song {index}", rng, seconds=2)
    report = tmp_path / "report"
    model = gains(tmp_path / "half.onnx", make_spec(sample_rate=RATE, channels=1), [[0.5]])
    run("--data", tmp_path / "data", "-o", report, "--baselines", "mixture,oracle", "--models", model, "--seconds", "1")
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (report / "report.md").read_text())
    assert len(pictures) == len(set(pictures)) == 3 + 3 * 2
    assert all((report / name).read_bytes().startswith(b"\x89PNG") for name in pictures)

    mixture, rate = soundfile.read(report / "excerpts" / "1-mixture.flac")
    vocals, _ = soundfile.read(report / "excerpts" / "1-vocals-half.flac")
    assert (rate, len(mixture)) == (RATE, RATE)
    # What the model gives, to the last of 24 bits.
    np.testing.assert_allclose(vocals, 0.5 * mixture, atol=2**-22)
    assert {path.name for path in (report / "excerpts").glob("1-vocals-*.flac")} == {
        f"1-vocals-{label}.flac" for label in ("reference", "mixture", "oracle", "half")
    }
    # Songs stay under their own rights, so git never takes them.
    assert (report / "excerpts" / ".gitignore").read_text() == "*\n"


def test_the_csv_has_a_line_per_song_target_model_and_metric(tmp_path, rng):
    for name in ("one", "two"):
        write_noise_song(tmp_path / "data" / name, rng)
    report = tmp_path / "report"
    run("--data", tmp_path / "data", "-o", report, "--baselines", "mixture,oracle")
    lines = list(csv.DictReader((report / "report.csv").read_text().splitlines()))
    assert len(lines) == 2 * 2 * len(FIGURES)
    assert len({tuple(line.values())[:4] for line in lines}) == len(lines)
    rows = {row["model"]: row for row in json.loads((report / "report.json").read_text())["rows"]}
    for line in lines:
        expected = rows[line["model"]]["songs"][line["song"]][line["target"]][line["metric"]]
        assert (float(line["value_db"]) if line["value_db"] else None) == pytest.approx(expected, abs=1e-4)


def test_a_second_run_takes_every_score_from_the_first(tmp_path, rng, capsys):
    write_noise_song(tmp_path / "data" / "song", rng)
    arguments = ("--data", tmp_path / "data", "-o", tmp_path / "report", "--baselines", "mixture")
    run(*arguments)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "report" / "cache").glob("*.json")}
    first = capsys.readouterr().out
    run(*arguments)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "report" / "cache").glob("*.json")} == kept
    assert capsys.readouterr().out == first


def test_the_card_says_what_the_report_says_and_keeps_the_rest(tmp_path):
    write_song(tmp_path / "data" / "song", make_stems(2))
    model = gains(tmp_path / "half.onnx", make_spec(card={"parameters": 0}), [[0.5]])
    # Named twice, it is one row.
    words = ("--baselines", "mixture", "--models", model, "--card", model)
    assert run("--data", tmp_path / "data", "-o", tmp_path / "report", *words) == 0
    row = json.loads((tmp_path / "report" / "report.json").read_text())["rows"][-1]
    card = read_spec(model).card
    for target, scores in card["scores"].items():
        assert scores == pytest.approx({metric: row["median"][target][metric] for metric in scores}, abs=0.01)
    assert card["parameters"] == 0
    assert card["rtf"] == pytest.approx(row["rtf"], abs=0.001)
    assert "1 songs of" in card["test_set"]
    assert "Falcon 69" in card["check"]["song"]
    # The writing of the card changes the file, but not what it says.
    references = demo_song().load()
    scores = score(references, 0.5 * references.mixture, 0.5 * references.mixture).median()
    for target, values in zip(TARGETS, scores, strict=True):
        assert card["check"]["scores"][target]["SDR"] == pytest.approx(values[0], abs=0.01)


def test_a_card_of_a_model_for_other_rates_has_no_check(tmp_path, rng):
    write_noise_song(tmp_path / "data" / "song", rng)
    model = gains(tmp_path / "half.onnx", make_spec(sample_rate=RATE, channels=1), [[0.5]])
    run("--data", tmp_path / "data", "-o", tmp_path / "report", "--baselines", "", "--card", model)
    assert read_spec(model).card["check"] is None


def test_a_baseline_that_cannot_run_says_how_to_get_it(tmp_path, rng):
    write_noise_song(tmp_path / "data" / "song", rng)
    run("--data", tmp_path / "data", "-o", tmp_path / "report", "--baselines", "mixture,umxhq")
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert len(re.findall(r"^\| (vocals|accompaniment) \| umxhq \| not available", markdown, re.MULTILINE)) == 2


@pytest.mark.parametrize(
    ("labels", "wanted", "rival"),
    [
        (["mixture", "oracle", "spleeter", "lite"], None, "spleeter"),
        (["mixture", "oracle", "lite"], None, "mixture"),
        (["mixture", "spleeter", "lite"], "lite", "lite"),
        (["lite"], None, None),
    ],
)
def test_the_rival_is_the_one_asked_for_or_the_first_separator(labels, wanted, rival):
    assert command.choose_rival(labels, wanted) == rival


def test_a_rival_that_is_not_there_is_named():
    with pytest.raises(TrainerError, match=r"--rival umxhq.*mixture, lite"):
        command.choose_rival(["mixture", "lite"], "umxhq")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "nowhere: does not exist"),
        (["--data", "empty"], "empty: holds no songs"),
        (["--data", "songs", "--seconds", "0.2"], "--seconds 0.2"),
        (["--data", "songs", "--rival", "nobody"], "--rival nobody"),
        (["--data", "mixed"], "mixes sample rates"),
        (["--data", "uneven"], "must be equally long"),
        (["--data", "short"], "0.50 s long"),
        (["--data", "wrong"], "not the sum of its stems"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value[1:]),
)
def test_bad_input_is_one_sentence(tmp_path, rng, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for name in ("songs", "mixed", "uneven", "wrong"):
        write_noise_song(tmp_path / name / "song", rng)
    write_noise_song(tmp_path / "short" / "song", rng, seconds=0.5)
    noise = 0.1 * rng.standard_normal((2 * RATE, 1))
    soundfile.write(tmp_path / "mixed" / "song" / "vocals.wav", noise, 2 * RATE)
    soundfile.write(tmp_path / "uneven" / "song" / "vocals.wav", noise[:RATE], RATE)
    soundfile.write(tmp_path / "wrong" / "song" / "mixture.wav", noise, RATE)
    assert main(["evaluate", *arguments, "--baselines", "mixture", "-o", "report"]) == 2
    errors = capsys.readouterr().err.rpartition("\r")[2].strip().splitlines()
    assert message in errors[-1]
    assert not any("Traceback" in line for line in errors)
    assert not (tmp_path / "report" / "report.md").exists()


def test_the_songs_shown_are_the_worst_the_middle_and_the_best():
    assert choose_songs(np.array([3.0, 1, np.nan, 9, 2, 5])) == [1, 0, 3]
    assert choose_songs(np.array([3.0, 1])) == [1, 0]
    assert choose_songs(np.array([np.nan])) == []


def test_the_loudest_passage_is_found_and_a_short_song_is_taken_whole():
    audio = np.zeros((1, 1000), np.float32)
    audio[:, 420:500] = 1
    passage = loudest_passage(audio, 100)
    assert passage.start <= 420
    assert 500 <= passage.stop == passage.start + 100
    assert loudest_passage(audio, 2000) == slice(0, 1000)


def test_neither_this_nor_the_check_of_a_plugin_needs_torch():
    program = """
import sys
from importlib.abc import MetaPathFinder

class NoTorch(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoTorch())
import export.__main__, trainer.evaluate.command, trainer.evaluate.demo
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_output_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "report.md"
    path.write_text("before")

    def fail():
        with written_whole(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [file.name for file in tmp_path.iterdir()] == ["report.md"]
    assert path.read_text() == "before"


def test_a_file_where_a_folder_must_be_is_named(tmp_path):
    (tmp_path / "report").touch()
    with pytest.raises(TrainerError, match=r"report: cannot be a folder"), written_whole(tmp_path / "report" / "x.md"):
        pass


def test_spectrograms_of_silence_and_of_a_short_sound_can_be_drawn(tmp_path, rng):
    signals = {"silence": np.zeros((2, 100), np.float32), "click": np.ones((2, 1), np.float32)}
    plot_spectrograms(tmp_path / "short.png", signals, 44100)
    assert (tmp_path / "short.png").read_bytes().startswith(b"\x89PNG")
