"""A search tries what it was told to, for the same time each, goes on where it was stopped, and names the best."""

import csv
import itertools
import signal
from types import SimpleNamespace

import pytest
import torch

from trainer import loop
from trainer.__main__ import main
from trainer.checkpoint import load_checkpoint
from trainer.errors import TrainerError
from trainer.loop import Trainer
from trainer.search.space import Choice, Range, Space

STEP_S = 6


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Let every step take six seconds, so that a budget means the same on any machine."""
    ticks = itertools.count(step=STEP_S)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(ticks)))


@pytest.fixture
def words(preset, songs, tmp_path):
    return [preset, "--data", songs, "-o", tmp_path / "study"]


@pytest.fixture
def table(tmp_path):
    def read() -> list[dict[str, str]]:
        with (tmp_path / "study" / "results.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return read


def search(*words: object) -> int:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, so that every run is the same on any machine
    try:
        return main(["search", *map(str, words)])
    finally:
        torch.set_num_threads(threads)


def test_a_grid_tries_every_combination_for_the_same_time_and_names_the_best(words, table, tmp_path, capsys):
    settings = ["optimizer.seed=0,1", "optimizer.learning_rate=1e-2,1e-12", "optimizer.validate_every=9"]
    assert search(*words, "--minutes", 0.4, *settings) == 0
    rows = table()
    tried = {(row["optimizer.seed"], row["optimizer.learning_rate"]) for row in rows}
    assert tried == {("0", "1e-2"), ("0", "1e-12"), ("1", "1e-2"), ("1", "1e-12")}
    assert {float(row["minutes"]) for row in rows} == {0.4}
    scores_db = [float(row["vocals SDR (dB)"]) for row in rows]
    assert scores_db == sorted(scores_db, reverse=True)
    best = tmp_path / "study" / rows[0]["run"]
    assert str(best) in capsys.readouterr().out
    about = load_checkpoint(best / "best.safetensors")[1]
    assert about["best_db"] == pytest.approx(scores_db[0])
    assert about["config"]["optimizer"]["learning_rate"] == float(rows[0]["optimizer.learning_rate"])
    for picture in ("learning_curves.png", "scores.png"):
        assert (tmp_path / "study" / picture).read_bytes().startswith(b"\x89PNG")


def test_a_hopeless_trial_is_given_up(words, table):
    settings = [
        "optimizer.learning_rate=1e-2,8e-3,6e-3,1e-12",
        "optimizer.warmup_steps=1",
        "optimizer.validate_every=4",
    ]
    assert search(*words, "--minutes", 1, *settings) == 0
    outcomes = {row["optimizer.learning_rate"]: row["outcome"] for row in table()}
    assert outcomes == {"1e-2": "finished", "8e-3": "finished", "6e-3": "finished", "1e-12": "pruned"}


def test_what_was_stopped_goes_on_in_the_same_run(words, monkeypatch, tmp_path, capsys):
    train_step = Trainer._train_step

    def train_step_then_interrupt(trainer, *args):
        loss = train_step(trainer, *args)
        if trainer.step in (1, 3):
            signal.raise_signal(signal.SIGINT)
        return loss

    monkeypatch.setattr(Trainer, "_train_step", train_step_then_interrupt)
    last = tmp_path / "study" / "000" / "last.safetensors"
    for steps in (2, 4):
        assert search(*words, "--minutes", 60, "optimizer.seed=0,1") == 130
        assert load_checkpoint(last)[1]["step"] == steps
    assert not (tmp_path / "study" / "001").exists()
    assert search(*words, "--minutes", 60, "optimizer.seed=0,2") == 2
    assert "optimizer.seed=0,1" in capsys.readouterr().err


def test_ranges_are_sampled_within_their_ends(words, table):
    settings = ["optimizer.learning_rate=1e-4..1e-2:log", "optimizer.batch_size=1..2"]
    assert search(*words, "--minutes", 0.1, "--trials", 2, *settings) == 0
    rows = table()
    assert len({row["optimizer.learning_rate"] for row in rows}) == 2
    for row in rows:
        assert 1e-4 <= float(row["optimizer.learning_rate"]) <= 1e-2
        assert row["optimizer.batch_size"] in ("1", "2")


def test_settings_read_as_those_of_a_training(preset):
    settings = [
        "optimizer.seed=3",
        'validation_songs=["a, b", "c"]',
        "model.bands=[[16, 4], [10, 16]], [[8, 8]]",
        "optimizer.learning_rate=1e-4..1e-2:log",
        "mixing.gain_db=2..8",
        "optimizer.batch_size=4..16",
    ]
    space = Space.parse(str(preset), settings)
    assert space.fixed == tuple(settings[:2])
    assert space.dimensions == (
        Choice("model.bands", ("[[16, 4], [10, 16]]", "[[8, 8]]")),
        Range("optimizer.learning_rate", 1e-4, 1e-2, integer=False, log=True),
        Range("mixing.gain_db", 2.0, 8.0, integer=False, log=False),
        Range("optimizer.batch_size", 4, 16, integer=True, log=False),
    )
    config = space.config({"model.bands": "[[8, 8]]", "optimizer.batch_size": 5})
    assert config.model.bands == ((8, 8),)
    assert (config.optimizer.seed, config.optimizer.batch_size) == (3, 5)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("optimizer.nonsense=1,2", "optimizer.nonsense"),
        ("optimizer.nonsense=1..2", "optimizer.nonsense"),
        ("optimizer.seed=", "optimizer.seed="),
        ("optimizer.seed=1,,2", "optimizer.seed="),
        ("optimizer.seed=3", "several values"),
        ("optimizer.batch_size=0,1", "batch_size"),
        ("optimizer.batch_size=1..2.5", "whole"),
        ("optimizer.learning_rate=1..0.1", "LOW"),
        ("optimizer.learning_rate=0..0.1:log", "LOW"),
    ],
)
def test_wrong_settings_are_named(preset, setting, named):
    with pytest.raises(TrainerError, match=named):
        Space.parse(str(preset), [setting]).check()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nonsense", "--data", "songs", "optimizer.seed=0,1"], "nonsense"),
        (["tiny.toml", "--data", "missing", "optimizer.seed=0,1"], "missing"),
        (["tiny.toml", "--data", "optimizer.seed=0,1"], "--data"),
        (["tiny.toml", "--data", "songs", "optimizer.nonsense=0,1"], "optimizer.nonsense"),
        (["tiny.toml", "--data", "songs"], "nothing to search"),
        (["tiny.toml", "--data", "songs", "optimizer.seed=0..9", "--sampler", "grid"], "--sampler"),
        (["tiny.toml", "--data", "songs", "optimizer.seed=0,1", "--trials", "0"], "--trials"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_get_one_sentence(words, named, preset, songs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert search(*words, "--minutes", 1, "-o", "study") == 2
    [sentence] = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("reading")]
    assert named in sentence
