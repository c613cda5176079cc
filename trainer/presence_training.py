"""Training of the detector of singing, on what a finished guide knows of music with and without a voice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.data.mixing import Batch, ExampleMixer
from trainer.data.recordings import Recording, find_recordings
from trainer.data.sources import Source
from trainer.errors import TrainerError
from trainer.guide import Guide
from trainer.guide_windows import Hearing, Spectra
from trainer.loop import split_recordings
from trainer.memory import keep_freed_memory
from trainer.outputs import make_folder
from trainer.presence import HIDDEN, Detector, write_detector
from trainer.schedule import progress_bar
from trainer.stopping import stop_requests
from trainer.validation import Validator

DETECTOR = "presence.safetensors"
_WINDOWS = 12  # of each example
_MOST_WINDOWS = 100_000  # 12 KiB each
_EPOCHS, _BATCH, _RATE, _DECAY = 3, 256, 1e-3, 1.0
_FORGOTTEN_INPUTS, _FORGOTTEN_HIDDEN = 0.7, 0.3
# Bins in which voices are heard, 43 Hz to 5.4 kHz, and the hops at the end of a window in which they count.
_HEARD_BINS, _LAST_HOPS = slice(4, 500), 8
# Shares of the power that are a voice, and none; what lies between is left out, as is what is next to silence.
_SUNG, _UNSUNG, _AUDIBLE = 1e-2, 1e-4, 1e-3


@dataclass(frozen=True)
class Windows:
    """What the guide knows at the bottom of its network, `(windows, values)`, and whether somebody sings then."""

    bottoms: Tensor
    sung: Tensor


@dataclass(frozen=True)
class Detection:
    """Shares of windows of the validation songs: of sung ones missed, of accompaniments taken for song."""

    missed: float
    false_alarms: float


class PresenceTrainer:
    """Gathers windows while there is time, then fits a small network to them."""

    def __init__(self, config: Config, sources: Sequence[Source], folder: Path) -> None:
        """Prepare a run.

        Args:
            config: Of a guided model without a detector.
            sources: What to train on.
            folder: Where the result goes.
        """
        self.config, self.sources, self.folder = config, sources, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        make_folder(folder)
        if self.device.type == "cpu":
            keep_freed_memory()
        self._guide = Guide(config).to(self.device).eval()
        self._hear = Hearing(config, self._guide, self.device)

    def fit(self) -> Detection | None:
        """Write the detector and return how it does on the validation songs; None where the user stopped it."""
        recordings = [r for source in self.sources for r in find_recordings(source, self.config.sample_rate)]
        training, validation = split_recordings(recordings, self.config)
        songs = Validator(validation, self.config, self.device)
        windows = self._gather(training)
        if windows is None:
            return None
        if not 0 < windows.sung.float().mean() < 1:
            raise TrainerError(
                "the data hold no music without a voice, or none with one; add accompaniment=DIR or songs"
            )
        detector = fit_detector(windows, self.config.optimizer.seed)
        write_detector(detector, self.folder / DETECTOR)
        return self._score(detector, songs)

    def _gather(self, recordings: Sequence[Recording]) -> Windows | None:
        """Return the windows found until the time is spent, None where the user stopped it before."""
        mixer, optimizer = ExampleMixer(recordings, self.config, self.device), self.config.optimizer
        parts, found, clock = [], 0, time.monotonic()
        with stop_requests() as stopped, progress_bar("windows") as bar:
            for step in itertools.count():
                progress = (time.monotonic() - clock) / (60 * optimizer.minutes)
                if parts and (progress >= 1 or found >= _MOST_WINDOWS):
                    break
                if stopped.is_set():
                    return None
                parts.append(self.windows(mixer.batch(step), np.random.default_rng((optimizer.seed, step, 3))))
                found += len(parts[-1].sung)
                bar.n = round(100 * progress)
                bar.set_postfix_str(f"{found}", refresh=True)
        return Windows(torch.cat([part.bottoms for part in parts]), torch.cat([part.sung for part in parts]))

    def windows(self, batch: Batch, rng: np.random.Generator) -> Windows:
        """Return windows of a batch at places that `rng` draws."""
        spectra = self._hear(batch)
        count, _, _, frames, _ = spectra.mixture.shape
        ends = torch.from_numpy(rng.integers(spectra.first_end, frames, count * _WINDOWS)).to(self.device)
        return self._cut(spectra, torch.arange(count, device=self.device).repeat_interleave(_WINDOWS), ends)

    @torch.no_grad()
    def _cut(self, spectra: Spectra, examples: Tensor, ends: Tensor) -> Windows:
        last = ends[:, None] - torch.arange(_LAST_HOPS, device=self.device)
        levels = spectra.gain.square()
        whole, vocals = (
            (levels * audio[:, :, _HEARD_BINS].square().sum((1, 2, 4)))[examples[:, None], last].mean(1)
            for audio in (spectra.mixture, spectra.vocals)
        )
        share = vocals / whole.clamp(min=_AUDIBLE)
        clear = (whole > _AUDIBLE) & ((share > _SUNG) | (share < _UNSUNG))
        bottoms = self._guide.network.descend(spectra.windows(examples[clear], ends[clear]))[-1].flatten(1)
        return Windows(bottoms.half().cpu(), (share[clear] > _SUNG).cpu())

    def _score(self, values: dict[str, Tensor], songs: Validator) -> Detection:
        detector, missed, alarms = Detector(values), [torch.zeros(0)], [torch.zeros(0)]
        for mixture, vocals in songs.excerpts:
            song, backing = self._along(mixture, vocals), self._along(mixture - vocals, torch.zeros_like(vocals))
            missed.append(detector(song.bottoms[song.sung]) > 0.5)
            alarms.append(detector(backing.bottoms) < 0.5)
        return Detection(*(float(torch.cat(errors).mean()) for errors in (missed, alarms)))

    def _along(self, mixture: Tensor, vocals: Tensor) -> Windows:
        """Return windows all along a song, `(channels, samples)` each."""
        mixture, vocals = (audio[None].to(self.device) for audio in (mixture, vocals))
        spectra = self._hear(Batch(mixture, vocals, torch.full((1,), torch.inf), 0))
        ends = torch.arange(spectra.first_end, spectra.mixture.shape[3], _LAST_HOPS, device=self.device)
        return self._cut(spectra, torch.zeros_like(ends), ends)


def fit_detector(windows: Windows, seed: int) -> dict[str, Tensor]:
    """Return the layers of a detector, of `trainer.presence`, fitted to windows."""
    torch.manual_seed(seed)
    bottoms, sung = windows.bottoms, windows.sung.float()
    mean, spread = _statistics(bottoms)
    hidden, output = nn.Linear(bottoms.shape[1], HIDDEN), nn.Linear(HIDDEN, 1)
    network = nn.Sequential(
        nn.Dropout(_FORGOTTEN_INPUTS), hidden, nn.ReLU(), nn.Dropout(_FORGOTTEN_HIDDEN), output, nn.Flatten(0)
    )
    optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    steps = _EPOCHS * -(-len(sung) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    for _ in range(_EPOCHS):
        for chosen in torch.randperm(len(sung)).split(_BATCH):
            scaled = (bottoms[chosen].float() - mean) / spread
            loss = F.binary_cross_entropy_with_logits(network(scaled), sung[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    weight = hidden.weight.detach() / spread
    return {
        "hidden_weight": weight,
        "hidden_bias": hidden.bias.detach() - weight @ mean,
        "output_weight": output.weight.detach(),
        "output_bias": output.bias.detach(),
    }


def _statistics(bottoms: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the spread of every value."""
    some = bottoms[:: max(1, len(bottoms) // 10_000)].float()
    return some.mean(0), some.std(0) + 1e-3
