"""The speed of a training is audio over time, and its share of the peak follows from what the network multiplies."""

import itertools
import json
from types import SimpleNamespace

import pytest
import torch

from tests.training import tiny_config
from trainer import throughput
from trainer.__main__ import main
from trainer.config import load_preset
from trainer.model import CausalDualPathRnn
from trainer.throughput import Meter, macs_per_audio_s


@pytest.fixture(autouse=True)
def one_thread():
    """Leave the other cores to others; waiting for them would be most of the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def macs_per_frame(config) -> int:
    """Count by hand: a path's weights meet every band of a frame, those of a band only their own."""
    model = CausalDualPathRnn(config)
    return sum(
        weight.numel() * (model.bands if name.startswith(("inter", "intra")) else 1)
        for name, weight in model.named_parameters()
        if weight.dim() > 1 and "bias" not in name
    )


def test_multiplications_are_those_of_the_weights():
    config = tiny_config()
    frames_per_s = config.sample_rate / config.stft.hop_length
    # To follow the level takes a few more, which belong to no weight.
    forward, backward = macs_per_audio_s(config)
    assert forward == pytest.approx(macs_per_frame(config) * frames_per_s, rel=1e-4)
    assert backward == 2 * forward


def test_a_guide_is_not_trained_with_the_network():
    forward, backward = macs_per_audio_s(load_preset("guided"))
    alone, _ = macs_per_audio_s(load_preset("guided", ["model.guide=", "model.presence="]))
    assert forward > 10 * alone
    # What listens to the guide is a small part more.
    assert 2 * alone < backward < 4 * alone


def test_the_meter_relates_audio_to_time(monkeypatch):
    ticks = itertools.count()  # a second between any two looks at the clock
    monkeypatch.setattr(throughput, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    config = tiny_config()
    meter = Meter(config, torch.device("cpu"))
    warmup_frames, scored_frames = 4, 10
    for _ in range(3):
        meter.add(torch.zeros(2, 2, (warmup_frames + scored_frames) * config.stft.hop_length), warmup_frames)
    read = meter.read()
    audio_s = 3 * 2 * scored_frames * config.stft.hop_length / config.sample_rate
    assert read.audio_s_per_s == pytest.approx(audio_s)
    # At a peak of one product of 1024 x 1024 matrices a second, forward once and backward twice.
    assert read.peak_share == pytest.approx(audio_s * sum(macs_per_audio_s(config)) / 1024**3)
    meter.restart()
    assert meter.read().audio_s_per_s == 0


def test_every_validation_of_a_run_tells_its_speed(preset, songs, tmp_path):
    assert main(["fit", str(preset), "--data", str(songs), "-o", str(tmp_path / "run")]) == 0
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert len(lines) == 2
    for point in map(json.loads, lines):
        assert point["audio_s_per_s"] > 0
        assert point["peak_share"] > 0
