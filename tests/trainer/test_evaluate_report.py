"""The whole evaluation on small real songs: report, cache, interruption."""

import argparse
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from realtime.plugin import read_spec
from tests.plugins import gains, make_spec
from trainer.data.songs import Song, find_songs
from trainer.errors import TrainerError
from trainer.evaluate import command
from trainer.evaluate.estimators import Mixture, Spleeter
from trainer.evaluate.plots import plot_spectrograms
from trainer.evaluate.report import to_markdown
from trainer.evaluate.runner import evaluate_one
from trainer.outputs import written_whole

RATE = 8000


def write_song(folder, rng, vocals_rms=0.1, accompaniment_rms=0.1, seconds=2):
    folder.mkdir(parents=True)
    for name, rms in (("vocals", vocals_rms), ("accompaniment", accompaniment_rms)):
        audio = rms * rng.standard_normal((seconds * RATE, 1))
        soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="FLOAT")


def run(*arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(argument) for argument in arguments]))


def test_a_report_holds_medians_over_songs_of_every_row(tmp_path, rng, capsys):
    for name, accompaniment_rms in (("soft", 0.05), ("even", 0.1), ("loud", 0.4)):
        write_song(tmp_path / "data" / name, rng, accompaniment_rms=accompaniment_rms)
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
    markdown = (report / "report.md").read_text()
    assert f"| vocals | half | {rows['half']['median']['vocals']['SDR']:.2f} |" in markdown
    assert all(words in markdown for words in ("BSSEval v4", "seeded noise", "median over windows", "- even"))
    assert (report / "sdr.png").read_bytes().startswith(b"\x89PNG")
    assert str(report / "report.md") in capsys.readouterr().out
    assert not list(report.rglob(".*"))


def test_the_card_says_what_the_report_says_and_keeps_the_rest(tmp_path, rng):
    write_song(tmp_path / "data" / "song", rng)
    model = gains(tmp_path / "half.onnx", make_spec(sample_rate=RATE, channels=1, card={"parameters": 0}), [[0.5]])
    assert run("--data", tmp_path / "data", "-o", tmp_path / "report", "--baselines", "mixture", "--card", model) == 0
    row = json.loads((tmp_path / "report" / "report.json").read_text())["rows"][-1]
    card = read_spec(model).card
    for target, scores in row["median"].items():
        assert card["scores"][target] == pytest.approx(scores, abs=0.01)
    assert card["parameters"] == 0
    assert card["rtf"] == pytest.approx(row["rtf"], abs=0.001)
    assert "1 songs of" in card["test_set"]


def test_a_baseline_that_cannot_run_says_how_to_get_it():
    missing = Spleeter(unavailable="not available: pip install it")
    markdown = to_markdown([], [missing], "Title")
    assert markdown.count("| spleeter | not available: pip install it |") == 2


def test_nothing_here_needs_torch():
    program = "import sys; sys.modules['torch'] = None; import trainer.evaluate.command, trainer.evaluate.demo"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_finished_result_is_not_computed_again_until_the_song_changes(tmp_path, rng):
    write_song(tmp_path / "data", rng)
    cache = tmp_path / "cache"
    (song,) = find_songs(tmp_path / "data")
    first = evaluate_one(song, Mixture(), cache)
    (kept,) = cache.iterdir()
    marked = json.loads(kept.read_text()) | {"audio_s": 123.0}
    kept.write_text(json.dumps(marked))
    assert evaluate_one(song, Mixture(), cache).audio_s == 123
    assert evaluate_one(song, Mixture(label="other", identity="other"), cache).audio_s == 2

    (tmp_path / "data" / "vocals.wav").unlink()
    soundfile.write(tmp_path / "data" / "vocals.wav", rng.standard_normal((2 * RATE, 1)) * 0.1, RATE, subtype="FLOAT")
    again = evaluate_one(song, Mixture(), cache)
    assert again.audio_s == 2
    assert again.windows != first.windows


def test_the_seed_draws_the_songs():
    songs = [Song(f"song {index}", ()) for index in range(9)]
    drawn = command.draw_songs(songs, 4, seed=1)
    assert len(set(drawn)) == 4
    assert drawn == [song for song in songs if song in drawn]
    assert command.draw_songs(songs, 4, seed=1) == drawn
    assert any(command.draw_songs(songs, 4, seed) != drawn for seed in range(2, 6))
    assert command.draw_songs(songs, 10, seed=1) == songs


def test_a_broken_song_is_named_when_the_others_are_done(tmp_path, rng):
    write_song(tmp_path / "data" / "good", rng)
    write_song(tmp_path / "data" / "bad", rng)
    (tmp_path / "data" / "bad" / "vocals.wav").write_text("la la la")
    with pytest.raises(TrainerError, match=r"1 of 2 .*bad by mixture: .*vocals\.wav"):
        run("--data", tmp_path / "data", "-o", tmp_path / "report", "--baselines", "mixture")
    assert len(list((tmp_path / "report").rglob("*.json"))) == 1


def test_ctrl_c_stops_at_once_and_leaves_no_half_file(tmp_path, rng):
    for index in range(8):
        write_song(tmp_path / "data" / f"song {index}", rng, seconds=120)
    report = tmp_path / "report"
    program = f"""
import argparse, signal, sys
from trainer.evaluate import command
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background starts without
parser = argparse.ArgumentParser()
command.add_arguments(parser)
try:
    command.run(parser.parse_args(["--data", {str(tmp_path / "data")!r}, "-o", {str(report)!r}, "--baselines=mixture"]))
except KeyboardInterrupt:
    sys.exit(130)
"""
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
        shown = b""
        while b"0/8" not in shown:
            shown += process.stderr.read(1) or pytest.fail(f"ended early: {shown}")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert not (report / "report.md").exists()
    finished = list(report.rglob("*.*"))
    assert len(finished) < 8
    assert all("windows" in json.loads(path.read_text()) for path in finished)


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
