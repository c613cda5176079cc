"""The trainer's terminal: fit and evaluate."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from trainer.errors import TrainerError

_FIT = """Train PRESET (a name or a .toml file) on folders of recordings, or go on with a run. Settings are given as
key=value, for example optimizer.batch_size=16. Data are [KIND=]FOLDER[@WEIGHT]; KIND is songs (MUSDB18 STEMS files,
MUSDB18-HQ folders, folders of vocals.* and accompaniment.* or mixture.*), vocals, accompaniment or karaoke
(accompaniment left, voice right)."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Train and evaluate causal separators.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_fit(commands.add_parser("fit", help="train a separator", description=_FIT))
    args, rest = parser.parse_known_args(arguments)
    if args.command != "fit" and rest or any("=" not in word or word.startswith("-") for word in rest):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.settings = rest
    try:
        return args.handler(args)
    except TrainerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.usage = "python -m trainer fit PRESET --data DIR... [--minutes M] [-o RUN | --resume RUN] [key=value ...]"
    parser.add_argument("preset", nargs="?", metavar="PRESET")
    parser.add_argument("--data", nargs="+", default=[], metavar="DIR")
    parser.add_argument("--minutes", type=float, help="wall-clock budget at whose end the learning rate is fully annealed")
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="folder of a new run (default: runs/PRESET-DATE)")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with the run in this folder")
    parser.set_defaults(handler=_fit)


def _fit(args: argparse.Namespace) -> int:
    from trainer import distributed
    from trainer.checkpoint import load_checkpoint
    from trainer.config import Config, load_preset
    from trainer.data.recordings import Source
    from trainer.loop import BEST, LAST, Trainer

    if args.resume:
        if args.preset or args.settings:
            raise TrainerError("--resume goes on with a run's own preset and settings; give only --data and --minutes")
        run, about = args.resume, load_checkpoint(args.resume / LAST)[1]
        config = Config.from_dict(about["config"])
        sources = [Source(Path(entry["folder"]), entry["kind"], entry["weight"]) for entry in about["data"]]
    else:
        if not args.preset or not args.data:
            raise TrainerError("name a preset and its data: python -m trainer fit lite --data DIR...")
        config, sources = load_preset(args.preset, args.settings), []
        run = args.output or Path("runs") / f"{config.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        if (run / LAST).exists():
            raise TrainerError(f"{run}: already holds a run; go on with --resume {run} or choose another folder")
    if args.minutes is not None:
        config = dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, minutes=args.minutes))
    sources = [Source.parse(text) for text in args.data] or sources
    with distributed.process_group() as device:
        trainer = Trainer(config, sources, run, device)
        if args.resume:
            trainer.resume(run / LAST)
        finished = trainer.fit()
        if distributed.rank() == 0:
            print(f"{'done' if finished else 'stopped'} after {trainer.step} steps and {trainer.seconds / 60:.1f} minutes: best "
                  f"validation vocals SDR {trainer.best_db:.2f} dB in {run / BEST}; learning curve in {run}")
            if not finished:
                print(f"go on with: python -m trainer fit --resume {run}")
    return 0 if finished else 130


if __name__ == "__main__":
    sys.exit(main())
