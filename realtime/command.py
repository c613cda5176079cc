"""The terminal of the host: `python -m realtime COMMAND`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from realtime.catalog import find_model, shipped_models
from realtime.contract import ModelSpec
from realtime.files.batch import Batch, BatchSummary
from realtime.files.discovery import Discovery, find_songs
from realtime.files.errors import AudioFileError
from realtime.files.formats import BIT_DEPTHS, FORMATS, StemFormat
from realtime.files.orders import DEFAULT_MODEL
from realtime.files.terminal import BatchPrinter, clock
from realtime.live.errors import LiveError
from realtime.live.terminal import add_commands
from realtime.plugin import PluginError, read_spec

_BAD_INPUT, _INTERRUPTED, _PIPE_CLOSED = 2, 130, 141
_MEASURES = ("SDR", "SIR", "ISR", "SAR")


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(_BAD_INPUT, f"{message[:1].lower()}{message[1:]}; see {self.prog} --help\n")

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse what is unknown here, where the command's own help can be named."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of the host and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout, sys.stderr)
        return _PIPE_CLOSED
    except OSError as error:
        _silence(sys.stdout)
        place = error.filename or "standard output"
        print(f"{place}: {(error.strerror or str(error)).lower()}; write to another place", file=sys.stderr)
        return _BAD_INPUT


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (AudioFileError, LiveError, PluginError) as error:
        print(error, file=sys.stderr)
        return _BAD_INPUT


def _silence(*streams: TextIO) -> None:
    """Let what a stream still holds go nowhere, so that the end of the program does not stumble over it again."""
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m realtime", description="Takes the singer out of music.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    separate = commands.add_parser(
        "separate", help="separate songs into stems", description="Separate songs into stems."
    )
    separate.add_argument(
        "songs", nargs="+", type=_path, metavar="SONG", help="an audio or video file, or a folder of them"
    )
    separate.add_argument("-o", "--output", required=True, type=_path, metavar="DIR", help="folder for the stems")
    separate.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|PATH",
        help="a shipped model or an .onnx file (default: %(default)s)",
    )
    separate.add_argument(
        "--targets", metavar="NAMES", help="stems to write, separated by commas (default: all the model offers)"
    )
    separate.add_argument(
        "--format", default="wav", choices=FORMATS, help="file format of the stems (default: %(default)s)"
    )
    separate.add_argument(
        "--bit-depth",
        type=int,
        choices=BIT_DEPTHS,
        help="bits of a sample, 32 is floating point (default: 32 for wav, 24 for flac)",
    )
    separate.set_defaults(run=_separate)
    models = commands.add_parser(
        "models",
        help="list the models that ship with the program",
        description="List the models that ship with the program.",
    )
    models.set_defaults(run=_models)
    add_commands(commands)
    return parser


def _separate(options: argparse.Namespace) -> int:
    stem_format = StemFormat(options.format, options.bit_depth)
    model = find_model(options.model)
    if os.path.exists(options.output) and not os.path.isdir(options.output):
        raise AudioFileError(f"{options.output}: the stems need a folder, but this is a file; choose another -o")
    targets = [name.strip() for name in (options.targets or "").split(",") if name.strip()]
    found = find_songs(options.songs, options.output)
    printer = BatchPrinter()
    batch = Batch(found.songs, model, targets, stem_format, printer.show)
    for folder in found.empty_folders:
        print(f"{folder}: there is no audio in this folder; name another", file=sys.stderr)
    before = signal.signal(signal.SIGINT, lambda *_: batch.cancel())
    try:
        summary = batch.run()
    finally:
        signal.signal(signal.SIGINT, before)
        printer.close()
    _print_summary(summary, found, options.output, batch.spec.latency_ms)
    if summary.cancelled:
        return _INTERRUPTED
    return _BAD_INPUT if summary.failed or found.empty_folders else 0


def _print_summary(summary: BatchSummary, found: Discovery, output: Path, latency_ms: float) -> None:
    counts = {
        "separated": summary.done,
        "done before": summary.skipped,
        "failed": summary.failed,
        "not audio": found.ignored,
    }
    became = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "none separated"
    songs = f"{len(found.songs)} song{'s' * (len(found.songs) != 1)}"
    print(f"{songs}: {became}" + (f"; the stems are in {output}" if summary.done or summary.skipped else ""))
    if summary.done:
        print(
            f"{clock(summary.seconds)} of audio in {clock(summary.elapsed_s)}: real-time factor "
            f"{summary.elapsed_s / summary.seconds:.3f}; "
            f"algorithmic latency {latency_ms:.1f} ms, trimmed from the files"
        )
    if summary.cancelled:
        print("Interrupted; the same command continues with the songs that are left.")


def print_models(paths: Sequence[Path]) -> None:
    """Print a table of model files and, below it, what their cards say.

    Raises:
        PluginError: A file breaks the contract.
    """
    models = [(path, read_spec(path)) for path in paths]
    rows = [("name", "version", "latency", "sample rate", "SDR", "RTF", "size")]
    rows += [_row(path, spec) for path, spec in models]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for path, spec in models:
        _print_card(path, spec)


def _models(_: argparse.Namespace) -> int:
    print_models(shipped_models())
    return 0


def _scores(spec: ModelSpec) -> list[tuple[str, dict[str, float]]]:
    scores = spec.card.get("scores", {})
    return [(target, scores[target]) for target in spec.outputs if target in scores]


def _row(path: Path, spec: ModelSpec) -> tuple[str, ...]:
    scores = ", ".join(f"{target} {values['SDR']:.1f} dB" for target, values in _scores(spec) if "SDR" in values)
    rtf = f"{spec.card['rtf']:.3f}" if "rtf" in spec.card else "-"
    return (
        path.stem,
        spec.version,
        f"{spec.latency_ms:.1f} ms",
        f"{spec.sample_rate} Hz",
        scores or "-",
        rtf,
        f"{path.stat().st_size / 1e6:.1f} MB",
    )


def _print_card(path: Path, spec: ModelSpec) -> None:
    print(f"\n{path.stem}: {spec.description}")
    for target, values in _scores(spec):
        print(f"  {target}: {', '.join(f'{name} {values[name]:.1f} dB' for name in _MEASURES if name in values)}")
    for title, key in (("scores measured on", "test_set"), ("real-time factor measured on", "cpu")):
        if key in spec.card:
            print(f"  {title}: {spec.card[key]}")
    print(f"  trained on: {spec.training_data}")
    print(f"  licence: {spec.license}")
