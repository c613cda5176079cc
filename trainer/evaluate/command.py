"""The command `python -m trainer evaluate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from realtime.plugin import read_spec
from trainer.errors import TrainerError
from trainer.evaluate.bsseval import METRICS, TARGETS, EvaluationError
from trainer.evaluate.card import write_card
from trainer.evaluate.cost import measure_cost
from trainer.evaluate.demo import demo_song
from trainer.evaluate.estimators import Estimator, StreamedModel, find_estimators
from trainer.evaluate.excerpts import choose_songs, make_private_folder, write_excerpt
from trainer.evaluate.machine import usable_cores
from trainer.evaluate.markdown import MARK, to_markdown
from trainer.evaluate.plots import plot_against, plot_scores
from trainer.evaluate.pools import LocalPool
from trainer.evaluate.protocols import PROTOCOLS, Passage, complete_songs
from trainer.evaluate.report import NO_SEPARATORS, Report, Row, to_csv, to_json
from trainer.evaluate.runner import Result, evaluate
from trainer.evaluate.scheduler import DaskPool
from trainer.outputs import make_folder, written_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--models", nargs="+", default=[], metavar="MODEL", help="names of shipped models, or .onnx files"
    )
    parser.add_argument(
        "--card", metavar="MODEL.onnx", help="score this model file too and write the figures into its card"
    )
    parser.add_argument(
        "--baselines",
        default="mixture,oracle,spleeter",
        metavar="NAMES",
        help="comma-separated, e.g. mixture,oracle,spleeter (the default) or umxhq; '' for none",
    )
    parser.add_argument(
        "--umxhq-weights", type=Path, metavar="DIR", help="folder of the four published UMXHQ .pth files"
    )
    parser.add_argument(
        "--umx-trained", type=Path, metavar="CHECKPOINT", help="Open-Unmix as trained by `python -m trainer fit umx`"
    )
    parser.add_argument(
        "--rival", metavar="LABEL", help="row the others are compared with (default: the first separator listed)"
    )
    parser.add_argument(
        "--data",
        required=True,
        type=Path,
        metavar="DIR",
        help="songs: MUSDB18 STEMS files, MUSDB18-HQ folders, folders of vocals.* with accompaniment.* or mixture.*",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="REPORT", help="folder for the report and its cache"
    )
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="full",
        help="; ".join(f"{protocol.name}: {protocol.words}" for protocol in PROTOCOLS.values()) + " (default: full)",
    )
    parser.add_argument("--songs", type=_count, metavar="N", help="only N songs, drawn by the seed")
    parser.add_argument(
        "--seconds", type=_seconds, metavar="S", help="score S seconds of every song, from a place drawn by the seed"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="of what is drawn (default: 0)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="let the workers of this Dask scheduler do it, e.g. tcp://host:8786; they find songs and models "
        "where they are here",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, write the report with its pictures and excerpts, print its tables; return 0.

    Raises:
        TrainerError: Something the user can put right.
    """
    pool = DaskPool(args.scheduler) if args.scheduler else None
    models = [model for model in args.models if not args.card or Path(model) != Path(args.card)]
    models += [args.card] if args.card else []
    estimators = find_estimators(
        models,
        [name for name in args.baselines.split(",") if name],
        umxhq_weights=args.umxhq_weights,
        umx_trained=args.umx_trained,
    )
    usable = [estimator for estimator in estimators if estimator.unavailable is None]
    missing = [estimator for estimator in estimators if estimator.unavailable is not None]
    if not usable:
        raise EvaluationError("; ".join(f"{estimator.label} is {estimator.unavailable}" for estimator in missing))
    rival = choose_rival([estimator.label for estimator in usable], args.rival)
    protocol = PROTOCOLS[args.protocol].adapted(args.songs, args.seconds, args.seed)
    passages = protocol.choose(complete_songs(args.data))
    make_folder(args.output)
    cache = make_private_folder(args.output / "cache")
    check = _check(StreamedModel.find(args.card), cache) if args.card else None
    results = evaluate(passages, usable, cache, pool)
    costs = [
        measure_cost(estimator, passages[0]) for estimator in tqdm(usable, desc="cost", unit="row", dynamic_ncols=True)
    ]
    rows = tuple(
        Row(estimator, tuple(result for result in results if result.estimator == estimator.label), cost)
        for estimator, cost in zip(usable, costs, strict=True)
    )
    chosen = choose_songs(rows[-1].values("vocals", "SDR"))
    report = Report(
        protocol,
        tuple(passages),
        rows,
        tuple(missing),
        rival,
        tuple(passages[index] for index in chosen),
    )
    _write(report, args.output)
    if args.card:
        write_card(StreamedModel.find(args.card).path, report, rows[-1], check, args.data)
    sys.stdout.write(to_markdown(report).partition(MARK)[0] + f"\nThe whole report: {args.output / 'report.md'}\n")
    return 0


def choose_rival(labels: Sequence[str], wanted: str | None) -> str | None:
    """Return the row the others are compared with: the one asked for, else the first separator, else the mixture.

    Raises:
        EvaluationError: There is no such row.
    """
    if wanted is not None and wanted not in labels:
        raise EvaluationError(f"--rival {wanted}: there is no such row; the rows are {', '.join(labels)}")
    if len(labels) < 2:
        return None
    return wanted or next((label for label in labels[:-1] if label not in NO_SEPARATORS), labels[0])


def _check(model: StreamedModel, cache: Path) -> Result | None:
    """Score the song that everybody has; None where the model takes other rates or channels than it has."""
    spec, song = read_spec(model.path), Passage(demo_song())
    audio = song.load()
    if (spec.sample_rate, spec.channels) != (audio.sample_rate, audio.mixture.shape[0]):
        return None
    return evaluate([song], [model], cache)[0]


def _write(report: Report, folder: Path) -> None:
    by_sdr = [[(f"{target} SDR", _by_row(report, target, "SDR")) for target in TARGETS]]
    plot_scores(folder / "sdr.png", by_sdr)
    plot_scores(
        folder / "scores.png",
        [[(f"{target} {metric}", _by_row(report, target, metric)) for metric in METRICS] for target in TARGETS],
    )
    if report.challengers():
        theirs, others = report.row(report.rival), report.challengers()
        panels = {
            f"{target} SDR": (theirs.values(target, "SDR"), {row.label: row.values(target, "SDR") for row in others})
            for target in TARGETS
        }
        plot_against(folder / "rival.png", report.rival, panels)
    _write_excerpts(report, make_private_folder(folder / "excerpts"))
    for name, text in (
        ("report.json", to_json(report)),
        ("report.csv", to_csv(report)),
        ("report.md", to_markdown(report)),
    ):
        with written_whole(folder / name) as beside:
            beside.write_text(text, encoding="utf-8")


def _by_row(report: Report, target: str, metric: str) -> dict:
    return {row.label: row.values(target, metric) for row in report.rows}


def _write_excerpts(report: Report, folder: Path) -> None:
    estimators: list[Estimator] = [row.estimator for row in report.rows]
    drawn = list(dict.fromkeys([estimators[-1].label, report.rival or estimators[-1].label]))
    jobs = [(number, passage, estimators, drawn, folder) for number, passage in enumerate(report.excerpts, start=1)]
    done = LocalPool(min(len(jobs), usable_cores())).run(write_excerpt, jobs) if jobs else ()
    for _, outcome in tqdm(done, total=len(jobs), desc="excerpts", unit="song", dynamic_ncols=True):
        if isinstance(outcome, TrainerError):
            raise outcome


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of songs; give 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length; give seconds")
    return value
