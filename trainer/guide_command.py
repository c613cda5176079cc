"""The command `python -m trainer guide`; torch is only imported once it runs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from trainer.config import load_preset
from trainer.data.sources import Source
from trainer.errors import TrainerError
from trainer.fit import check_minutes, split_settings

DESCRIPTION = """Train the guide that all presets named guided listen to, one for all, on folders of recordings given as
for fit. It begins with the published weights of Spleeter 2-stems, or with those of --weights. RUN/guide.safetensors is
the best by the validation songs; name it in a training as model.guide=FILE. Settings are given as key=value, for
example optimizer.batch_size=16."""
# Ways in which they use a mask; those named guided-lite use it nearly alike.
PRESETS = ("guided", "guided-46", "guided-93")
# Little, for what was learned on thousands of songs is not to be forgotten.
_DEFAULTS = ("optimizer.learning_rate=1e-4", "optimizer.final_learning_rate=3e-6", "optimizer.validate_every=200")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options; what is left over are settings."""
    parser.usage = "python -m trainer guide --data DIR... --minutes M [-o RUN] [--weights GUIDE] [key=value ...]"
    parser.description = DESCRIPTION
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR")
    parser.add_argument(
        "--minutes", type=float, required=True, help="wall-clock budget at whose end the learning rate is annealed"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="folder (default: runs/guide-DATE)")
    parser.add_argument("--weights", type=Path, metavar="GUIDE", help="begin with this guide instead of Spleeter")


def run(args: argparse.Namespace, settings: list[str]) -> int:
    """Train, say where the result is, and return the exit code.

    Raises:
        TrainerError: Something the user can put right.
    """
    from trainer.guide_training import BEST, LAST, GuideTrainer
    from trainer.guide_weights import published_weights, read_weights

    settings, data = split_settings(settings, args.data)
    check_minutes(args.minutes)
    folder = args.output or Path("runs") / f"guide-{time.strftime('%Y%m%d-%H%M%S')}"
    for name in (BEST, LAST):
        if (folder / name).exists():
            raise TrainerError(f"{folder}: already holds a guide; choose another folder, and begin with --weights")
    words = [*_DEFAULTS, *settings, f"optimizer.minutes={args.minutes}"]
    configs = [load_preset(preset, words) for preset in PRESETS]
    weights = read_weights(args.weights) if args.weights else published_weights()
    trainer = GuideTrainer(configs, [Source.parse(word) for word in data], folder, weights)
    finished = trainer.fit()
    print(f"{'done' if finished else 'stopped'} after {trainer.step} steps, {trainer.seconds / 60:.1f} minutes")
    if (folder / BEST).exists():
        print(f"best validation vocals SDR of the guide alone {trainer.best_db:.2f} dB: {folder / BEST}")
    if not finished and (folder / LAST).exists():
        print(f"go on with: --weights {folder / LAST}")
    return 0 if finished else 130
