"""A real Dask scheduler and real workers on this machine."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.songs import write_noise_song
from trainer.data.songs import find_songs
from trainer.errors import TrainerError
from trainer.evaluate.estimators import Mixture
from trainer.evaluate.metrics import families
from trainer.evaluate.protocols import Passage
from trainer.evaluate.runner import evaluate
from trainer.evaluate.scheduler import DaskPool

ROOT = Path(__file__).parents[2]


def start(log, *arguments):
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Cluster(NamedTuple):
    address: str
    scheduler: subprocess.Popen
    workers: list[subprocess.Popen]


@pytest.fixture
def cluster(tmp_path):
    """Start a scheduler and two workers."""
    place, logs = tmp_path / "scheduler.json", [tmp_path / f"{name}.log" for name in ("scheduler", "one", "two")]
    options = ("--no-dashboard", "--scheduler-file", str(place))
    processes = [start(logs[0], "distributed.cli.dask_scheduler", "--host=127.0.0.1", "--port=0", *options)]
    try:
        wait_for(place.exists)
        processes += [
            start(log, "distributed.cli.dask_worker", "--no-nanny", "--nthreads=1", *options) for log in logs[1:]
        ]
        wait_for(lambda: all("Registered to" in log.read_text() for log in logs[1:]))
        yield Cluster(json.loads(place.read_text())["address"], processes[0], processes[1:])
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Killer:
    """A Dask pool of which one process is killed as soon as one job is done."""

    def __init__(self, address, process):
        self._pool, self._process = DaskPool(address), process

    def run(self, function, jobs):
        for outcome in self._pool.run(function, jobs):
            yield outcome
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()


@pytest.fixture
def passages(tmp_path, rng):
    for index in range(6):
        write_noise_song(tmp_path / "data" / f"song {index}", rng, seconds=4)
    return [Passage(song) for song in find_songs(tmp_path / "data")]


def test_a_worker_killed_on_the_way_loses_no_result(tmp_path, passages, cluster):
    results = evaluate(passages, [Mixture()], tmp_path / "cluster", Killer(cluster.address, cluster.workers[0]))
    assert cluster.workers[0].poll() is not None
    assert cluster.workers[1].poll() is None
    assert [result.song for result in results] == [passage.name for passage in passages]
    assert len(list((tmp_path / "cluster").glob("*.json"))) == len(passages) * len(families())
    for here, there in zip(evaluate(passages, [Mixture()], tmp_path / "local"), results, strict=True):
        assert here.figure("vocals", "SDR") == pytest.approx(there.figure("vocals", "SDR"), abs=1e-6)


def test_a_song_that_fails_there_is_told_here(tmp_path, passages, cluster):
    (tmp_path / "data" / "song 3" / "vocals.wav").write_text("la la la")
    with pytest.raises(TrainerError, match=r"1 of 6 scores failed.*song 3.*vocals\.wav"):
        evaluate(passages, [Mixture()], tmp_path / "cache", DaskPool(cluster.address))


def test_no_scheduler_is_one_sentence(tmp_path, passages, monkeypatch):
    monkeypatch.setattr("trainer.evaluate.scheduler.CONNECT_TIMEOUT_S", 1)
    started = time.monotonic()
    with pytest.raises(TrainerError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9") as error:
        evaluate(passages, [Mixture()], tmp_path / "cache", DaskPool("tcp://127.0.0.1:9"))
    assert "\n" not in str(error.value)
    assert time.monotonic() - started < 60
    with pytest.raises(TrainerError, match="no Dask scheduler at nonsense"):
        evaluate(passages, [Mixture()], tmp_path / "cache", DaskPool("nonsense"))


def test_without_dask_everything_else_works_and_the_option_says_what_is_missing():
    program = """
import sys
sys.modules["distributed"] = None
import trainer.evaluate.command
from trainer.errors import TrainerError
from trainer.evaluate.scheduler import DaskPool
try:
    DaskPool("tcp://127.0.0.1:9")
except TrainerError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert 'pip install "unsing[cluster]"' in done.stdout


def test_a_scheduler_lost_on_the_way_is_one_sentence_and_what_is_done_is_kept(tmp_path, passages, cluster):
    with pytest.raises(TrainerError, match="scheduler is gone; start it again") as error:
        evaluate(passages, [Mixture()], tmp_path / "cache", Killer(cluster.address, cluster.scheduler))
    assert "\n" not in str(error.value)
    assert len(list((tmp_path / "cache").glob("*.json"))) >= len(families())
