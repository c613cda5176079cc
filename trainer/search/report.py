"""What a search found: a table, the learning curves of all runs, and the score against each setting."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.curves import plot_comparison
from trainer.outputs import written_whole

TABLE = "results.md"
_MOST_DIGITS = 4
_WIDE = 20  # a range whose ends are further apart is drawn on a logarithmic axis


@dataclass(frozen=True)
class Outcome:
    """What became of one trial.

    Attributes:
        run: Name of its run's folder.
        values: The settings that were varied; text as it was written, or a number from a range.
        score_db: Best validation vocals SDR; None where there is none.
        state: "finished", "pruned", or why it failed.
        history: Its validations, oldest first.
    """

    run: str
    values: Mapping[str, Any]
    score_db: float | None
    state: str
    history: tuple[Mapping[str, float], ...]

    def last(self, name: str) -> float | None:
        """Return a figure of the last validation."""
        return self.history[-1].get(name) if self.history else None


def write_report(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write `results.md`, `results.csv`, `learning_curves.png` and `scores.png`; `outcomes` are best first."""
    if not outcomes:
        return
    rows = [_row(outcome) for outcome in outcomes]
    with written_whole(folder / "results.csv") as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with written_whole(folder / TABLE) as beside:
        beside.write_text(_page(rows), encoding="utf-8")
    histories = {f"{o.run}: {describe(o.values)}": list(o.history) for o in outcomes if o.history}
    plot_comparison(histories, folder / "learning_curves.png")
    _plot_scores([outcome for outcome in outcomes if outcome.score_db is not None], folder / "scores.png")


def describe(values: Mapping[str, Any]) -> str:
    """Return settings as they are given to `fit`, numbers shortened."""
    return " ".join(f"{key}={_short(value)}" for key, value in values.items())


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "run": outcome.run,
        **outcome.values,
        "vocals SDR (dB)": outcome.score_db,
        "steps": outcome.last("step"),
        "minutes": outcome.last("minutes"),
        "outcome": outcome.state,
    }


def _page(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [[_short(value).replace("|", "\\|") for value in row.values()] for row in rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (list(rows[0]), ["---"] * len(rows[0]), *lines))
    return f"""# Search

Best validation vocals SDR of every run, all with the same wall-clock budget. Differences under 0.3 dB from one seed
are noise.

{table}

![learning curves](learning_curves.png)

![score against each setting](scores.png)
"""


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.{_MOST_DIGITS}g}" if isinstance(value, float) else str(value)


def _plot_scores(outcomes: Sequence[Outcome], path: Path) -> None:
    if not outcomes:
        return
    keys = list(outcomes[0].values)
    figure = Figure(figsize=(4 * len(keys), 3.5), layout="constrained")
    panels = figure.subplots(1, len(keys), sharey=True, squeeze=False)[0]
    for key, axes in zip(keys, panels, strict=True):
        _plot_setting(axes, key, outcomes)
    panels[0].set_ylabel("validation vocals SDR (dB)")
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=110)


def _plot_setting(axes: Axes, key: str, outcomes: Sequence[Outcome]) -> None:
    values = [outcome.values[key] for outcome in outcomes]
    if isinstance(values[0], str):
        names = sorted(set(values), key=_natural)
        values = [names.index(value) for value in values]
        axes.set_xticks(range(len(names)), names)
        axes.margins(x=0.2)
    elif min(values) > 0 and max(values) > _WIDE * min(values):
        axes.set_xscale("log")
    for state, marker in (("finished", "o"), ("pruned", "x")):
        points = [(v, o.score_db) for v, o in zip(values, outcomes, strict=True) if o.state == state]
        if points:
            axes.plot(*zip(*points, strict=True), marker, label=state, alpha=0.8)
    axes.set(xlabel=key)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)


def _natural(text: str) -> tuple[bool, float, str]:
    """Order numbers by value, before words."""
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text
