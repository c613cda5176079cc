"""Pictures: scores per song, spectrograms of mixture and estimates."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from trainer.data.songs import Audio
from trainer.outputs import written_whole

DYNAMIC_RANGE_DB = 70
LOUDEST_PERCENTILE = 99.95  # a click is louder than any music and would darken the rest
LOWEST_HZ, HIGHEST_HZ = 60.0, 18000.0
FREQUENCY_TICKS_KHZ = (0.1, 0.2, 0.5, 1, 2, 5, 10)
FRAME_S = 0.093
PICTURE_ROWS, PICTURE_COLUMNS, WAVEFORM_COLUMNS = 400, 1200, 2000
COLOURS = ("#4c78a8", "#e4572e", "#2a9d8f", "#b07aa1", "#8d6e63", "#f2a541")


def plot_spectrograms(path: Path, signals: Mapping[str, Audio], sample_rate: int) -> None:
    """Draw a waveform and a log-frequency spectrogram of each signal, one below the other on one dB scale, as a PNG.

    Args:
        path: The picture, written whole or not at all.
        signals: `{title: (channels, samples)}`.
        sample_rate: In Hz.
    """
    pictures = {name: _log_spectrogram_db(audio, sample_rate) for name, audio in signals.items()}
    loudest = max(np.percentile(picture, LOUDEST_PERCENTILE) for picture in pictures.values())
    peak = max(float(np.abs(audio).max()) for audio in signals.values()) or 1.0
    figure = Figure(figsize=(12, 3.4 * len(signals)), layout="constrained")
    axes = figure.subplots(2 * len(signals), 1, sharex=True, gridspec_kw={"height_ratios": [1, 4] * len(signals)})
    figure.get_layout_engine().set(h_pad=0.02, hspace=0.01)
    for index, (name, audio) in enumerate(signals.items()):
        strip, picture = axes[2 * index : 2 * index + 2]
        _draw_waveform(strip, audio, sample_rate, peak, COLOURS[index % len(COLOURS)])
        strip.set_title(name, loc="left", fontweight="bold")
        image = _draw_picture(picture, pictures[name] - loudest, audio.shape[1] / sample_rate, sample_rate)
    axes[-1].set_xlim(0, max(audio.shape[1] for audio in signals.values()) / sample_rate)
    axes[-1].set_xlabel("time (s)")
    figure.colorbar(image, ax=list(axes), label="level (dB, 0 = the loudest parts)", pad=0.01, aspect=50)
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=120)


def plot_scores(path: Path, panels: Sequence[Sequence[tuple[str, Mapping[str, NDArray[np.float64]]]]]) -> None:
    """Draw box plots with one dot per song as a PNG.

    Args:
        path: The picture, written whole or not at all.
        panels: Rows of `(title, {label: (songs,) dB})`; NaN is left out.
    """
    boxes, columns = max(len(scores) for row in panels for _, scores in row), len(panels[0])
    figure = Figure(figsize=(2 + 4.5 * columns, (1.4 + 0.6 * boxes) * len(panels)), layout="constrained")
    for axes_row, row in zip(figure.subplots(len(panels), columns, squeeze=False), panels, strict=True):
        for axes, (title, scores) in zip(axes_row, row, strict=True):
            _draw_boxes(axes, list(scores), [values[np.isfinite(values)] for values in scores.values()])
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set_xlabel("dB")
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=110)


def plot_against(
    path: Path, rival: str, panels: Mapping[str, tuple[NDArray[np.float64], Mapping[str, NDArray[np.float64]]]]
) -> None:
    """Draw every song's score against the rival's as a PNG; what lies above the line is better than the rival.

    Args:
        path: The picture, written whole or not at all.
        rival: Its name.
        panels: `{title: ((songs,) of the rival, {label: (songs,)})}` in dB; NaN is left out.
    """
    figure = Figure(figsize=(6 * len(panels), 5.6), layout="constrained")
    for axes, (title, (theirs, others)) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        looks = itertools.cycle(itertools.product("o^sD", COLOURS))
        for (marker, colour), (label, ours) in zip(looks, others.items(), strict=False):
            look = {"marker": marker, "color": colour, "linewidths": 0, "alpha": 0.85}
            axes.scatter(theirs, ours, s=22, label=label, zorder=3, **look)
        # Through a point among the others, so that the line does not widen the axes.
        middle = float(np.median(theirs[np.isfinite(theirs)])) if np.isfinite(theirs).any() else 0.0
        axes.axline((middle, middle), slope=1, color="black", linewidth=0.8)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set_xlabel(f"{rival} (dB)")
        axes.set_ylabel("others (dB)")
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", frameon=False)
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=110)


def _draw_boxes(axes: Axes, names: Sequence[str], values: Sequence[NDArray[np.float64]]) -> None:
    places = np.arange(len(names), 0, -1)
    boxes = axes.boxplot(
        values,
        positions=places,
        orientation="horizontal",
        widths=0.55,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "black", "linewidth": 1.6},
    )
    spread = np.random.default_rng(0)
    for index, (box, place, row) in enumerate(zip(boxes["boxes"], places, values, strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        box.set(facecolor=colour, alpha=0.35)
        axes.scatter(row, place + spread.uniform(-0.18, 0.18, len(row)), s=9, color=colour, zorder=3, linewidths=0)
        if len(row):
            axes.annotate(f"{np.median(row):.1f}", (np.median(row), place + 0.3), ha="center", va="bottom", fontsize=8)
    axes.set_yticks(places, names)
    axes.set_ylim(0.4, len(names) + 0.75)
    axes.grid(axis="x", alpha=0.3)


def _draw_waveform(axes: Axes, audio: Audio, sample_rate: int, peak: float, colour: str) -> None:
    step = max(1, audio.shape[1] // WAVEFORM_COLUMNS)
    columns = audio[:, : audio.shape[1] // step * step].reshape(audio.shape[0], -1, step)
    times = np.arange(columns.shape[1]) * step / sample_rate
    axes.fill_between(times, columns.min(axis=(0, 2)), columns.max(axis=(0, 2)), color=colour, linewidth=0)
    axes.set_ylim(-peak, peak)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(bottom=False)


def _draw_picture(axes: Axes, picture_db: NDArray[np.float64], seconds: float, sample_rate: int) -> AxesImage:
    low, high = np.log2(_frequency_range_hz(sample_rate))
    image = axes.imshow(
        picture_db,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, low, high),
        cmap="magma",
        vmin=-DYNAMIC_RANGE_DB,
        vmax=0,
        interpolation="bilinear",
    )
    ticks = [khz for khz in FREQUENCY_TICKS_KHZ if low <= np.log2(1000 * khz) <= high]
    axes.set_yticks(np.log2(ticks) + np.log2(1000), [f"{khz:g}" for khz in ticks])
    axes.set_ylabel("frequency (kHz)")
    return image


def _log_spectrogram_db(audio: Audio, sample_rate: int) -> NDArray[np.float64]:
    """Return the level over `(rows, columns)` in dB: Hann frames of about 93 ms, log frequency, the mean over channels.

    Frames this long resolve the harmonics of a low voice.
    """
    size = 1 << round(np.log2(FRAME_S * sample_rate))
    hop = max(1, audio.shape[1] // PICTURE_COLUMNS)
    padded = np.pad(audio, ((0, 0), (size // 2, size)))
    framed = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, : audio.shape[1] : hop]
    window = (np.hanning(size) * (4 / size)).astype(np.float32)
    rows_hz = np.geomspace(*_frequency_range_hz(sample_rate), PICTURE_ROWS)
    bins_hz = np.fft.rfftfreq(size, 1 / sample_rate)
    columns = []
    for column in range(framed.shape[1]):
        power = (np.abs(np.fft.rfft(framed[:, column] * window)) ** 2).mean(axis=0)
        columns.append(np.interp(rows_hz, bins_hz, 10 * np.log10(power + 1e-14)))
    return np.stack(columns, axis=1)


def _frequency_range_hz(sample_rate: int) -> tuple[float, float]:
    return LOWEST_HZ, min(HIGHEST_HZ, sample_rate / 2)
