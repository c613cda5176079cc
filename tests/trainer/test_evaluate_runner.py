"""Many songs at once: what is kept, what is computed again, and what goes wrong."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.songs import RATE, write_noise_song
from trainer.data.songs import References, SongError, find_songs
from trainer.errors import TrainerError
from trainer.evaluate import runner
from trainer.evaluate.estimators import Estimates, Mixture
from trainer.evaluate.metrics import families
from trainer.evaluate.pools import LocalPool
from trainer.evaluate.protocols import Passage
from trainer.evaluate.runner import check_sum, evaluate


@dataclasses.dataclass(frozen=True)
class Broken:
    """A separator that gives NaN."""

    label: str = "broken"
    identity: str = "broken"
    latency_ms: float | None = None
    unavailable: str | None = None

    def estimate(self, references):
        return Estimates(references.mixture * np.nan, references.mixture)


class Here:
    """Runs jobs in this process and counts them."""

    def __init__(self):
        self.jobs = []

    def run(self, function, jobs):
        for index, job in enumerate(jobs):
            self.jobs.append(job)
            try:
                yield index, function(*job)
            except TrainerError as error:
                yield index, error


def passages(folder):
    return [Passage(song) for song in find_songs(folder)]


def test_a_finished_result_is_not_computed_again_until_the_song_changes(tmp_path, rng):
    write_noise_song(tmp_path / "data" / "song", rng)
    (passage,), pool = passages(tmp_path / "data"), Here()
    (first,) = evaluate([passage], [Mixture()], tmp_path / "cache", pool)
    (again,) = evaluate([passage], [Mixture()], tmp_path / "cache", pool)
    assert again == first
    assert len(pool.jobs) == 1
    evaluate([passage], [Mixture(label="renamed")], tmp_path / "cache", pool)
    assert len(pool.jobs) == 1
    evaluate([passage], [Mixture(identity="changed")], tmp_path / "cache", pool)
    evaluate([dataclasses.replace(passage, seconds=1.0)], [Mixture()], tmp_path / "cache", pool)
    assert len(pool.jobs) == 3

    soundfile.write(
        tmp_path / "data" / "song" / "vocals.wav", 0.1 * rng.standard_normal((2 * RATE, 1)), RATE, subtype="FLOAT"
    )
    (changed,) = evaluate([passage], [Mixture()], tmp_path / "cache", pool)
    assert len(pool.jobs) == 4
    assert changed != first


def test_a_changed_score_is_the_only_one_computed_again(tmp_path, rng, monkeypatch):
    write_noise_song(tmp_path / "data" / "song", rng)
    pool = Here()
    (first,) = evaluate(passages(tmp_path / "data"), [Mixture()], tmp_path / "cache", pool)
    changed = [
        dataclasses.replace(family, identity="new") if family.name == "leakage" else family for family in families()
    ]
    monkeypatch.setattr(runner, "families", lambda: changed)
    (second,) = evaluate(passages(tmp_path / "data"), [Mixture()], tmp_path / "cache", pool)
    assert [names for *_, names in pool.jobs] == [("bsseval", "levels", "leakage"), ("leakage",)]
    assert second == first


def test_processes_give_what_this_process_gives(tmp_path, rng):
    for name in ("one", "two"):
        write_noise_song(tmp_path / "data" / name, rng)
    here = evaluate(passages(tmp_path / "data"), [Mixture()], tmp_path / "here", Here())
    there = evaluate(passages(tmp_path / "data"), [Mixture()], tmp_path / "there")
    assert [result.song for result in there] == ["one", "two"]
    for ours, theirs in zip(here, there, strict=True):
        assert ours.figure("vocals", "SDR") == pytest.approx(theirs.figure("vocals", "SDR"), abs=1e-6)


def test_a_broken_song_and_a_broken_model_are_named_when_the_others_are_done(tmp_path, rng):
    for name in ("good", "bad", "short"):
        write_noise_song(tmp_path / "data" / name, rng, seconds=0.5 if name == "short" else 2)
    (tmp_path / "data" / "bad" / "vocals.wav").write_text("la la la")
    with pytest.raises(TrainerError) as error:
        evaluate(passages(tmp_path / "data"), [Mixture(), Broken()], tmp_path / "cache")
    text = str(error.value)
    assert text.startswith("5 of 6 scores failed")
    assert text.count("bad: ") == text.count("short: ") == text.count("good by broken: ") == 1
    assert all(words in text for words in ("vocals.wav", "0.50 s long", "NaN"))
    assert "\n" not in text
    assert len(list((tmp_path / "cache").glob("*.json"))) == len(families())


@pytest.mark.parametrize("level_db", [0, -10])
def test_a_mixture_that_is_not_the_sum_is_told_with_its_distance(rng, level_db):
    vocals, accompaniment = (0.1 * rng.standard_normal((2, 1, 8000))).astype(np.float32)
    whole = vocals + accompaniment
    extra = (10 ** (level_db / 20) * np.std(whole) * rng.standard_normal((1, 8000))).astype(np.float32)
    ratio_db = 10 * np.log10(((whole + extra) ** 2).sum() / (extra**2).sum())
    with pytest.raises(SongError, match=rf"not the sum of its stems \(they agree to {ratio_db:.1f} dB"):
        check_sum(References(whole + extra, vocals, accompaniment, 8000))
    check_sum(References(whole + 0.01 * extra, vocals, accompaniment, 8000))
    check_sum(References(0 * whole, 0 * whole, 0 * whole, 8000))


def test_a_killed_worker_is_told_and_what_is_done_is_kept(tmp_path):
    pool = LocalPool(1)
    outcomes = pool.run(_kill_self_at, [(0,), (1,)])
    assert next(outcomes) == (0, "done")
    with pytest.raises(TrainerError, match=r"worker process was killed.*run the same command again"):
        next(outcomes)


def _kill_self_at(number):
    if number:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def test_ctrl_c_stops_at_once_and_leaves_no_half_file(tmp_path, rng):
    for index in range(8):
        write_noise_song(tmp_path / "data" / f"song {index}", rng, seconds=120)
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
    finished = list(report.rglob("*.json"))
    assert len(finished) < 8 * len(families())
    assert all("figures" in json.loads(path.read_text()) for path in finished)
    assert not list(report.rglob(".*.json"))
