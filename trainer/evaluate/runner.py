"""Scoring many songs in parallel, each result kept on disk as soon as it is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from trainer.data.songs import References, SongError
from trainer.errors import TrainerError
from trainer.evaluate.bsseval import EvaluationError
from trainer.evaluate.estimators import Estimator
from trainer.evaluate.levels import power_ratio_db
from trainer.evaluate.machine import available_memory_bytes, usable_cores
from trainer.evaluate.metrics import Measured, families
from trainer.evaluate.pools import Job, LocalPool, Pool
from trainer.evaluate.protocols import Passage
from trainer.outputs import written_whole

# Of museval's projections on stereo at 44.1 kHz: 4.7 GB for 236 s were measured.
BYTES_PER_SECOND, WORKER_BYTES = 20_000_000, 300_000_000
# A lossy mixture is further from the sum of lossy stems than a rounded one; below this it is another mix.
LEAST_SUM_DB = 15.0


@dataclass(frozen=True)
class Result:
    """One song by one estimator.

    Attributes:
        song, estimator: Their names.
        measured: What each family of scores says, by the family's name.
    """

    song: str
    estimator: str
    measured: Mapping[str, Measured]

    def figure(self, target: str, metric: str) -> float:
        """Return one figure of the song in dB; NaN where it has none."""
        for measured in self.measured.values():
            value = measured.figures[target].get(metric)
            if value is not None:
                return value
        return float("nan")


def evaluate(
    passages: Sequence[Passage],
    estimators: Sequence[Estimator],
    cache: Path,
    pool: Pool | None = None,
) -> list[Result]:
    """Score every song with every estimator, showing progress and the time left.

    Results found in the folder `cache` are taken from there. They are keyed by what is in the song's files, what the
    estimator is and how each family scores, so a changed score is computed anew and the others are not.

    Args:
        passages: What to score; the results come in this order, song by song.
        estimators: What to score it with.
        cache: A folder for results; each is written as soon as it is there.
        pool: Where the work is done; by default on all cores of this machine.

    Raises:
        TrainerError: A song cannot be read or separated, said when the others are done; or a worker process dies.
        KeyboardInterrupt: Ctrl-C; all workers are stopped and finished results stay in `cache`.
    """
    identities, failures = {}, []
    for passage in passages:
        try:
            identities[passage] = passage.identity()
        except SongError as error:
            failures.append(f"{passage.name}: {error}")
    tasks = [(passage, estimator) for passage in identities for estimator in estimators]
    places = [_places(identities[passage], estimator, cache) for passage, estimator in tasks]
    known = [_read(place) for place in places]
    missing = [index for index, found in enumerate(known) if len(found) < len(families())]
    jobs: list[Job] = [
        (*tasks[index], tuple(name for name in places[index] if name not in known[index])) for index in missing
    ]
    pool = pool or LocalPool(_worker_count(list(identities), len(jobs)))
    with tqdm(
        total=len(tasks), initial=len(tasks) - len(jobs), unit="score", desc="evaluate", dynamic_ncols=True
    ) as progress:
        for number, outcome in pool.run(evaluate_one, jobs) if jobs else ():
            index = missing[number]
            passage, estimator = tasks[index]
            if isinstance(outcome, TrainerError):
                failures.append(
                    f"{passage.name}: {outcome}"
                    if isinstance(outcome, SongError)
                    else f"{passage.name} by {estimator.label}: {outcome}"
                )
            else:
                _write(places[index], outcome)
                known[index] |= outcome
            progress.update()
    if failures:
        total, done = len(passages) * len(estimators), sum(len(found) == len(families()) for found in known)
        raise EvaluationError(
            f"{total - done} of {total} scores failed; repair or remove these and run the same "
            f"command again, which keeps what is done: {'; '.join(dict.fromkeys(failures))}"
        )
    return [
        Result(passage.name, estimator.label, measured)
        for (passage, estimator), measured in zip(tasks, known, strict=True)
    ]


def evaluate_one(passage: Passage, estimator: Estimator, names: Sequence[str]) -> dict[str, Measured]:
    """Separate one song and return what the named families say.

    Raises:
        TrainerError: The song cannot be read, separated or scored.
    """
    references = passage.load()
    check_sum(references)
    estimates = estimator.estimate(references)
    return {family.name: family.measure(references, estimates) for family in families() if family.name in names}


def check_sum(references: References) -> None:
    """Make sure that a mixture is made of its stems.

    Raises:
        SongError: It is not.
    """
    mixture = references.mixture.astype(np.float64)
    error = mixture - references.vocals - references.accompaniment
    ratio_db = power_ratio_db(np.sum(mixture**2), np.sum(error**2))
    if ratio_db < LEAST_SUM_DB:
        raise SongError(
            f"its mixture is not the sum of its stems (they agree to {ratio_db:.1f} dB, at least {LEAST_SUM_DB:g} dB "
            "are needed); put the right mixture there or take it away, and the sum is used"
        )


def _places(identity: str, estimator: Estimator, cache: Path) -> dict[str, Path]:
    """Return where each family's scores of one song by one estimator are kept."""
    keys = {family.name: "\n".join((identity, estimator.identity, family.identity)) for family in families()}
    return {name: cache / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json" for name, key in keys.items()}


def _read(places: Mapping[str, Path]) -> dict[str, Measured]:
    return {name: Measured(**json.loads(path.read_text())) for name, path in places.items() if path.is_file()}


def _write(places: Mapping[str, Path], measured: Mapping[str, Measured]) -> None:
    for name, one in measured.items():
        with written_whole(places[name]) as beside:
            beside.write_text(json.dumps(asdict(one)))


def _worker_count(passages: Sequence[Passage], jobs: int) -> int:
    """Return how many songs can be scored at once with the cores and the memory there are."""
    count, available = min(jobs, usable_cores()), available_memory_bytes()
    if available is not None:
        longest_s = max(map(_length_s, passages), default=0.0)
        count = min(count, int(available / (WORKER_BYTES + BYTES_PER_SECOND * longest_s)))
    return max(1, count)


def _length_s(passage: Passage) -> float:
    try:
        return passage.length_s()
    except SongError:
        return 0.0  # the worker that meets the song says what is wrong with it
