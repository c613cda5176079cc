"""How fast a training runs: audio per second, and the share of what the machine could do."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from trainer import distributed
from trainer.architectures import build_network
from trainer.config import Config
from trainer.guide import Guide

_FRAMES = 4  # the cost of a frame does not depend on how many there are
# A backward pass multiplies twice as often as a forward one: once for the inputs, once for the weights.
_BACKWARD = 2
# Square matrices large enough to be limited by arithmetic, small enough to take no time worth mentioning.
_PEAK_SIZE = {"cuda": 8192, "cpu": 1024}
_PEAK_TRIES = 5


@dataclass(frozen=True)
class Throughput:
    """Seconds of audio trained on per second, and the share of the machine's peak in 0 to 1 that takes."""

    audio_s_per_s: float
    peak_share: float

    def __str__(self) -> str:
        return f"{self.audio_s_per_s:.1f} audio-s/s, {self.peak_share:.1%} of peak"


class Meter:
    """Relates the audio trained on to the time it took; `restart` leaves out what is no training."""

    def __init__(self, config: Config, device: torch.device) -> None:
        self._config = config
        dtype = torch.bfloat16 if config.optimizer.autocast else torch.float32
        self._full_speed = measure_peak(device, dtype) / sum(macs_per_audio_s(config))
        self.restart()

    def restart(self) -> None:
        """Begin again."""
        self._begin, self._audio_s = time.perf_counter(), 0.0

    def add(self, mixture: Tensor, warmup_frames: int) -> None:
        """Count one step on waveforms `(batch, channels, samples)`, less the frames no loss was taken on."""
        examples, _, samples = mixture.shape
        stft = self._config.stft
        self._audio_s += examples * (samples - warmup_frames * stft.hop_length) / self._config.sample_rate

    def read(self) -> Throughput:
        """Return the averages since the last restart, without waiting for the device; all processes are alike."""
        rate = self._audio_s / (time.perf_counter() - self._begin)
        return Throughput(distributed.world_size() * rate, rate / self._full_speed)


def macs_per_audio_s(config: Config) -> tuple[float, float]:
    """Return the multiply-accumulates of the network's matrix products forward and backward, per second of audio.

    A guide is not trained with the network, so it only runs forward.
    """
    frames = _FRAMES * config.model.chunk_frames
    network = build_network(config).eval()
    mixture = torch.zeros(1, config.channels, config.stft.bins, frames, 2)
    counted = {torch.ops.aten.mkldnn_rnn_layer: _recurrent_flops}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=counted) as counter:
        network(mixture)
    audio_s = frames * config.stft.hop_length / config.sample_rate
    root, counts = type(network).__name__, counter.get_flop_counts()
    guides = [f"{root}.{name}" for name, module in network.named_modules() if isinstance(module, Guide)]
    untrained = sum(sum(counts[name].values()) for name in guides)
    forward = counter.get_total_flops()
    return forward / 2 / audio_s, _BACKWARD * (forward - untrained) / 2 / audio_s


def _recurrent_flops(rows: torch.Size, *others: Any, **_: Any) -> int:
    """Count one direction of a recurrent layer, which processors run as one operation."""
    steps, sequences, _features = rows
    return 2 * steps * sequences * sum(math.prod(weight) for weight in others[:2])


def measure_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Return the multiply-accumulates per second of a large matrix product, the best of a few."""
    size = _PEAK_SIZE[device.type]
    left, right = torch.ones(2, size, size, dtype=dtype, device=device)
    times_s = []
    for _ in range(_PEAK_TRIES):
        begin = time.perf_counter()
        float((left @ right)[0, 0])  # waits for the device
        times_s.append(time.perf_counter() - begin)
    return size**3 / min(times_s)
