"""Where songs are scored: the cores of this machine, or a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

from trainer.errors import TrainerError
from trainer.evaluate.bsseval import EvaluationError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Job = tuple[Any, ...]
Outcome = Any


class Pool(Protocol):
    """Runs a function over many jobs in other processes."""

    def run(self, function: Callable[..., Any], jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Yield the number of a job and its result, or the `TrainerError` it raised, as jobs end.

        Raises:
            EvaluationError: The pool itself is lost.
        """


class LocalPool:
    """Processes on this machine, one thread each.

    Args:
        workers: How many.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, function: Callable[..., Any], jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Yield as `Pool` says; leaving early, by Ctrl-C too, ends the processes at once."""
        others = set(multiprocessing.active_children())
        executor = ProcessPoolExecutor(self._workers, multiprocessing.get_context("spawn"))
        try:
            with _single_threaded_children():
                futures = {executor.submit(function, *job): index for index, job in enumerate(jobs)}
            for future in as_completed(futures):
                try:
                    outcome = future.result()
                except BrokenProcessPool as error:
                    raise EvaluationError(
                        "a worker process was killed, probably for lack of memory; close other programs and run the "
                        "same command again to go on"
                    ) from error
                except TrainerError as error:
                    outcome = error
                yield futures[future], outcome
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()


@contextmanager
def _single_threaded_children() -> Iterator[None]:
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
