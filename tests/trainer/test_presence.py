"""Estimates fade where nobody sings, and stand where somebody does, between phrases too."""

import pytest
import torch
from safetensors.torch import save_file

from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.model import CausalDualPathRnn
from trainer.presence import BOTTOM_VALUES, HIDDEN, Presence, gain_of, read_detector, write_detector

FRAME_S = 2 * 512 / 44100


@pytest.fixture
def presence() -> Presence:
    return Presence(load_preset("guided"))


def gains(presence, *parts):
    """Follow chances that nobody sings, each for some seconds, from the start of a stream."""
    chances = torch.cat([torch.full((round(seconds / FRAME_S), 1), chance) for chance, seconds in parts])
    return gain_of(torch.cat(presence.follow(chances, torch.zeros(1, 1)), 1))[0]


def at(seconds):
    return round(seconds / FRAME_S)


def test_a_stream_begins_whole_and_fades_within_seconds_where_nobody_sings(presence):
    gain = gains(presence, (1.0, 6))
    assert (gain[: at(0.8)] == 1).all()
    assert (gain[at(4) :] == 0).all()
    assert (gain.diff() <= 0).all()


def test_a_singer_is_heard_within_syllables_however_long_nobody_sang(presence):
    gain = gains(presence, (1.0, 60), (0.0, 1))
    assert gain[at(60) - 1] == 0
    assert gain[at(60.25)] == 1


def test_a_singer_is_not_given_up_between_phrases(presence):
    assert (gains(presence, (0.0, 5), (1.0, 0.8), (0.0, 5)) == 1).all()


def test_a_single_doubt_changes_nothing(presence):
    assert (gains(presence, *[(0.0, 0.4), (1.0, 0.1)] * 20) == 1).all()


@torch.no_grad()
@pytest.mark.parametrize(("says", "silent"), [(-50.0, True), (50.0, False)], ids=["nobody sings", "somebody sings"])
def test_a_model_is_silent_while_nobody_sings(says, silent, tmp_path):
    path = tmp_path / "presence.safetensors"
    constant = {
        "hidden_weight": torch.zeros(HIDDEN, BOTTOM_VALUES),
        "hidden_bias": torch.zeros(HIDDEN),
        "output_weight": torch.zeros(1, HIDDEN),
        "output_bias": torch.tensor([says]),
    }
    write_detector(constant, path)
    torch.manual_seed(0)
    words = ["model.features=16", "model.blocks=1", f"model.presence='{path}'"]
    model = CausalDualPathRnn(load_preset("guided", words)).eval()
    state = {name: torch.zeros(shape) for name, shape in model.state_shapes().items()}
    state["guide_absence"] += 1
    estimates = model(torch.randn(1, 2, 2049, 40, 2), state)[0][..., -10:, :]
    assert (estimates.abs().max() < 1e-6) == silent


def test_a_file_holds_what_was_written(tmp_path):
    written = read_detector(load_preset("guided").model.presence_path)
    write_detector(written, tmp_path / "presence.safetensors")
    read = read_detector(tmp_path / "presence.safetensors")
    assert all(torch.equal(read[name], value) for name, value in written.items())


@pytest.mark.parametrize("content", [None, b"no tensors", "another"])
def test_what_is_no_detector_is_refused_by_name(content, tmp_path):
    path = tmp_path / "mine.safetensors"
    if content == "another":
        save_file({"hidden_weight": torch.zeros(3, 3)}, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainerError, match=r"mine\.safetensors.*trainer presence"):
        Presence(load_preset("guided", [f"model.presence='{path}'"]))


def test_only_a_guide_knows_who_sings():
    with pytest.raises(TrainerError, match=r"model\.presence"):
        load_preset("lite", ["model.presence=presence.safetensors"])
