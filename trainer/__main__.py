"""The trainer's terminal: fit, guide, presence, search, evaluate, pack and label."""

from __future__ import annotations

import argparse
import sys

from trainer import fit, label, pack
from trainer import guide_command as guide
from trainer import presence_command as presence
from trainer.errors import TrainerError
from trainer.evaluate import command as evaluate
from trainer.search import command as search

SETTABLE = {
    "fit": fit,
    "guide": guide,
    "presence": presence,
    "search": search,
}  # commands that take settings as key=value


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Train and evaluate causal separators.")
    commands = parser.add_subparsers(dest="command", required=True)
    fit.add_arguments(commands.add_parser("fit", help="train a separator"))
    guide.add_arguments(commands.add_parser("guide", help="train the guide that guided separators listen to"))
    presence.add_arguments(
        commands.add_parser("presence", help="train what tells guided separators whether anybody sings")
    )
    search.add_arguments(commands.add_parser("search", help="train many times and compare settings"))
    evaluate.add_arguments(commands.add_parser("evaluate", help="score models and baselines on songs with known stems"))
    pack.add_arguments(commands.add_parser("pack", help="put recordings into pieces to take to another machine"))
    label.add_arguments(commands.add_parser("label", help="let Spleeter estimate the vocals of songs to train on"))
    args, rest = parser.parse_known_args(arguments)
    if (args.command not in SETTABLE and rest) or any("=" not in word or word.startswith("-") for word in rest):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if args.command in SETTABLE:
            return SETTABLE[args.command].run(args, rest)
        return {"evaluate": evaluate, "pack": pack, "label": label}[args.command].run(args)
    except TrainerError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
