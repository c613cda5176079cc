"""A study: trials in one folder, each a run of `fit` with the same wall-clock budget."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState
from tqdm import tqdm

from trainer.config import Config
from trainer.curves import read_history
from trainer.data.sources import Source
from trainer.errors import TrainerError
from trainer.loop import LAST, Trainer
from trainer.outputs import make_folder
from trainer.search.report import Outcome, describe, write_report
from trainer.search.space import Choice, Range, Space

_JOURNAL = "study.journal"
# Trials are compared at tenths of their budget, whatever step they have reached by then.
_TENTHS = 10
# A cold average and a high learning rate say little about the end.
_WARMUP_TENTHS = 3
_STARTUP_TRIALS = 3
# What a trial remembers besides Optuna's own figures.
_RUN, _FAILURE, _PLAN = "run", "failure", "plan"


@dataclass(frozen=True)
class Plan:
    """What a study holds fixed from its first trial to its last; `settings` and `data` as they were given."""

    preset: str
    data: tuple[str, ...]
    minutes: float
    sampler: str
    settings: tuple[str, ...]


class Study:
    """Runs the trials of a plan one after the other and remembers them in a journal in its folder."""

    def __init__(
        self, plan: Plan, space: Space, sources: Sequence[Source], folder: Path, storage: JournalStorage
    ) -> None:
        self.space, self.sources, self.folder = space, sources, folder
        self._budget_s = 60 * plan.minutes
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(
            storage=storage,
            study_name="search",
            load_if_exists=True,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(_STARTUP_TRIALS, _WARMUP_TENTHS),
        )
        self._keep_plan(plan)
        # Seeded anew, so that a study taken up again does not repeat its first random draws.
        self._study.sampler = optuna.samplers.TPESampler(seed=len(self._study.trials))
        self._grid = list(space.grid()) if plan.sampler == "grid" else []

    def run(self, trials: int, device: torch.device) -> bool:
        """Go on until there are `trials` outcomes; return False where the user stopped it before."""
        self._requeue_interrupted()
        while (done := len(self.outcomes())) < trials:
            self._enqueue_next_of_grid()
            trial = self._study.ask()
            values = {dimension.key: _suggest(trial, dimension) for dimension in self.space.dimensions}
            run = trial.user_attrs.get(_RUN) or f"{done:03d}"
            trial.set_user_attr(_RUN, run)
            left_min = (trials - done) * self._budget_s / 60
            tqdm.write(f"trial {done + 1} of {trials} ({describe(values)}), at most {left_min:.0f} min left")
            finished = self._run_trial(trial, values, self.folder / run, device)
            write_report(self.outcomes(), self.folder)
            if not finished:
                return False
        return True

    def outcomes(self) -> list[Outcome]:
        """Return what became of every trial that came to an end, best first."""
        ended = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
        outcomes = [
            self._outcome(trial)
            for trial in ended
            if trial.state != TrialState.FAIL or _FAILURE in trial.user_attrs  # the others were interrupted
        ]
        return sorted(outcomes, key=lambda outcome: (outcome.score_db is None, -(outcome.score_db or 0)))

    def _keep_plan(self, plan: Plan) -> None:
        given = json.loads(json.dumps(dataclasses.asdict(plan)))
        kept = self._study.user_attrs.get(_PLAN)
        if kept is None:
            self._study.set_user_attr(_PLAN, given)
            return
        for name, value in kept.items():
            if given[name] != value:
                words = " ".join(map(str, value)) if isinstance(value, list) else value
                raise TrainerError(
                    f"{self.folder}: this search was begun with {name} {words}; give the same, or another folder"
                )

    def _requeue_interrupted(self) -> None:
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
            self._study.tell(trial.number, state=TrialState.FAIL)

    def _enqueue_next_of_grid(self) -> None:
        if not self._grid or self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            return
        tried = [outcome.values for outcome in self.outcomes()]
        self._study.enqueue_trial(next(values for values in self._grid if values not in tried))

    def _run_trial(self, trial: Trial, values: dict[str, Any], run: Path, device: torch.device) -> bool:
        """Train one trial and tell its outcome; return False where the user stopped it."""

        def watch() -> None:
            self._report_tenths(trial, run)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            config = self._config(values)
        except TrainerError as error:  # values that do not fit together
            self._fail(trial, str(error))
            return True
        try:
            trainer = Trainer(config, self.sources, run, device)
            if (run / LAST).exists():
                trainer.resume(run / LAST)
                self._report_tenths(trial, run)
            if not trainer.fit(watch):
                return False
        except optuna.TrialPruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        except torch.OutOfMemoryError:
            self._fail(trial, "out of memory")
        else:
            score_db = trainer.best_db
            if score_db is None or math.isnan(score_db):
                self._fail(trial, "diverged")
            else:
                self._study.tell(trial, score_db)
        return True

    def _config(self, values: dict[str, Any]) -> Config:
        config = self.space.config(values)
        return dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, minutes=self._budget_s / 60))

    def _fail(self, trial: Trial, reason: str) -> None:
        trial.set_user_attr(_FAILURE, reason)
        self._study.tell(trial, state=TrialState.FAIL)

    def _report_tenths(self, trial: Trial, run: Path) -> None:
        """Report the validation SDR at every tenth of the budget that has passed, between validations interpolated."""
        history = read_history(run)
        shares = [60 * point["minutes"] / self._budget_s for point in history]
        reached = range(math.ceil(_TENTHS * shares[0]), math.floor(_TENTHS * shares[-1]) + 1) if shares else ()
        reported = self._study.trials[trial.number].intermediate_values
        for tenth in reached:
            if tenth not in reported:
                score_db = np.interp(tenth / _TENTHS, shares, [point["vocals_db"] for point in history])
                trial.report(float(score_db), tenth)

    def _outcome(self, trial: FrozenTrial) -> Outcome:
        run = trial.user_attrs[_RUN]
        history = read_history(self.folder / run)
        scores_db = [point["vocals_db"] for point in history if not math.isnan(point["vocals_db"])]
        state = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned"}.get(trial.state)
        failed = state is None
        return Outcome(
            run=run,
            values=trial.params,
            score_db=None if failed or not scores_db else max(scores_db),
            state=trial.user_attrs[_FAILURE] if failed else state,
            history=tuple(history),
        )


def open_study(plan: Plan, space: Space, sources: Sequence[Source], folder: Path) -> Study:
    """Begin the study of a folder, or take it up where it was left.

    Raises:
        TrainerError: The folder's study has another plan, or its journal cannot be used.
    """
    make_folder(folder)
    journal = str(folder / _JOURNAL)
    try:
        storage = JournalStorage(JournalFileBackend(journal, lock_obj=JournalFileOpenLock(journal)))
        return Study(plan, space, sources, folder, storage)
    except (OSError, ValueError) as error:
        raise TrainerError(f"{journal}: is damaged or cannot be written ({error}); choose another folder") from error


def _suggest(trial: Trial, dimension: Choice | Range) -> Any:
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(dimension.key, dimension.values)
    suggest = trial.suggest_int if dimension.integer else trial.suggest_float
    return suggest(dimension.key, dimension.low, dimension.high, log=dimension.log)
