"""Checkpoints are whole, safe to load, and refuse other presets and strangers."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.checkpoints import write_checkpoint
from tests.training import tiny_config
from trainer.checkpoint import load_model
from trainer.errors import TrainerError
from trainer.model import CausalDualPathRnn

ROOT = Path(__file__).parents[2]


def test_a_checkpoint_reads_back_bit_for_bit(tmp_path):
    model = CausalDualPathRnn(tiny_config())
    write_checkpoint(tmp_path / "model.safetensors", model, model.config)
    read, _ = load_model(tmp_path / "model.safetensors")
    assert read.config == model.config
    assert all(torch.equal(value, read.state_dict()[name]) for name, value in model.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_weights_of_another_preset_are_refused(tmp_path):
    write_checkpoint(tmp_path / "model.safetensors", CausalDualPathRnn(tiny_config(features=16)), tiny_config())
    with pytest.raises(TrainerError, match=r"model\.safetensors.*another preset"):
        load_model(tmp_path / "model.safetensors")


def test_strange_files_are_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "stranger.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors", {"unsing": '{"config": {}}'})
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps({"x": 1}))
    (tmp_path / "empty.safetensors").touch()
    for name in ("stranger", "foreign", "pickle", "empty", "missing"):
        with pytest.raises(TrainerError, match=rf"{name}\.safetensors"):
            load_model(tmp_path / f"{name}.safetensors")


def test_a_full_disk_is_said_in_one_sentence_and_leaves_nothing(tmp_path):
    """Run in a process of its own, whose files may not grow beyond 20 kB."""
    script = f"""
import resource, signal
from pathlib import Path
from tests.checkpoints import write_checkpoint
from tests.training import tiny_config
from trainer.errors import TrainerError
from trainer.model import CausalDualPathRnn
model = CausalDualPathRnn(tiny_config())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_checkpoint(Path({str(tmp_path / "model.safetensors")!r}), model, model.config)
except TrainerError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "model.safetensors: cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []
