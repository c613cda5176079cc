"""The command `python -m trainer fit`; torch is only imported once it runs."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.config import Config, load_preset
from trainer.data.sources import KINDS, Source
from trainer.errors import TrainerError

if TYPE_CHECKING:
    from trainer.loop import Trainer

DESCRIPTION = """Train PRESET (a name or a .toml file) on folders of recordings, or go on with a run. Settings are given
as key=value, for example optimizer.batch_size=16. Data are [KIND=]FOLDER[@WEIGHT]; KIND is songs (MUSDB18 STEMS files,
MUSDB18-HQ folders, folders of vocals.* and accompaniment.* or mixture.*), labelled (songs whose vocals a separator
estimated, see the command label), vocals, accompaniment or karaoke (accompaniment left, voice right). FOLDER may also
be a PACK of any of these. A run remembers its folders as they were given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options; what is left over are settings."""
    parser.usage = (
        "python -m trainer fit PRESET --data DIR... [--minutes M] [-o RUN] [--weights CHECKPOINT] [key=value ...]\n"
        "       python -m trainer fit --resume RUN [--data DIR...] [--minutes M]"
    )
    parser.description = DESCRIPTION
    parser.add_argument("preset", nargs="?", metavar="PRESET")
    parser.add_argument("--data", nargs="+", default=[], metavar="DIR")
    parser.add_argument(
        "--minutes", type=float, help="wall-clock budget at whose end the learning rate is fully annealed"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="RUN", help="folder of a new run (default: runs/PRESET-DATE)"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="CHECKPOINT", help="begin with these weights instead of random ones"
    )
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with the run in this folder")


def run(args: argparse.Namespace, settings: list[str]) -> int:
    """Train, say where the result is, and return the exit code.

    Raises:
        TrainerError: Something the user can put right.
    """
    from trainer import distributed
    from trainer.loop import LAST, Trainer

    config, sources, folder = _plan(args, settings)
    with distributed.process_group() as device:
        trainer = Trainer(config, sources, folder, device)
        if args.resume:
            trainer.resume(folder / LAST)
        elif args.weights:
            trainer.start_from(args.weights)
        finished = trainer.fit()
        if distributed.rank() == 0:
            _print_result(trainer, finished)
    return 0 if finished else 130


def _plan(args: argparse.Namespace, settings: list[str]) -> tuple[Config, list[Source], Path]:
    """Return what to train, on what, and in which folder."""
    from trainer.loop import LAST

    settings, data = split_settings(settings, args.data)
    sources = [Source.parse(word) for word in data]
    if args.resume:
        if args.preset or settings or args.weights or args.output:
            raise TrainerError("--resume goes on with a run's own preset and settings; give only --data and --minutes")
        folder = args.resume
        config, remembered = _read_run(folder / LAST)
        sources = sources or remembered
    else:
        if not args.preset or not sources:
            raise TrainerError("name a preset and its data: python -m trainer fit lite --data DIR...")
        config = load_preset(args.preset, settings)
        folder = args.output or Path("runs") / f"{config.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        if (folder / LAST).exists():
            raise TrainerError(f"{folder}: already holds a run; go on with --resume {folder} or choose another folder")
    if args.minutes is not None:
        check_minutes(args.minutes)
        config = dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, minutes=args.minutes))
    return config, sources, folder


def _print_result(trainer: Trainer, finished: bool) -> None:
    from trainer.loop import BEST, LAST

    folder = trainer.folder
    print(f"{'done' if finished else 'stopped'} after {trainer.step} steps, {trainer.seconds / 60:.1f} minutes")
    if (folder / BEST).exists():
        print(f"best validation vocals SDR {trainer.best_db:.2f} dB: {folder / BEST}; learning curve in {folder}")
    if not finished and (folder / LAST).exists():
        print(f"go on with: python -m trainer fit --resume {folder}")


def _read_run(last: Path) -> tuple[Config, list[Source]]:
    from trainer.checkpoint import load_checkpoint

    about = load_checkpoint(last)[1]
    sources = [Source(Path(entry["folder"]), entry["kind"], entry["weight"]) for entry in about["data"]]
    return Config.from_dict(about["config"]), sources


def check_minutes(minutes: float) -> None:
    """Raise TrainerError unless `--minutes` is a number above zero."""
    if not 0 < minutes < math.inf:
        raise TrainerError(f"--minutes is {minutes:g}, but must be a number above zero")


def split_settings(settings: Sequence[str], data: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return all settings, with those that follow the folders of --data, and the folders alone."""
    return [*settings, *filter(_is_setting, data)], [word for word in data if not _is_setting(word)]


def _is_setting(word: str) -> bool:
    """Tell a setting that follows the folders of --data from a folder."""
    return bool(re.match(r"[a-z_.]+=", word)) and word.partition("=")[0] not in KINDS and not Path(word).exists()
