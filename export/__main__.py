"""The exporter's terminal: a checkpoint becomes a plug-in, and any plug-in can be checked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.check import check_plugin
from export.errors import ExportError
from export.step_graph import model_spec, write_step_graph
from export.verify import verify_export
from realtime.contract import ContractError
from realtime.plugin import PluginError
from trainer.checkpoint import load_model
from trainer.errors import TrainerError
from trainer.outputs import written_whole

_LICENSE = "as the licences of the training data allow"
_USAGE = "python -m export CHECKPOINT [-o MODEL.onnx] [--license TEXT]\n       python -m export check MODEL.onnx"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    command = _check if words[:1] == ["check"] else _export
    try:
        return command(words)
    except (ContractError, ExportError, PluginError, TrainerError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _export(words: list[str]) -> int:
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
    with written_whole(output) as beside:
        write_step_graph(model, model_spec(model, about, args.license), beside)
        report = verify_export(args.checkpoint, beside)
    print(
        f"verified over {report.frames} frames: torch streaming {report.streaming_error:.1e} of peak "
        f"({report.streaming_db:.0f} dB), host {report.host_error:.1e} of peak ({report.host_db:.0f} dB)"
    )
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
