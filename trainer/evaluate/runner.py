"""Scoring many songs in parallel, each result kept on disk as soon as it is there."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from trainer.data.songs import Song, SongError
from trainer.errors import TrainerError
from trainer.evaluate.bsseval import EvaluationError, harness_identity, score
from trainer.evaluate.estimators import Estimator
from trainer.evaluate.machine import available_memory_bytes, usable_cores
from trainer.outputs import written_whole

# Of museval's projections on a whole stereo song at 44.1 kHz: 4.7 GB for 236 s were measured.
BYTES_PER_SECOND, WORKER_BYTES = 20_000_000, 300_000_000
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
        TrainerError: A song cannot be read or separated, said when the others are done; or a worker process dies.
        KeyboardInterrupt: Ctrl-C; all workers are stopped and finished results stay in `cache`.
    """
    tasks = [(song, estimator) for song in songs for estimator in estimators]
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(_worker_count(songs, len(tasks)), multiprocessing.get_context("spawn"))
    try:
        with _quiet_single_threaded_children():
            futures = {executor.submit(evaluate_one, *task, cache): task for task in tasks}
        failures = _wait(futures)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
    if failures:
        raise EvaluationError(
            f"{len(failures)} of {len(tasks)} scores failed; repair or remove these and run the same command again, "
            f"which keeps what is done: {'; '.join(failures)}"
        )
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


def _worker_count(songs: Sequence[Song], tasks: int) -> int:
    """Return how many songs can be scored at once with the cores and the memory there are."""
    count, available = min(tasks, usable_cores()), available_memory_bytes()
    if available is not None:
        needed = WORKER_BYTES + BYTES_PER_SECOND * max(map(_seconds, songs))
        count = min(count, int(available / needed))
    return max(1, count)


def _seconds(song: Song) -> float:
    try:
        return song.seconds()
    except SongError:
        return 0.0  # the worker that meets the song says what is wrong with it


def _wait(futures: Mapping[Future[Result], tuple[Song, Estimator]]) -> list[str]:
    """Show progress until all are done; return what failed, one clause each."""
    failures = []
    with tqdm(total=len(futures), unit="score", desc="evaluate", dynamic_ncols=True) as progress:
        for future in as_completed(futures):
            song, estimator = futures[future]
            try:
                future.result()
            except BrokenProcessPool as error:
                raise EvaluationError(
                    "a worker process was killed, probably for lack of memory; close other programs and run the same "
                    "command again to go on"
                ) from error
            except TrainerError as error:
                failures.append(f"{song.name} by {estimator.label}: {error}")
            progress.update()
    return failures


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
