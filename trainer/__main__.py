"""The trainer's terminal: fit and evaluate."""

from __future__ import annotations

import argparse
import sys

from trainer import fit
from trainer.errors import TrainerError
from trainer.evaluate import command as evaluate


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Train and evaluate causal separators.")
    commands = parser.add_subparsers(dest="command", required=True)
    fit.add_arguments(commands.add_parser("fit", help="train a separator"))
    evaluate.add_arguments(commands.add_parser("evaluate", help="score models and baselines on songs with known stems"))
    args, rest = parser.parse_known_args(arguments)
    if (args.command != "fit" and rest) or any("=" not in word or word.startswith("-") for word in rest):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return fit.run(args, rest) if args.command == "fit" else evaluate.run(args)
    except TrainerError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
