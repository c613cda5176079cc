"""What is compared: shipped models through the streaming host, and baselines."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from realtime import plugin, separator, stft
from realtime.catalog import find_model
from realtime.plugin import OnnxPlugin, PluginError, read_spec
from realtime.separator import StreamingSeparator
from trainer.data.songs import Audio, References
from trainer.evaluate import open_unmix, spleeter
from trainer.evaluate.bsseval import EvaluationError
from trainer.evaluate.masking import ORACLE_STFT, phase_sensitive_estimate
from trainer.evaluate.packages import package_folder

BLOCK_SAMPLES = 1 << 16


@dataclass(frozen=True)
class Estimates:
    """What a separator made of a mixture.

    Attributes:
        vocals, accompaniment: `(channels, samples)`, aligned with the mixture.
        busy_s: Processor time on one thread in s; None where it is not measured.
    """

    vocals: Audio
    accompaniment: Audio
    busy_s: float | None = None


class Estimator(Protocol):
    """Separates songs, in any process.

    Attributes:
        label: Its row in the report.
        identity: What it is, to the last byte that decides its output.
        latency_ms: Algorithmic latency; None for what cannot run live.
        unavailable: Why it cannot run here and what helps; None where it can.
    """

    label: str
    identity: str
    latency_ms: float | None
    unavailable: str | None

    def estimate(self, references: References) -> Estimates:
        """Separate `references.mixture`; only the oracle looks at the rest."""


@dataclass(frozen=True)
class StreamedModel:
    """A plug-in file, run by the host's own streaming separator."""

    label: str
    path: Path
    identity: str
    latency_ms: float
    unavailable: str | None = None

    @classmethod
    def find(cls, name_or_path: str) -> StreamedModel:
        """Look a model up by the name it ships under or by its path.

        Raises:
            EvaluationError: There is no such model, it breaks the contract, or it has no vocals.
        """
        try:
            path = find_model(name_or_path)
            spec = read_spec(path)
        except PluginError as error:
            raise EvaluationError(str(error)) from error
        if "vocals" not in spec.outputs:
            raise EvaluationError(f"{path}: its outputs are {', '.join(spec.outputs)}, but vocals are scored")
        host = [Path(module.__file__) for module in (stft, plugin, separator)]
        return cls(path.stem, path, " ".join(_sha256(file) for file in (path, *host)), spec.latency_ms)

    def estimate(self, references: References) -> Estimates:
        """Stream the mixture through the file on one thread and trim the latency."""
        try:
            stream = StreamingSeparator(OnnxPlugin(self.path, num_threads=1))
            outputs, busy_s = _stream(stream, references)
        except PluginError as error:
            raise EvaluationError(str(error)) from error
        vocals = outputs[stream.outputs.index("vocals")]
        accompaniment = (
            outputs[stream.outputs.index("accompaniment")]
            if "accompaniment" in stream.outputs
            else references.mixture - vocals
        )
        return Estimates(vocals, accompaniment, busy_s)


def _stream(stream: StreamingSeparator, references: References) -> tuple[Audio, float]:
    spec, mixture = stream.spec, references.mixture
    if (spec.sample_rate, spec.channels) != (references.sample_rate, mixture.shape[0]):
        raise EvaluationError(
            f"{spec.name} takes {spec.channels} channels at {spec.sample_rate} Hz, but the song has {mixture.shape[0]} "
            f"at {references.sample_rate} Hz; convert the songs or leave the model out"
        )
    started = time.thread_time()
    pieces = [
        stream.process(mixture[:, start : start + BLOCK_SAMPLES]) for start in range(0, mixture.shape[1], BLOCK_SAMPLES)
    ]
    pieces.append(stream.flush())
    busy_s = time.thread_time() - started
    return np.concatenate(pieces, axis=2)[..., stream.latency_samples :], busy_s


@dataclass(frozen=True)
class Mixture:
    """The mixture as the estimate of both targets: what doing nothing scores."""

    label: str = "mixture"
    identity: str = "mixture"
    latency_ms: float | None = None
    unavailable: str | None = None

    def estimate(self, references: References) -> Estimates:
        """Return the mixture twice."""
        return Estimates(references.mixture, references.mixture)


@dataclass(frozen=True)
class Oracle:
    """The best real mask there is: a ceiling for masks at this resolution, not a separator."""

    label: str = "oracle"
    identity: str = f"phase-sensitive mask, {ORACLE_STFT}"
    latency_ms: float | None = None
    unavailable: str | None = None

    def estimate(self, references: References) -> Estimates:
        """Mask the mixture with the vocals known; the accompaniment is the residual."""
        vocals = phase_sensitive_estimate(references.mixture, references.vocals)
        return Estimates(vocals, references.mixture - vocals)


@dataclass(frozen=True)
class Spleeter:
    """Spleeter 2-stems, offline, its vocals and their residual."""

    label: str = "spleeter"
    identity: str = f"Spleeter 2-stems {' '.join(spleeter.WEIGHTS.values())}"
    latency_ms: float | None = None
    unavailable: str | None = None

    def estimate(self, references: References) -> Estimates:
        """Separate the whole mixture at once."""
        _require_stereo("Spleeter", spleeter.SAMPLE_RATE, references)
        vocals = spleeter.separate_vocals(references.mixture)
        return Estimates(vocals, references.mixture - vocals)


@dataclass(frozen=True)
class Umxhq:
    """Open-Unmix with its published weights, offline, run as published.

    Attributes:
        weights: Folder of the four files.
        residual: Whether what no target claims is a source of its own; it is part of the accompaniment then.
        iterations: Of the multichannel Wiener filter.
    """

    label: str
    weights: Path | None
    residual: bool
    iterations: int
    unavailable: str | None = None
    latency_ms: float | None = None

    @property
    def identity(self) -> str:
        """Return what decides the output."""
        return f"UMXHQ {' '.join(open_unmix.WEIGHTS.values())} {self.residual} {self.iterations}"

    def estimate(self, references: References) -> Estimates:
        """Separate the whole mixture at once."""
        _require_stereo("UMXHQ", open_unmix.SAMPLE_RATE, references)
        return Estimates(*open_unmix.separate(references.mixture, self.weights, self.residual, self.iterations))


@dataclass(frozen=True)
class UmxTrained:
    """An Open-Unmix trained by this trainer, its vocals and their residual."""

    checkpoint: Path | None
    identity: str
    latency_ms: float | None
    unavailable: str | None = None
    label: str = "umx-trained"

    @classmethod
    def find(cls, checkpoint: Path | None) -> UmxTrained:
        """Look at a checkpoint.

        Raises:
            TrainerError: It is damaged or of another architecture.
        """
        if checkpoint is None:
            return cls(None, "", None, f"not available: {open_unmix.TRAINED_REMEDY}")
        if package_folder("torch") is None:
            return cls(None, "", None, 'not available: pip install "unsing[train]"')
        latency_ms = open_unmix.trained_latency_ms(checkpoint)
        return cls(checkpoint, f"Open-Unmix {_sha256(checkpoint)}", latency_ms)

    def estimate(self, references: References) -> Estimates:
        """Separate the whole mixture at once."""
        _require_stereo("Open-Unmix", open_unmix.SAMPLE_RATE, references)
        vocals = open_unmix.separate_vocals_trained(references.mixture, self.checkpoint)
        return Estimates(vocals, references.mixture - vocals)


# Rows of UMXHQ: whether the residual is a source, and iterations of the Wiener filter; the first is the default.
UMXHQ_ROWS = {
    "umxhq": (False, 1),
    "umxhq-residual": (True, 1),
    "umxhq-em0": (False, 0),
    "umxhq-em0-residual": (True, 0),
}


def find_estimators(
    models: Sequence[str],
    baselines: Sequence[str],
    *,
    umxhq_weights: Path | None = None,
    umx_trained: Path | None = None,
) -> list[Estimator]:
    """Return baselines and models in the order of the report.

    Args:
        models: Names of shipped models, or files.
        baselines: Names of baselines.
        umxhq_weights: Folder of the published weights of UMXHQ.
        umx_trained: Checkpoint of an Open-Unmix trained here.

    Raises:
        EvaluationError: A name is unknown or given twice, or weights are not the published ones.
        TrainerError: `umx_trained` is damaged.
    """
    makers: dict[str, Callable[[], Estimator]] = {
        "mixture": Mixture,
        "oracle": Oracle,
        "spleeter": lambda: Spleeter(unavailable=spleeter.unavailable()),
        **{label: partial(_umxhq, label, umxhq_weights) for label in UMXHQ_ROWS},
        "umx-trained": lambda: UmxTrained.find(umx_trained),
    }
    for option, given, fitting in (
        ("--umxhq-weights", umxhq_weights, [*UMXHQ_ROWS]),
        ("--umx-trained", umx_trained, ["umx-trained"]),
    ):
        if given is not None and not set(fitting) & set(baselines):
            raise EvaluationError(f"{option} {given}: nobody asked for its row; add {fitting[0]} to --baselines")
    unknown = [name for name in baselines if name not in makers]
    if unknown:
        raise EvaluationError(f"there is no baseline named {unknown[0]!r}; the baselines are {', '.join(makers)}")
    estimators = [*(makers[name]() for name in baselines), *(StreamedModel.find(name) for name in models)]
    labels = [estimator.label for estimator in estimators]
    if not labels:
        raise EvaluationError("there is nothing to evaluate; give --models or --baselines")
    twice = [label for label in labels if labels.count(label) > 1]
    if twice:
        raise EvaluationError(f"two rows would be called {twice[0]!r}; rename one model file")
    return estimators


def _umxhq(label: str, weights: Path | None) -> Umxhq:
    return Umxhq(label, weights, *UMXHQ_ROWS[label], open_unmix.unavailable(weights))


def _require_stereo(name: str, sample_rate: int, references: References) -> None:
    if (references.sample_rate, references.mixture.shape[0]) != (sample_rate, 2):
        raise EvaluationError(f"{name} takes stereo at {sample_rate} Hz; convert the songs or leave it out")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
