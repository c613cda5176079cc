"""Scoring many songs in parallel, each result kept on disk as soon as it is there."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from trainer.errors import TrainerError
from trainer.evaluate.bsseval import EvaluationError, harness_identity, score
from trainer.evaluate.estimators import Estimator
from trainer.evaluate.outputs import written_whole
from trainer.evaluate.songs import Song

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Result:
    """One song by one estimator.

    Attributes:
        song, estimator: Their names.
        windows: dB as nested lists `[target][metric][window]`; None where a window has no score.
        silent_references, silent_estimates: Windows without a score, by cause.
        audio_s: Length of the song in s.
        busy_s: Processor time the estimator took on one thread in s; None where it is not measured.
    """

    song: str
    estimator: str
    windows: list[list[list[float | None]]]
    silent_references: int
    silent_estimates: int
    audio_s: float
    busy_s: float | None

    def scores(self) -> NDArray[np.float64]:
        """Return `(targets, metrics, windows)` in dB, NaN where a window has no score."""
        return np.array(self.windows, dtype=np.float64)


def evaluate(songs: Sequence[Song], estimators: Sequence[Estimator], cache: Path) -> list[Result]:
    """Score every song with every estimator on all cores, showing progress.

    Results found in the folder `cache` are taken from there: it is keyed by what is in the song's files, what the
    estimator is, and how it is scored.

    Raises:
        TrainerError: A song cannot be read or separated, or a worker process dies.
        KeyboardInterrupt: Ctrl-C; all workers are stopped and finished results stay in `cache`.
    """
    tasks = [(song, estimator) for song in songs for estimator in estimators]
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(min(len(tasks), usable_cores()), multiprocessing.get_context("spawn"))
    try:
        with _quiet_single_threaded_children():
            futures = {executor.submit(evaluate_one, *task, cache): task for task in tasks}
        with tqdm(total=len(tasks), unit="score", desc="evaluate", dynamic_ncols=True) as progress:
            for future in as_completed(futures):
                _check(future, *futures[future])
                progress.update()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
    return [future.result() for future in futures]


def evaluate_one(song: Song, estimator: Estimator, cache: Path) -> Result:
    """Score one song with one estimator, or take the result from `cache`."""
    key = hashlib.sha256("\n".join((song.digest(), estimator.identity, harness_identity())).encode()).hexdigest()
    path = cache / f"{key[:32]}.json"
    if path.is_file():
        # The same audio may carry another name today.
        return Result(**(json.loads(path.read_text()) | {"song": song.name, "estimator": estimator.label}))
    references = song.load()
    estimates = estimator.estimate(references)
    scores = score(references, estimates.vocals, estimates.accompaniment)
    windows = np.where(np.isnan(scores.windows), None, scores.windows).tolist()
    audio_s = references.mixture.shape[1] / references.sample_rate
    result = Result(
        song.name,
        estimator.label,
        windows,
        scores.silent_references,
        scores.silent_estimates,
        audio_s,
        estimates.busy_s,
    )
    with written_whole(path) as beside:
        beside.write_text(json.dumps(asdict(result)))
    return result


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check(future: Future[Result], song: Song, estimator: Estimator) -> None:
    try:
        future.result()
    except BrokenProcessPool as error:
        raise EvaluationError(
            "a worker process was killed, probably for lack of memory; close other programs and run the "
            "same command again to go on"
        ) from error
    except TrainerError as error:
        raise EvaluationError(f"{song.name} by {estimator.label}: {error}") from error


@contextmanager
def _quiet_single_threaded_children() -> Iterator[None]:
    """Let processes started inside ignore Ctrl-C, which is the parent's to answer, and use one thread each."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
