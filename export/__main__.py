"""The exporter's terminal: a checkpoint becomes a plug-in, and any plug-in can be checked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.check import check_plugin
from export.errors import ExportError
from realtime.contract import ContractError
from realtime.plugin import PluginError
from trainer.errors import TrainerError, packages_of
from trainer.outputs import written_whole

_LICENSE = "as the licences of the training data allow"
_USAGE = """python -m export CHECKPOINT [-o MODEL.onnx] [--license TEXT]
       python -m export umx DIR [-o MODEL.onnx]
       python -m export spleeter [--context 64|128] [-o MODEL.onnx]
       python -m export quantize MODEL.onnx [-o MODEL-int8.onnx] --data DIR...
       python -m export check MODEL.onnx"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    commands = {"check": _check, "quantize": _quantize, "umx": _export_umxhq, "spleeter": _export_spleeter}
    try:
        with packages_of("train"):  # all that the check can do without
            return commands.get(words[0] if words else "", _export)(words)
    except (ContractError, ExportError, PluginError, TrainerError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _export(words: list[str]) -> int:
    from export.adapters.open_unmix import export_trained
    from export.step_graph import model_spec, write_step_graph
    from export.verify import verify_export
    from trainer.checkpoint import load_model

    parser = argparse.ArgumentParser(
        prog="python -m export", usage=_USAGE, description="Export a checkpoint and verify it."
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a .safetensors file of a run")
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL.onnx", help="default: PRESET.onnx in this folder")
    parser.add_argument(
        "--license", default=_LICENSE, metavar="TEXT", help="terms of the weights (default: %(default)s)"
    )
    args = parser.parse_args(words)
    model, about = load_model(args.checkpoint)
    output = args.output or Path(f"{model.config.name}.onnx")
    if output.is_dir():
        raise ExportError(f"{output}: is a folder; name the .onnx file to write in it")
    spec = model_spec(model, about, args.license)
    if not spec.states:
        return _say_written(output, export_trained(model, spec, output))
    with written_whole(output) as beside:
        write_step_graph(model, spec, beside)
        report = verify_export(args.checkpoint, beside)
    print(
        f"verified over {report.frames} frames: torch streaming {report.streaming_error:.1e} of peak "
        f"({report.streaming_db:.0f} dB), host {report.host_error:.1e} of peak ({report.host_db:.0f} dB)"
    )
    print(f"wrote {output} ({output.stat().st_size / 2**20:.1f} MiB)")
    return 0


def _export_umxhq(words: list[str]) -> int:
    from export.adapters.open_unmix import export_umxhq

    parser = argparse.ArgumentParser(prog="python -m export", usage=_USAGE)
    parser.add_argument("umx")
    parser.add_argument("weights", type=Path, metavar="DIR", help="folder of the four published .pth files")
    parser.add_argument("-o", "--output", type=Path, default=Path("umx.onnx"), metavar="MODEL.onnx")
    args = parser.parse_args(words)
    return _say_written(args.output, export_umxhq(args.weights, args.output))


def _export_spleeter(words: list[str]) -> int:
    from export.adapters.spleeter import CONTEXTS, export_spleeter

    parser = argparse.ArgumentParser(prog="python -m export", usage=_USAGE)
    parser.add_argument("spleeter")
    parser.add_argument(
        "--context",
        type=int,
        choices=CONTEXTS,
        help="frames of the sliding window of the causal form (default: whole segments, for files)",
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("spleeter.onnx"), metavar="MODEL.onnx")
    args = parser.parse_args(words)
    return _say_written(args.output, export_spleeter(args.output, args.context))


def _say_written(output: Path, error: float) -> int:
    print(f"verified: host {error:.1e} of peak from torch\nwrote {output} ({output.stat().st_size / 2**20:.1f} MiB)")
    return 0


def _quantize(words: list[str]) -> int:
    from export.quantize import quantize

    parser = argparse.ArgumentParser(
        prog="python -m export",
        usage=_USAGE,
        description="Write an int8 version where it is worth it.",
    )
    parser.add_argument("quantize")
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL-int8.onnx", help="default: its name in this folder")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="DIR", help="folders that hold validation songs"
    )
    args = parser.parse_args(words)
    output = args.output or Path(f"{args.model.stem}-int8.onnx")
    if output.is_dir():
        raise ExportError(f"{output}: is a folder; name the .onnx file to write in it")
    print(f"int8: {quantize(args.model, output, args.data)}")
    print(f"wrote {output} ({output.stat().st_size / 2**20:.1f} MiB)")
    return 0


def _check(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m export", usage=_USAGE)
    parser.add_argument("check")
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    path = parser.parse_args(words).model
    promises = check_plugin(path)
    for promise, kept in promises:
        print(f"{'ok    ' if kept else 'BROKEN'}  {promise}")
    if not all(kept for _, kept in promises):
        raise ExportError(f"{path}: breaks the plug-in contract as listed above; correct the graph and export it again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
