"""Learning curves: one line of JSON per validation, drawn as a picture and sent to TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from trainer.outputs import written_whole

_TOLD_APART = 10  # curves with a colour of their own


class LearningCurve:
    """The history of a run in its folder: `history.jsonl`, `learning_curve.png` and TensorBoard events."""

    def __init__(self, run: Path, resumed_step: int) -> None:
        self._run = run
        self._history = [point for point in read_history(run) if point["step"] <= resumed_step]
        self._board = SummaryWriter(run / "tensorboard", purge_step=resumed_step + 1)

    def add(self, point: dict[str, float]) -> None:
        """Record the figures of one validation; `point` holds `step` and `minutes` among them."""
        self._history.append(point)
        lines = "".join(json.dumps(entry) + "\n" for entry in self._history)
        with written_whole(self._run / "history.jsonl") as beside:
            beside.write_text(lines, encoding="utf-8")
        for name, value in point.items():
            if name != "step":
                self._board.add_scalar(name, value, int(point["step"]))
        plot_history({self._run.name: self._history}, self._run / "learning_curve.png")

    def close(self) -> None:
        """Flush TensorBoard's events."""
        self._board.close()


def read_history(run: Path) -> list[dict[str, float]]:
    """Return the validations of a run, oldest first."""
    path = run / "history.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def plot_history(histories: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw loss and validation SDR of one or more runs over training minutes."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    loss, sdr = figure.subplots(1, 2)
    for name, history in histories.items():
        minutes = [point["minutes"] for point in history]
        loss.plot(minutes, [point["loss"] for point in history], label=name)
        for target, style in (("vocals", "-"), ("accompaniment", "--")):
            sdr.plot(minutes, [point[f"{target}_db"] for point in history], style, label=f"{name} {target}")
    loss.set(xlabel="training time (min)", ylabel="training loss")
    sdr.set(xlabel="training time (min)", ylabel="validation SDR (dB)")
    for axes in (loss, sdr):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, frameon=False)
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=110)


def plot_comparison(histories: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw validation vocals SDR of many runs over training minutes on one axis, best run first."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots()
    for rank, (name, history) in enumerate(histories.items()):
        axes.plot(
            [point["minutes"] for point in history],
            [point["vocals_db"] for point in history],
            ".-",
            color=f"C{rank}" if rank < _TOLD_APART else "lightgray",
            linewidth=2.5 if rank == 0 else 1.2,
            label=name if rank < _TOLD_APART else None,
            zorder=-rank,
        )
    axes.set(xlabel="training time (min)", ylabel="validation vocals SDR (dB)")
    axes.grid(alpha=0.3)
    if histories:
        figure.legend(loc="outside right upper", fontsize=7, frameon=False)
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=110)
