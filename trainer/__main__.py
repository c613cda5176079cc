"""The trainer's terminal: fit, guide, presence, search, evaluate, pack and label."""

from __future__ import annotations

import argparse
import sys

from trainer.errors import TrainerError, packages_of


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        with packages_of("evaluate" if words[:1] == ["evaluate"] else "train"):
            return _run(words)
    except TrainerError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _run(words: list[str]) -> int:
    from trainer import fit, guide_command, label, pack, presence_command
    from trainer.evaluate import command as evaluate
    from trainer.search import command as search

    # Those of the first table take settings as key=value.
    settable = {
        "fit": (fit, "train a separator"),
        "guide": (guide_command, "train the guide that guided separators listen to"),
        "presence": (presence_command, "train what tells guided separators whether anybody sings"),
        "search": (search, "train many times and compare settings"),
    }
    others = {
        "evaluate": (evaluate, "score models and baselines on songs with known stems"),
        "pack": (pack, "put recordings into pieces to take to another machine"),
        "label": (label, "let Spleeter estimate the vocals of songs to train on"),
    }
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Train and evaluate causal separators.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (command, words_of_help) in (settable | others).items():
        command.add_arguments(commands.add_parser(name, help=words_of_help))
    args, rest = parser.parse_known_args(words)
    if (args.command not in settable and rest) or any("=" not in word or word.startswith("-") for word in rest):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if args.command in settable:
        return settable[args.command][0].run(args, rest)
    return others[args.command][0].run(args)


if __name__ == "__main__":
    sys.exit(main())
