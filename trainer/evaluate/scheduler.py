"""Scoring on more than one machine, by a Dask cluster that somebody else has started."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from trainer.errors import TrainerError
from trainer.evaluate.bsseval import EvaluationError
from trainer.evaluate.pools import Job, Outcome

CONNECT_TIMEOUT_S = 15


class DaskPool:
    """The workers of a Dask scheduler.

    They need this package installed, and songs and models at the same paths as here. What a lost worker was doing is
    given to another one; what is done is already here.

    Args:
        address: Of the scheduler, e.g. `tcp://host:8786`.

    Raises:
        EvaluationError: `distributed` is not installed.
    """

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise EvaluationError('--scheduler needs Dask, which is not installed; run: pip install "unsing[cluster]"')
        self._address = address

    def run(self, function: Callable[..., Any], jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Yield as `Pool` says; leaving early cancels what is not done."""
        # An optional package, and slow to import.
        import distributed

        try:
            client = distributed.Client(self._address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EvaluationError(
                f"there is no Dask scheduler at {self._address}; start one with: dask scheduler"
            ) from error
        with client:
            # Never taken from the cluster's memory: the cache here knows better what is still true.
            futures = {client.submit(function, *job, pure=False): index for index, job in enumerate(jobs)}
            try:
                for future in distributed.as_completed(futures, loop=client.loop):
                    yield futures[future], _outcome(future)
                    future.release()
            finally:
                client.cancel(list(futures))


def _outcome(future: Any) -> Outcome:
    import distributed

    try:
        return future.result()
    except TrainerError as error:
        return error
    except distributed.KilledWorker as error:
        return EvaluationError(f"every worker that tried it died, probably for lack of memory ({error})")
    except (distributed.CancelledError, distributed.comm.CommClosedError, OSError) as error:
        raise EvaluationError(
            "the Dask scheduler is gone; start it again and run the same command, which keeps what is done"
        ) from error
