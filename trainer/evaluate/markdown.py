"""The report as a page to read."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence

from trainer.evaluate.bsseval import DITHER_RMS, METRICS, TARGETS, WINDOW_S
from trainer.evaluate.cost import PASSAGE_S
from trainer.evaluate.excerpts import EXCERPT_S
from trainer.evaluate.leakage import PASSAGE_S as UNSUNG_PASSAGE_S
from trainer.evaluate.leakage import UNSUNG_DB
from trainer.evaluate.machine import cpu_name, usable_cores, versions
from trainer.evaluate.metrics import FALSE_VOCALS, SONG_METRICS, VOCALS_LEFT
from trainer.evaluate.report import Report, Row
from trainer.evaluate.statistics import CONFIDENCE, Comparison, Interval

MARK = "\n<!-- below: how it was measured -->\n"


def to_markdown(report: Report) -> str:
    """Return the page; what comes before `MARK` is enough for a terminal."""
    return f"""# Separation of {len(report.passages)} songs

{_score_table(report)}

{_window(report)} In brackets: {CONFIDENCE:.0%} bootstrap interval of the median over songs.

{_further_table(report)}

{_cost_table(report)}
{MARK}
{_comparison(report)}## How it was measured

{report.protocol.describe()} {_singularity(report)} Windows in which a reference or an estimate is silent have no score,
as in museval: {_unscored(report)}. The mixture of a STEMS file is the sum of its stems.

SI-SDR and uSDR (power of the reference over power of the error) take a whole song at once, over both channels, and the
median over songs. *{VOCALS_LEFT}* is the level of the voice in the estimated accompaniment, relative to the voice in
the mixture: 0 dB is all of it. *{FALSE_VOCALS}* is the level of the estimated vocals relative to the mixture in
passages of {UNSUNG_PASSAGE_S:g} s in which the voice lies {-UNSUNG_DB:g} dB or more below the mixture: 0 dB is the
mixture taken for a voice. For both, lower is better.

Models run from their ONNX files through the streaming host. Latency is algorithmic. RTF is processor time on one thread
per second of audio and memory the peak of a whole process, both from a process that does nothing but separate the first
{PASSAGE_S:g} s of {report.passages[0].name}, in this run; a live call, once per block, takes longer. MACs count
the matrix products, convolutions and recurrent layers of the graph, not the transforms around it.

Machine: {cpu_name()}, {usable_cores()} cores, {platform.system()} {platform.machine()}.
Versions: {", ".join(f"{name} {version}" for name, version in versions().items())}.

## Per song

![SDR per song](sdr.png)

![All scores per song](scores.png)
{_excerpts(report)}
{_songs(report)}
"""


def _score_table(report: Report) -> str:
    """Return the table laid out like the published ones: target, model, scores."""
    lines = [
        [target, row.label, *(_interval(row.interval(target, metric)) for metric in METRICS), *_counts(row, target)]
        for target in TARGETS
        for row in report.rows
    ]
    lines += [
        [target, estimator.label, estimator.unavailable, *[""] * 5]
        for target in TARGETS
        for estimator in report.missing
    ]
    order = {target: index for index, target in enumerate(TARGETS)}
    lines.sort(key=lambda line: order[line[0]])
    return _table(["target", "model", *METRICS, "songs", "windows"], lines, words=2)


def _counts(row: Row, target: str) -> list[str]:
    """Return how many songs and windows a row's scores stand on."""
    scored = sum(not math.isnan(value) for value in row.values(target, METRICS[0]))
    return [str(scored), str(row.count("windows") - row.count("silent_references") - row.count("silent_estimates"))]


def _further_table(report: Report) -> str:
    heads = [f"{target} {metric}" for target in TARGETS for metric in SONG_METRICS]
    lines = []
    for row in report.rows:
        values = [_interval(row.interval(target, metric)) for target in TARGETS for metric in SONG_METRICS]
        unsung = row.values("vocals", FALSE_VOCALS)
        lines.append(
            [
                row.label,
                *values,
                _interval(row.interval("accompaniment", VOCALS_LEFT)),
                _interval(row.interval("vocals", FALSE_VOCALS)),
                str(sum(not math.isnan(value) for value in unsung)),
            ]
        )
    return _table(["model", *heads, VOCALS_LEFT, FALSE_VOCALS, "songs with unsung passages"], lines, words=1)


def _cost_table(report: Report) -> str:
    lines = []
    for row in report.rows:
        cost = row.cost
        lines.append(
            [
                row.label,
                cost.window or "",
                _number(row.estimator.latency_ms, 1),
                _number(cost.parameters, 3, 1e-6),
                _number(cost.macs_per_s, 3, 1e-9),
                _number(cost.rtf, 3),
                _number(cost.memory_bytes, 0, 1e-6),
            ]
        )
    heads = ["model", "STFT window", "latency (ms)", "parameters (M)", "GMAC/s", "RTF, one thread", "memory (MB)"]
    return _table(heads, lines, words=2)


def _comparison(report: Report) -> str:
    if not report.challengers():
        return ""
    lines = [
        [target, row.label, metric, *_difference(report.comparison(row, target, metric))]
        for target in TARGETS
        for row in report.challengers()
        for metric in (*METRICS, *SONG_METRICS)
    ]
    heads = ["target", "model", "metric", f"difference to {report.rival}", "higher / lower", "sign test p"]
    table = _table(heads, lines, words=3)
    return f"""## Against {report.rival}

{table}

Medians of the differences song by song, in dB, with {CONFIDENCE:.0%} bootstrap intervals; positive is better than
{report.rival}. {_window(report)}

![Each song against {report.rival}](rival.png)

"""


def _difference(comparison: Comparison) -> list[str]:
    return [
        _interval(comparison.difference, signed=True),
        f"{comparison.higher} / {comparison.lower}",
        "-" if math.isnan(comparison.p_value) else f"{comparison.p_value:.2g}",
    ]


def _window(report: Report) -> str:
    """Return what stands beside every table of scores: which windows, of which songs."""
    seconds = [passage.length_s() for passage in report.passages]
    length = f"{min(seconds):.1f} to {max(seconds):.1f} s" if len(seconds) > 1 else f"{seconds[0]:.1f} s"
    return (
        f"Scores in dB by museval BSSEval v4 in windows of {WINDOW_S:g} s without overlap: median over windows, "
        f"then over {len(seconds)} songs of {length}."
    )


def _singularity(report: Report) -> str:
    row = report.rows[0]
    dithered = row.count("dithered")
    if not dithered:
        return "No reference is band-limited, so BSSEval saw them as they are."
    return (
        f"In {dithered} of {len(row.results)} songs the references are band-limited or have equal channels, which "
        f"makes BSSEval's projection singular; there they carry seeded noise at {DITHER_RMS:g} of full scale, which "
        "does not move SDR."
    )


def _unscored(report: Report) -> str:
    counts = [(row.label, row.count("silent_references"), row.count("silent_estimates")) for row in report.rows]
    return "; ".join(f"{label} {theirs} for the reference, {own} for the estimate" for label, theirs, own in counts)


def _excerpts(report: Report) -> str:
    if not report.excerpts:
        return ""
    pictures = "\n\n".join(
        f"### {passage.name}\n\n" + "\n\n".join(f"![{target}](excerpts/{number}-{target}.png)" for target in TARGETS)
        for number, passage in enumerate(report.excerpts, start=1)
    )
    return f"""
The songs on which {report.rows[-1].label} has its lowest, its median and its highest vocals SDR, where the voice is
loudest ({EXCERPT_S:g} s at most). The sound of every row lies in `excerpts/`.

{pictures}
"""


def _songs(report: Report) -> str:
    """Return the list of what was scored."""
    lines = [
        f"- {passage.name}: {passage.length_s():.1f} s" + (f" from {passage.start_s:g} s on" if passage.seconds else "")
        for passage in report.passages
    ]
    return "\n".join(["## Songs", "", *lines])


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]], words: int) -> str:
    """Return a table whose first columns, as many as `words`, are words and the others figures."""
    rule = ["---"] * words + ["---:"] * (len(heads) - words)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *lines))


def _interval(interval: Interval, signed: bool = False) -> str:
    sign = "+" if signed else ""
    if math.isnan(interval.median):
        return "-"
    if math.isnan(interval.low):
        return f"{interval.median:{sign}.2f}"
    return f"{interval.median:{sign}.2f} [{interval.low:{sign}.2f}, {interval.high:{sign}.2f}]"


def _number(value: float | None, digits: int, scale: float = 1.0) -> str:
    return "" if value is None else f"{value * scale:.{digits}f}"
