"""The card inside a model file: what was measured on it, on which songs and which machine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from realtime.contract import ModelSpec
from trainer.evaluate.bsseval import METRICS, TARGETS, WINDOW_S, harness_identity
from trainer.evaluate.machine import cpu_name
from trainer.evaluate.report import Report, Row
from trainer.evaluate.runner import Result
from trainer.outputs import written_whole


def write_card(path: Path, report: Report, row: Row, check: Result | None, data: Path) -> None:
    """Put the figures of one evaluation into a model's metadata; what else its card says stays.

    Args:
        path: The ONNX file, replaced at once or not at all.
        report: The evaluation.
        row: The model's results in it.
        check: Its result on one song that everybody has, so that anybody can compare; None where it cannot take it.
        data: The folder of the songs.

    Raises:
        TrainerError: The file cannot be written.
    """
    model = onnx.load(path)
    spec = ModelSpec.from_metadata({item.key: item.value for item in model.metadata_props})
    seconds = report.protocol.seconds
    measured = {
        "scores": {target: _scores(row, target) for target in TARGETS},
        "test_set": f"{len(report.passages)} songs of {'/'.join(data.resolve().parts[-2:])}, museval BSSEval v4, "
        + (f"{seconds:g} s of each, " if seconds else "")
        + f"{WINDOW_S:g} s windows, median over windows, then over songs",
        "check": None if check is None else card_check(check),
        "latency_ms": round(spec.latency_ms, 1),
        "rtf": round(row.cost.rtf, 3),
        "cpu": f"one thread of {cpu_name()}, processor time",
    }
    spec = dataclasses.replace(spec, card={**spec.card, **measured})
    onnx.helper.set_model_props(model, spec.to_metadata())
    with written_whole(path) as beside:
        onnx.save(model, beside)


def _scores(row: Row, target: str) -> dict[str, float]:
    """Return the medians in dB; what no song has a value for is left out."""
    medians = {metric: row.interval(target, metric).median for metric in METRICS}
    return {metric: round(median, 2) for metric, median in medians.items() if math.isfinite(median)}


def card_check(result: Result) -> Mapping[str, Any]:
    """Return what a card says about the one song that everybody has, in dB to four digits."""
    scores = {target: {metric: round(result.figure(target, metric), 4) for metric in METRICS} for target in TARGETS}
    return {"song": result.song, "harness": harness_identity(), "scores": scores}
