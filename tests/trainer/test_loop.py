"""A run learns, stops, resumes where it stopped, and may be spread over processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training import tiny_config
from trainer.__main__ import main
from trainer.checkpoint import load_checkpoint, load_model
from trainer.data.recordings import Source, find_recordings
from trainer.loop import Trainer, split_recordings
from trainer.validation import Validator

ROOT = Path(__file__).parents[2]


def fit(*words: object) -> int:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, so that runs can be compared bit for bit
    try:
        return main(["fit", *map(str, words)])
    finally:
        torch.set_num_threads(threads)


def history(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def test_a_small_model_overfits_four_seconds(preset, songs, tmp_path):
    settings = [
        "optimizer.steps=60",
        "optimizer.validate_every=60",
        "optimizer.batch_size=1",
        "optimizer.learning_rate=1e-2",
        "mixing.crop_s=1.5",
        "mixing.gain_db=0.0",
        "model.features=24",
        "model.blocks=1",
    ]
    assert fit(preset, "--data", songs, "-o", tmp_path / "run", *settings) == 0
    assert history(tmp_path / "run")[-1]["vocals_db"] > 15


def test_a_resumed_run_ends_bit_for_bit_where_an_unbroken_one_does(preset, songs, tmp_path, monkeypatch):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    settings = ["optimizer.validate_every=3", "mixing.augment=1.0", "mixing.long_warmup=0.5", "mixing.coherent=0.5"]
    assert fit(preset, "--data", songs, "-o", unbroken, *settings) == 0
    train_step = Trainer._train_step

    def train_step_then_interrupt(trainer, *args):
        loss = train_step(trainer, *args)
        if trainer.step == 1:
            signal.raise_signal(signal.SIGINT)
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", train_step_then_interrupt)
        assert fit(preset, "--data", songs, "-o", broken, *settings) == 130
    assert load_checkpoint(broken / "last.safetensors")[1]["step"] == 2
    assert fit("--resume", broken) == 0
    for name in ("last.safetensors", "best.safetensors"):
        expected, found = (load_checkpoint(run / name) for run in (unbroken, broken))
        assert found[1]["step"] == expected[1]["step"]
        assert expected[0].keys() == found[0].keys()
        assert all(torch.equal(expected[0][key], found[0][key]) for key in expected[0])


def test_songs_held_out_are_never_trained_on(songs):
    recordings = list(find_recordings(Source(songs), 44100))
    training, validation = split_recordings(recordings, tiny_config())
    assert [r.name for r in training] == ["song"]
    assert sorted(r.name for r in validation) == ["held out", "held out too"]


def test_a_run_may_begin_with_the_weights_of_another(preset, songs, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert fit(preset, "--data", songs, "-o", first) == 0
    frozen = ["optimizer.learning_rate=0.0", "optimizer.final_learning_rate=0.0", "optimizer.weight_decay=0.0"]
    assert fit(preset, "--data", songs, "-o", second, "--weights", first / "last.safetensors", *frozen) == 0
    before, after = (load_model(run / "last.safetensors")[0].state_dict() for run in (first, second))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_two_processes_train_one_model(preset, songs, tmp_path):
    run = tmp_path / "run"
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "trainer",
        "fit",
        preset,
        "--data",
        songs,
        "-o",
        run,
    ]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [point["step"] for point in history(run)] == [2, 4]
    model, about = load_model(run / "best.safetensors")
    held_out = split_recordings(list(find_recordings(Source(songs), 44100)), tiny_config())[1]
    alone = Validator(held_out, tiny_config(), torch.device("cpu")).score(model)
    assert alone.vocals_db == pytest.approx(about["validation"]["vocals_db"], abs=1e-3)


def test_ctrl_c_saves_and_says_how_to_go_on(preset, songs, tmp_path):
    run = tmp_path / "run"
    words = [sys.executable, "-m", "trainer", "fit", preset, "--data", songs, "-o", run, "optimizer.steps=100000"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (run / "last.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"--resume {run}" in output
    assert "Traceback" not in errors
    step = load_checkpoint(run / "last.safetensors")[1]["step"]
    assert fit("--resume", run, "--minutes", 1e-9) == 0
    assert load_checkpoint(run / "last.safetensors")[1]["step"] == step


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nonsense", "--data", "songs"], "nonsense"),
        (["tiny.toml"], "--data"),
        (["tiny.toml", "--data", "missing"], "missing"),
        (["tiny.toml", "--data", "songs", "optimizer.nonsense=1"], "optimizer.nonsense"),
        (["tiny.toml", "--data", "songs", "--minutes", "-5"], "--minutes"),
        (["tiny.toml", "--data", "songs", "-o", "tiny.toml"], "tiny.toml"),
        (["tiny.toml", "--data", "songs", "--weights", "tiny.toml"], "tiny.toml"),
        (["tiny.toml", "--data", "songs", "validation_songs=[]"], "validation_songs"),
        (["tiny.toml", "--data", "accompaniment=songs"], "songs"),
        (["--resume", "songs"], "last.safetensors"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_get_one_sentence(words, named, preset, songs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert fit(*words) == 2
    [sentence] = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("reading")]
    assert named in sentence
