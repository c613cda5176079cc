"""The training loop: resumable, on one process or many, on a budget of steps or of wall-clock time."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from trainer import distributed
from trainer.architectures import acquaint, build_network, fitted
from trainer.checkpoint import (
    BEGUN_WITH,
    CURRENT,
    OPTIMIZER,
    WEIGHTS,
    code_version,
    load_checkpoint,
    load_weights,
    save_checkpoint,
)
from trainer.config import Config
from trainer.curves import LearningCurve
from trainer.data.mixing import Batch, ExampleMixer
from trainer.data.recordings import Recording, decode_all, find_originals
from trainer.data.sources import Source
from trainer.losses import PhaseAwareLoss
from trainer.memory import keep_freed_memory
from trainer.outputs import make_folder
from trainer.schedule import average_decay, learning_rate, progress_bar
from trainer.spectral import Stft
from trainer.stopping import stop_requests
from trainer.throughput import Meter
from trainer.validation import Validator

LAST, BEST = "last.safetensors", "best.safetensors"
_ACQUAINTANCES = 128  # examples a new network may look at before the first step


class Trainer:
    """One run in one folder: `last.safetensors` to resume from, `best.safetensors` to export."""

    def __init__(self, config: Config, sources: Sequence[Source], folder: Path, device: torch.device) -> None:
        self.config, self.sources, self.folder, self.device = config, sources, folder, device
        if distributed.rank() == 0:
            make_folder(folder)
        if device.type == "cpu":
            keep_freed_memory()
        self.commit = code_version()
        torch.manual_seed(config.optimizer.seed)
        self.model = build_network(config).to(device)
        self.average = self._copy_of_weights()
        self._new = True
        self._begun_with: list[dict[str, Any]] = []  # data that the weights it began with were trained on
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            config.optimizer.learning_rate,
            weight_decay=config.optimizer.weight_decay,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.loss = PhaseAwareLoss(config.loss).to(device)
        self.stft = Stft(config.stft, device)
        self.step, self.seconds = 0, 0.0
        self.scores: dict[str, float] = {}  # of the last validation
        self.best_db: float | None = None

    def fit(self, watch: Callable[[], None] = lambda: None) -> bool:
        """Train until the budget is spent; return False where the user stopped it before.

        Args:
            watch: Called after every validation but the last; what it raises ends the run, which can be resumed.
        """
        recordings = self._recordings()
        training, validation = split_recordings(recordings, self.config)
        validator = Validator(validation, self.config, self.device)
        mixer = ExampleMixer(training, self.config, self.device)
        if self._new:
            self._acquaint(mixer)
        curve = LearningCurve(self.folder, self.step) if distributed.rank() == 0 else None
        try:
            with stop_requests() as stopped:
                return self._loop(mixer, validator, curve, stopped, watch)
        finally:
            if curve is not None:
                curve.close()

    def _acquaint(self, mixer: ExampleMixer) -> None:
        batches = range(-(-_ACQUAINTANCES // self.config.optimizer.batch_size))
        acquaint(self.model, (self.stft.forward(mixer.batch(index).mixture) for index in batches))
        self.average = self._copy_of_weights()

    def _recordings(self) -> list[Recording]:
        if distributed.rank() != 0:
            distributed.wait()  # the first process decodes, the others find its cache
        found = [
            recording
            for source in self.sources
            for originals in [find_originals(source)]
            for recording in tqdm(
                decode_all(originals, self.config.sample_rate),
                total=len(originals),
                desc=f"reading {source.folder.name}",
                unit=" recordings",
                disable=None if distributed.rank() == 0 else True,
            )
        ]
        if distributed.rank() == 0:
            distributed.wait()
        return found

    def _loop(
        self,
        mixer: ExampleMixer,
        validator: Validator,
        curve: LearningCurve | None,
        stopped: threading.Event,
        watch: Callable[[], None],
    ) -> bool:
        parallel = DistributedDataParallel(self.model) if distributed.world_size() > 1 else self.model
        losses: list[Tensor] = []
        meter = Meter(self.config, self.device)
        clock, before = time.monotonic(), self.seconds
        bar = progress_bar(self.config.name, self._progress(), disable=None if curve else True)
        finished = False
        for batch in (mixer.batch(step, distributed.rank()) for step in itertools.count(self.step)):
            self.seconds = before + time.monotonic() - clock
            progress, stop = distributed.from_first((self._progress(), float(stopped.is_set())), self.device)
            finished = progress >= 1
            if finished or stop:
                break
            losses.append(self._train_step(parallel, batch, progress))
            meter.add(batch.mixture, batch.warmup_frames)
            self.step += 1
            bar.n = 100 * progress
            bar.set_postfix_str(f"step {self.step}, {meter.read()}", refresh=True)
            if self.step % self.config.optimizer.validate_every == 0:
                self._validate(validator, curve, losses, meter)
                watch()
                meter.restart()
        if finished and losses:
            self._validate(validator, curve, losses, meter)
        elif losses:
            self._save_last()
        bar.close()
        return finished

    def _progress(self) -> float:
        optimizer = self.config.optimizer
        return self.seconds / (60 * optimizer.minutes) if optimizer.minutes else self.step / optimizer.steps

    def _train_step(self, model: torch.nn.Module, batch: Batch, progress: float) -> Tensor:
        optimizer = self.config.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step, progress)
        # What is dropped depends on the step alone, so that a resumed run goes on as an unbroken one.
        torch.manual_seed(hash((optimizer.seed, self.step, distributed.rank())))
        mixture, vocals = batch.mixture, batch.vocals
        spectrum = self.stft.forward(mixture)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=optimizer.autocast):
            with torch.no_grad():
                _, state = self.model.eval()(spectrum[..., : batch.warmup_frames, :])
            self.model.train()
            state = {name: value.float() for name, value in state.items()}
            estimates, _ = model(spectrum[..., batch.warmup_frames :, :], state)
        estimates = estimates[:, 0, :, :, self.config.model.lookahead_hops :]
        estimates = self._band_limit(estimates.float(), batch.bandwidth_hz)
        skipped = batch.warmup_frames * self.config.stft.hop_length
        # The last samples still lack frames to come, the first ones lack those before the crop.
        tail = self.config.stft.synthesis_samples
        estimate = self.stft.inverse(estimates)[..., tail:-tail]
        reference, mixture = (audio[..., skipped + tail :][..., : estimate.shape[-1]] for audio in (vocals, mixture))
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
        decay = average_decay(self.config, self.step)
        current = self.model.state_dict()
        numbers = [name for name, value in self.average.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.average[name] for name in numbers], [current[name] for name in numbers], 1 - decay)
        self.average |= {name: value.clone() for name, value in current.items() if name not in numbers}

    def _validate(self, validator: Validator, curve: LearningCurve | None, losses: list[Tensor], meter: Meter) -> None:
        loss = float(torch.stack(losses).mean())  # waits for the device, so that the meter tells the truth
        throughput = dataclasses.asdict(meter.read())
        current = self._copy_of_weights()
        self.model.load_state_dict(self.average)
        scores = validator.score(self.model.eval())
        self.model.train().load_state_dict(current)
        if curve is not None:
            point = {"step": self.step, "minutes": self.seconds / 60, "loss": loss}
            curve.add(point | dataclasses.asdict(scores) | throughput)
            tqdm.write(
                f"step {self.step}  {self.seconds / 60:.1f} min  loss {loss:.4f}  validation SDR vocals "
                f"{scores.vocals_db:.2f} dB  accompaniment {scores.accompaniment_db:.2f} dB"
            )
        losses.clear()
        self.scores = dataclasses.asdict(scores)
        if self.best_db is None or scores.vocals_db > self.best_db:
            self.best_db = scores.vocals_db
            if distributed.rank() == 0:
                save_checkpoint(self.folder / BEST, self._weights(), self._about())
        self._save_last()

    def _save_last(self) -> None:
        if distributed.rank() != 0:
            return
        current = {CURRENT + name: value for name, value in self.model.state_dict().items()}
        moments = {
            f"{OPTIMIZER}{index}.{name}": value
            for index, entries in self.optimizer.state_dict()["state"].items()
            for name, value in entries.items()
        }
        save_checkpoint(self.folder / LAST, self._weights() | current | moments, self._about())

    def _weights(self) -> dict[str, Tensor]:
        return {WEIGHTS + name: value for name, value in self.average.items()}

    def _about(self) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "data": [dataclasses.asdict(source) | {"folder": str(source.folder)} for source in self.sources],
            BEGUN_WITH: self._begun_with,
            "commit": self.commit,
            "step": self.step,
            "seconds": self.seconds,
            "best_db": self.best_db,
            "validation": self.scores,
        }

    def start_from(self, path: Path) -> None:
        """Begin with the weights of a checkpoint, as far as there are any, instead of random ones.

        Raises:
            TrainerError: The checkpoint is damaged or of another preset.
        """
        tensors, about = load_checkpoint(path)
        weights = {k.removeprefix(WEIGHTS): value for k, value in tensors.items() if k.startswith(WEIGHTS)}
        weights = fitted(weights, Config.from_dict(about["config"]), self.model)
        self._take_weights({WEIGHTS + name: value for name, value in weights.items()}, path)
        self._begun_with = [*about["data"], *about.get(BEGUN_WITH, [])]

    def _take_weights(self, tensors: Mapping[str, Tensor], path: Path) -> None:
        load_weights(self.model, tensors, path)
        self.average, self._new = self._copy_of_weights(), False

    def _copy_of_weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.model.state_dict().items()}

    def resume(self, path: Path) -> None:
        """Take up weights, their average, optimizer and counters where a checkpoint left them.

        Raises:
            TrainerError: The checkpoint is damaged or of another preset.
        """
        tensors, about = load_checkpoint(path)
        self._take_weights(tensors, path)
        load_weights(self.model, tensors, path, CURRENT)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(OPTIMIZER):
                index, _, key = name.removeprefix(OPTIMIZER).partition(".")
                moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
        self._begun_with = about.get(BEGUN_WITH, [])
        self.step, self.seconds = about["step"], about["seconds"]
        self.scores, self.best_db = about["validation"], about["best_db"]


def split_recordings(recordings: Sequence[Recording], config: Config) -> tuple[list[Recording], list[Recording]]:
    """Return what to train on and what to validate on; no name stands on both sides, and no estimate is a reference."""
    held_out = set(config.validation_songs)
    training = [r for r in recordings if r.name not in held_out]
    return training, [r for r in recordings if r.name in held_out and not r.is_labelled]
