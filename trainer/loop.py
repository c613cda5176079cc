"""The training loop: resumable, on one process or many, on a budget of steps or of wall-clock time."""

from __future__ import annotations

import dataclasses
import math
import signal
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from trainer import distributed
from trainer.checkpoint import WEIGHTS, code_version, load_checkpoint, load_weights, save_checkpoint
from trainer.config import Config
from trainer.curves import LearningCurve
from trainer.data.mixing import Batch, ExampleMixer
from trainer.data.recordings import Recording, Source, find_recordings
from trainer.losses import PhaseAwareLoss
from trainer.model import CausalDualPathRnn
from trainer.spectral import Stft
from trainer.validation import Scores, Validator

LAST, BEST = "last.safetensors", "best.safetensors"
_CUDA_WORKERS = 12


class Trainer:
    """One run in one folder: `last.safetensors` to resume from, `best.safetensors` to export."""

    def __init__(self, config: Config, sources: Sequence[Source], run: Path, device: torch.device) -> None:
        self.config, self.sources, self.run, self.device = config, sources, run, device
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.optimizer.seed)
        self.model = CausalDualPathRnn(config).to(device)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), config.optimizer.learning_rate, weight_decay=config.optimizer.weight_decay,
            betas=(0.9, 0.98), fused=True,
        )
        self.loss = PhaseAwareLoss(config.loss).to(device)
        self.stft = Stft(config.stft, device)
        self.step, self.seconds, self.best_db = 0, 0.0, -math.inf

    def fit(self) -> bool:
        """Train until the budget is spent; return False where the user stopped it before."""
        recordings = self._recordings()
        held_out = set(self.config.validation_songs)
        validator = Validator([r for r in recordings if r.name in held_out], self.config, self.device)
        mixer = ExampleMixer([r for r in recordings if r.name not in held_out], self.config, distributed.rank())
        curve = LearningCurve(self.run, self.step) if distributed.rank() == 0 else None
        try:
            with _stop_requests() as stopped:
                return self._loop(mixer, validator, curve, stopped)
        finally:
            if curve is not None:
                curve.close()

    def _recordings(self) -> list[Recording]:
        if distributed.rank() != 0:
            distributed.wait()  # the first process decodes, the others find its cache
        found = [
            recording
            for source in self.sources
            for recording in tqdm(find_recordings(source, self.config.sample_rate), desc=f"reading {source.folder.name}",
                                  unit=" recordings", disable=None if distributed.rank() == 0 else True)
        ]
        if distributed.rank() == 0:
            distributed.wait()
        return found

    def _loop(self, mixer: ExampleMixer, validator: Validator, curve: LearningCurve | None, stopped: list[bool]) -> bool:
        parallel = DistributedDataParallel(self.model) if distributed.world_size() > 1 else self.model
        workers = _CUDA_WORKERS if self.device.type == "cuda" else 0
        loader = DataLoader(mixer, batch_size=None, sampler=range(self.step, self.config.optimizer.steps),
                            num_workers=workers, persistent_workers=workers > 0, prefetch_factor=8 if workers else None)
        losses: list[Tensor] = []
        clock, before = time.monotonic(), self.seconds
        bar = tqdm(total=100, unit="%", desc=self.config.name, disable=None if curve else True,
                   bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}")
        finished, stop = self._progress() >= 1, False
        for batch in loader:
            self.seconds = before + time.monotonic() - clock
            progress, stop = distributed.from_first((self._progress(), float(stopped[0])), self.device)
            finished = progress >= 1
            if finished or stop:
                break
            losses.append(self._train_step(parallel, batch, progress))
            self.step += 1
            bar.n = 100 * progress
            bar.set_postfix_str(f"step {self.step}", refresh=True)
            if self.step % self.config.optimizer.validate_every == 0:
                self._validate(validator, curve, losses)
        else:
            finished = True
        if losses:
            self._validate(validator, curve, losses)
        bar.close()
        return finished

    def _progress(self) -> float:
        optimizer = self.config.optimizer
        return self.seconds / (60 * optimizer.minutes) if optimizer.minutes else self.step / optimizer.steps

    def _train_step(self, model: torch.nn.Module, batch: Batch, progress: float) -> Tensor:
        optimizer = self.config.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = _learning_rate(self.config, self.step, progress)
        mixture, vocals = (audio.to(self.device, non_blocking=True) for audio in (batch.mixture, batch.vocals))
        spectrum = self.stft.forward(mixture)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=optimizer.autocast):
            with torch.no_grad():
                _, state = self.model(spectrum[..., : batch.warmup_frames, :])
            estimates, _ = model(spectrum[..., batch.warmup_frames :, :], state.float())
        estimates = self._band_limit(estimates[:, 0].float(), batch.bandwidth_hz.to(self.device))
        skipped = batch.warmup_frames * self.config.stft.hop_length
        # The last samples still lack frames to come, the first ones lack those before the crop.
        tail = self.config.stft.synthesis_samples
        estimate = self.stft.inverse(estimates)[..., tail:-tail]
        reference, mixture = (audio[..., skipped + tail : -tail] for audio in (vocals, mixture))
        loss = self.loss(estimate, reference, mixture)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), optimizer.clip_norm)
        self.optimizer.step()
        self._update_average()
        return loss.detach()

    def _band_limit(self, estimates: Tensor, bandwidth_hz: Tensor) -> Tensor:
        """Silence estimates above the bandwidth of their references, where nothing is known about the truth."""
        frequencies = torch.linspace(0, self.config.sample_rate / 2, self.config.stft.bins, device=estimates.device)
        known = frequencies[None, :] <= bandwidth_hz[:, None]
        return estimates * known[:, None, :, None, None]

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.optimizer.ema, (1 + self.step) / (10 + self.step))
        current = self.model.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [current[name] for name in self.average], 1 - decay)

    def _validate(self, validator: Validator, curve: LearningCurve | None, losses: list[Tensor]) -> None:
        current = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        scores = validator.score(self.model.eval())
        self.model.train().load_state_dict(current)
        if curve is not None:
            loss = float(torch.stack(losses).mean())
            curve.add({"step": self.step, "minutes": self.seconds / 60, "loss": loss, **dataclasses.asdict(scores)})
            tqdm.write(f"step {self.step}  {self.seconds / 60:.1f} min  loss {loss:.4f}  validation SDR vocals "
                       f"{scores.vocals_db:.2f} dB  accompaniment {scores.accompaniment_db:.2f} dB")
        losses.clear()
        self._save(scores)

    def _save(self, scores: Scores) -> None:
        better = scores.vocals_db > self.best_db
        self.best_db = max(self.best_db, scores.vocals_db)
        if distributed.rank() != 0:
            return
        about = self._about(scores)
        weights = {WEIGHTS + name: value for name, value in self.average.items()}
        if better:
            save_checkpoint(self.run / BEST, weights, about)
        current = {f"current.{name}": value for name, value in self.model.state_dict().items()}
        moments = {
            f"optimizer.{index}.{name}": value
            for index, entries in self.optimizer.state_dict()["state"].items() for name, value in entries.items()
        }
        save_checkpoint(self.run / LAST, weights | current | moments, about)

    def _about(self, scores: Scores) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "data": [dataclasses.asdict(source) | {"folder": str(source.folder)} for source in self.sources],
            "commit": code_version(),
            "step": self.step,
            "seconds": self.seconds,
            "best_db": self.best_db,
            "validation": dataclasses.asdict(scores),
        }

    def resume(self, path: Path) -> None:
        """Take up weights, their average, optimizer and counters where a checkpoint left them.

        Raises:
            TrainerError: The checkpoint is damaged or of another preset.
        """
        tensors, about = load_checkpoint(path)
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "current": {}, "optimizer": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor.to(self.device)
        load_weights(self.model, parts["weights"], path)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        load_weights(self.model, parts["current"], path)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
        self.step, self.seconds, self.best_db = about["step"], about["seconds"], about["best_db"]


def _learning_rate(config: Config, step: int, progress: float) -> float:
    optimizer = config.optimizer
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    annealed = optimizer.final_learning_rate + cosine * (optimizer.learning_rate - optimizer.final_learning_rate)
    return annealed * min(1.0, (step + 1) / optimizer.warmup_steps)


@contextmanager
def _stop_requests():
    """Yield a list whose first item turns true when the user or the system asks to stop; a second Ctrl-C ends at once."""
    stopped = [False]

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stopped[0] and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped[0] = True

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
