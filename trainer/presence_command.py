"""The command `python -m trainer presence`; torch is only imported once it runs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from trainer.config import load_preset
from trainer.data.sources import Source
from trainer.errors import TrainerError
from trainer.fit import check_minutes, split_settings

DESCRIPTION = """Train the detector by which guided separators fade where nobody sings, on folders of recordings given
as for fit; the more music without a voice among them the better. It hears by the guide of the preset guided, or of
model.guide=FILE. RUN/presence.safetensors is the result; name it in a training as model.presence=FILE."""
# Windows with and without a voice are to be about as many, and long enough for the guide.
_DEFAULTS = ("mixing.crop_s=4.5", "mixing.mute_vocals=0.35", "mixing.mute_accompaniment=0.02", "mixing.coherent=0.4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options; what is left over are settings."""
    parser.usage = "python -m trainer presence --data DIR... --minutes M [-o RUN] [key=value ...]"
    parser.description = DESCRIPTION
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, required=True, help="how long to gather examples; the rest is short")
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="folder (default: runs/presence-DATE)")


def run(args: argparse.Namespace, settings: list[str]) -> int:
    """Train, say where the result is, and return the exit code.

    Raises:
        TrainerError: Something the user can put right.
    """
    from trainer.presence_training import DETECTOR, PresenceTrainer

    settings, data = split_settings(settings, args.data)
    check_minutes(args.minutes)
    folder = args.output or Path("runs") / f"presence-{time.strftime('%Y%m%d-%H%M%S')}"
    if (folder / DETECTOR).exists():
        raise TrainerError(f"{folder}: already holds a detector; choose another folder")
    words = [*_DEFAULTS, *settings, f"optimizer.minutes={args.minutes}", "model.presence="]
    detection = PresenceTrainer(load_preset("guided", words), [Source.parse(word) for word in data], folder).fit()
    if detection is None:
        print("stopped; nothing was written")
        return 130
    print(
        f"validation songs: {detection.missed:.1%} of what is sung missed, {detection.false_alarms:.1%} of their "
        f"accompaniments taken for song: {folder / DETECTOR}"
    )
    return 0
