"""The card inside a model file: what was measured on it, on which songs and which machine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import onnx

from realtime.contract import ModelSpec
from trainer.evaluate.bsseval import METRICS, TARGETS, WINDOW_S
from trainer.evaluate.machine import cpu_name
from trainer.evaluate.report import Row
from trainer.outputs import written_whole


def write_card(path: Path, row: Row, data: Path) -> None:
    """Put the figures of one evaluation into a model's metadata; what else its card says stays.

    Args:
        path: The ONNX file, replaced at once or not at all.
        row: Its results.
        data: The folder of the songs.

    Raises:
        TrainerError: The file cannot be written.
    """
    model = onnx.load(path)
    spec = ModelSpec.from_metadata({item.key: item.value for item in model.metadata_props})
    measured = {
        "scores": {
            target: {metric: round(float(value), 2) for metric, value in zip(METRICS, values, strict=True)}
            for target, values in zip(TARGETS, row.median(), strict=True)
        },
        "test_set": f"{row.scored_songs()} songs of {'/'.join(data.resolve().parts[-2:])}, museval BSSEval v4, "
        f"{WINDOW_S:g} s windows, median over windows, then over songs",
        "latency_ms": round(spec.latency_ms, 1),
        "rtf": round(row.rtf, 3),
        "cpu": f"one thread of {cpu_name()}, processor time",
    }
    spec = dataclasses.replace(spec, card={**spec.card, **measured})
    onnx.helper.set_model_props(model, spec.to_metadata())
    with written_whole(path) as beside:
        onnx.save(model, beside)
