"""Training of the guide: of masks as they are used, of the newest frames and late, which Spleeter never learned."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from trainer.architecture_settings import FollowerConfig
from trainer.config import Config
from trainer.curves import LearningCurve
from trainer.data.mixing import Batch, ExampleMixer
from trainer.data.recordings import find_recordings
from trainer.data.sources import Source
from trainer.follower import Follower
from trainer.guide import BINS, mask_ages
from trainer.guide_network import LearningNetwork, RoundedNetwork
from trainer.guide_weights import write_weights
from trainer.guide_windows import Hearing
from trainer.loop import split_recordings
from trainer.memory import keep_freed_memory
from trainer.outputs import make_folder
from trainer.schedule import average_decay, learning_rate, progress_bar
from trainer.stopping import stop_requests
from trainer.validation import Scores, Validator

BEST, LAST = "guide.safetensors", "last.safetensors"
_WINDOWS = 12  # of each example: mixing one costs as much as a few of them
_FRAME_SHARE = 0.5
_FLOOR = 1e-8


class GuideTrainer:
    """One run in one folder: `guide.safetensors` is the best by validation, `last.safetensors` what to go on with.

    A network masks windows that end anywhere, and each mask is scored on the frames it will be used for in any of the
    presets: on those it was made of, or later ones. The loss is the mean magnitude of the error's spectrum, which
    knows phase, and a share of the root of each frame's mean power.
    """

    def __init__(
        self, configs: Sequence[Config], sources: Sequence[Source], folder: Path, weights: Mapping[str, Tensor]
    ) -> None:
        """Prepare a run.

        Args:
            configs: Of guided models; the first is validated, without all that is not its guide.
            sources: What to train on.
            folder: Where the result goes.
            weights: To begin with, of `trainer.guide_weights`.
        """
        self.config, self.sources, self.folder = configs[0], sources, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        make_folder(folder)
        if self.device.type == "cpu":
            keep_freed_memory()
        listening = self.config.model
        alone = FollowerConfig(architecture="follower", guide=listening.guide, lookahead_hops=listening.lookahead_hops)
        self._alone = Follower(dataclasses.replace(self.config, model=alone)).to(self.device)
        self._uses = _uses(configs, self._alone.guide.frame_hops)
        masks = 1 + max(age for age, _ in self._uses)
        self.network = LearningNetwork(weights, masks).to(self.device, memory_format=torch.channels_last)
        self.average = self._copy_of_weights()
        optimizer = self.config.optimizer
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), optimizer.learning_rate, betas=(0.9, 0.98), weight_decay=0, fused=True
        )
        self._hear = Hearing(self.config, self._alone.guide, self.device)
        self.step, self.seconds = 0, 0.0
        self.best_db: float | None = None

    def fit(self) -> bool:
        """Train until the time is spent; return False where the user stopped it before."""
        recordings = [r for source in self.sources for r in find_recordings(source, self.config.sample_rate)]
        training, validation = split_recordings(recordings, self.config)
        validator = Validator(validation, self.config, self.device)
        mixer = ExampleMixer(training, self.config, self.device)
        curve = LearningCurve(self.folder, 0)
        try:
            with stop_requests() as stopped:
                return self._loop(mixer, validator, curve, stopped)
        finally:
            curve.close()

    def _loop(self, mixer: ExampleMixer, validator: Validator, curve: LearningCurve, stopped: threading.Event) -> bool:
        optimizer, losses, clock = self.config.optimizer, [], time.monotonic()
        bar = progress_bar("guide")
        for batch in (mixer.batch(step) for step in itertools.count()):
            self.seconds = time.monotonic() - clock
            progress = self.seconds / (60 * optimizer.minutes)
            if progress >= 1 or stopped.is_set():
                break
            losses.append(self._train_step(batch, progress))
            self.step += 1
            bar.n = 100 * progress
            bar.set_postfix_str(f"step {self.step}", refresh=True)
            if self.step % optimizer.validate_every == 0:
                self._validate(validator, curve, losses)
        finished = not stopped.is_set()
        if losses and finished:
            self._validate(validator, curve, losses)
        if self.step:
            write_weights(self.average, self.folder / LAST)
        bar.close()
        return finished

    def _train_step(self, batch: Batch, progress: float) -> Tensor:
        optimizer = self.config.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step, progress)
        loss = self.loss(batch, np.random.default_rng((optimizer.seed, self.step, 2)))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), optimizer.clip_norm)
        self.optimizer.step()
        decay = average_decay(self.config, self.step)
        values = [value.detach() for value in self.network.parameters()]
        torch._foreach_lerp_([self.average[name] for name, _ in self.network.named_parameters()], values, 1 - decay)
        return loss.detach()

    def loss(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Return the scalar loss of masks at places that `rng` draws."""
        with torch.no_grad():
            spectra = self._hear(batch)
            count, _, _, frames, _ = spectra.mixture.shape
            latest = max(0, *(hops for _, hops in self._uses))
            drawn = rng.integers(spectra.first_end, frames - latest, (count, _WINDOWS)).ravel()
            ends = torch.from_numpy(drawn).to(self.device)
            examples = torch.arange(count, device=self.device).repeat_interleave(_WINDOWS)
            windows = spectra.windows(examples, ends)
            frequencies = torch.linspace(0, self.config.sample_rate / 2, self.config.stft.bins, device=self.device)
            known = frequencies[:BINS] <= batch.bandwidth_hz[examples, None]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.optimizer.autocast):
            masks = self.network(windows)
        losses = []
        for age, hops in self._uses:
            place = examples, slice(None), slice(BINS), ends + hops
            # That frame's own, for where music begins after silence the one before it is huge.
            level = spectra.gain[examples, ends + hops][:, None, None, None]
            heard, wanted = (level * audio[place] for audio in (spectra.mixture, spectra.vocals))
            error = (masks[:, :, -1 - age, :, None] * heard - wanted) * known[:, None, :, None]
            power = error.square().sum(-1)
            frame = power.mean((1, 2))
            losses.append((power + _FLOOR).sqrt().mean() + _FRAME_SHARE * (frame + _FLOOR).sqrt().mean())
        return torch.stack(losses).mean()

    def _validate(self, validator: Validator, curve: LearningCurve, losses: list[Tensor]) -> None:
        scores = self.score(validator)
        point = {"step": self.step, "minutes": self.seconds / 60, "loss": float(torch.stack(losses).mean())}
        curve.add(point | {"vocals_db": scores.vocals_db, "accompaniment_db": scores.accompaniment_db})
        tqdm.write(
            f"step {self.step}  {self.seconds / 60:.1f} min  loss {point['loss']:.4f}  validation SDR of the guide "
            f"alone: vocals {scores.vocals_db:.2f} dB  accompaniment {scores.accompaniment_db:.2f} dB"
        )
        losses.clear()
        if self.best_db is None or scores.vocals_db > self.best_db:
            self.best_db = scores.vocals_db
            write_weights(self.average, self.folder / BEST)

    def score(self, validator: Validator) -> Scores:
        """Return the scores of the averaged weights, rounded as they will be stored."""
        self._alone.guide.network = RoundedNetwork(self.average, self._alone.guide.masks).to(self.device)
        return validator.score(self._alone)

    def _copy_of_weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.network.named_parameters()}


def _uses(configs: Sequence[Config], frame_hops: int) -> list[tuple[int, int]]:
    """Return which masks are used where: by how many frames before the newest, and hops after it, `(age, hops)`."""
    lookaheads = [config.model.lookahead_hops for config in configs]
    return [(age, hop - early) for early in lookaheads for hop, age in enumerate(mask_ages(early, frame_hops))]
