"""The command `python -m trainer evaluate`."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.data.songs import Song, find_songs
from trainer.evaluate.bsseval import METRICS, TARGETS, EvaluationError
from trainer.evaluate.card import write_card
from trainer.evaluate.estimators import find_estimators
from trainer.evaluate.plots import plot_scores
from trainer.evaluate.report import Row, to_json, to_markdown
from trainer.evaluate.runner import evaluate
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
        help="comma-separated: mixture, oracle, spleeter (default: all; '' for none)",
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
    parser.add_argument("--songs", type=_count, metavar="N", help="only N songs, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="which songs --songs draws (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Evaluate, write `report.md`, `report.json` and `sdr.png` to the report's folder, print the report; return 0.

    Raises:
        TrainerError: Something the user can put right.
    """
    models = [*args.models, *([args.card] if args.card else [])]
    estimators = find_estimators(models, [name for name in args.baselines.split(",") if name])
    songs = draw_songs(find_songs(args.data), args.songs, args.seed)
    usable = [estimator for estimator in estimators if estimator.unavailable is None]
    missing = [estimator for estimator in estimators if estimator.unavailable is not None]
    if not usable:
        raise EvaluationError("; ".join(f"{estimator.label} is {estimator.unavailable}" for estimator in missing))
    make_folder(args.output)
    results = evaluate(songs, usable, args.output / "songs")
    rows = [
        Row.of(estimator, [result for result in results if result.estimator == estimator.label]) for estimator in usable
    ]
    plot_scores(
        args.output / "sdr.png",
        {
            target: {row.estimator.label: row.song_medians[index, METRICS.index("SDR")] for row in rows}
            for index, target in enumerate(TARGETS)
        },
    )
    markdown = to_markdown(rows, missing, f"Separation of {len(songs)} songs")
    for name, text in (("report.json", to_json(rows, missing)), ("report.md", markdown)):
        with written_whole(args.output / name) as beside:
            beside.write_text(text, encoding="utf-8")
    if args.card:
        write_card(estimators[-1].path, rows[-1], args.data)
    sys.stdout.write(markdown.partition("\nMachine")[0] + f"\nThe whole report: {args.output / 'report.md'}\n")
    return 0


def draw_songs(songs: Sequence[Song], count: int | None, seed: int) -> list[Song]:
    """Return `count` of the songs in their order, the same ones for the same seed; all where there are no more."""
    if count is None or count >= len(songs):
        return list(songs)
    return [songs[index] for index in sorted(random.Random(seed).sample(range(len(songs)), count))]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of songs; give 1 or more")
    return int(text)
