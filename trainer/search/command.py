"""The command `python -m trainer search`; torch and Optuna are only imported once it runs."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from trainer.data.sources import Source
from trainer.errors import TrainerError
from trainer.fit import check_minutes, split_settings
from trainer.search.space import Space

_TPE_TRIALS = 20
DESCRIPTION = """Train PRESET many times, MINUTES each, and compare. Settings are given as for fit; one with several
values is varied: key=V1,V2 (tried in every combination) or key=LOW..HIGH, evenly in its logarithm with :log at its end.
optimizer.seed=0,1 repeats every combination, which tells differences from noise. Every trial is a run of fit in a
folder of its own inside STUDY; one that is worse than the median of those before it at the same time is given up
(validate often: optimizer.validate_every). STUDY/results.md tells what was found. The same command goes on where it was
stopped, and with more --trials takes a finished search further."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options; what is left over are settings."""
    parser.usage = (
        "python -m trainer search PRESET --data DIR... --minutes M [--trials N] [--sampler grid|tpe] -o STUDY\n"
        "       [key=value | key=V1,V2,... | key=LOW..HIGH[:log]] ..."
    )
    parser.description = DESCRIPTION
    parser.add_argument("preset", metavar="PRESET")
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR", help="as for fit")
    parser.add_argument("--minutes", type=float, required=True, help="wall-clock budget of each trial")
    parser.add_argument(
        "--trials", type=int, metavar="N", help=f"how many (default: the whole grid, or {_TPE_TRIALS} with tpe)"
    )
    parser.add_argument(
        "--sampler",
        choices=("grid", "tpe"),
        help="every combination, or guided (default: grid unless there are ranges)",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="STUDY", help="folder of the search")


def run(args: argparse.Namespace, settings: list[str]) -> int:
    """Search, say where the result is, and return the exit code.

    Raises:
        TrainerError: Something the user can put right.
    """
    from trainer import distributed
    from trainer.search.report import TABLE, describe
    from trainer.search.study import Plan, open_study

    settings, data = split_settings(settings, args.data)
    sources = [Source.parse(word) for word in data]
    if not sources:
        raise TrainerError("--data names no folder; give one or more, as in --data musdb18hq/train")
    check_minutes(args.minutes)
    space = Space.parse(args.preset, settings)
    space.check()
    sampler, trials = _sampler(args.sampler, space), args.trials
    if trials is not None and trials < 1:
        raise TrainerError(f"--trials is {trials}, but must be at least 1")
    if sampler == "grid":
        trials = sum(1 for _ in itertools.islice(space.grid(), trials))
    plan = Plan(args.preset, tuple(data), args.minutes, sampler, tuple(settings))
    with distributed.process_group() as device:
        if distributed.world_size() > 1:
            raise TrainerError("search runs one trial after the other in one process; start it without torchrun")
        study = open_study(plan, space, sources, args.output)
        finished = study.run(trials or _TPE_TRIALS, device)
    best = next((outcome for outcome in study.outcomes() if outcome.score_db is not None), None)
    if best is not None:
        print(
            f"best validation vocals SDR {best.score_db:.2f} dB with {describe(best.values)}: {args.output / best.run}"
        )
        print(f"all of them: {args.output / TABLE}")
    if not finished:
        print("stopped; the same command goes on")
    return 0 if finished else 130


def _sampler(name: str | None, space: Space) -> str:
    if name == "grid" and not space.is_grid:
        raise TrainerError("--sampler grid needs values; give key=V1,V2 in place of ranges, or take --sampler tpe")
    return name or ("grid" if space.is_grid else "tpe")
