"""How the guide's network is computed where only its newest columns are wanted.

Its kernels reach over more columns than there are near the bottom of the network, and most of what they give is never
looked at. So time is no axis of a convolution there: columns stand as channels, and a kernel runs along frequency alone
and holds nothing but the taps that meet a column on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

FRAMES = 64  # the least the network takes, one and a half seconds
HOPS_PER_FRAME = 2  # its frames lie twice as far apart as the hops of what it guides
LEVELS = 6
MASK = "mask"
_DOWN_TAPS, _MASK_TAPS = 5, 4
_BEFORE = 1  # columns, and rows, of silence that a layer puts before what it convolves
_MASK_BEFORE, _MASK_STEP = 3, 2
# With more columns than these the published convolution along time is less work.
_MOST_COLUMNS = 4


@dataclass(frozen=True)
class GuideLayer:
    """Newest columns that a layer takes and gives.

    Attributes:
        columns_in, columns_out: How many.
        taps: Which of a kernel's taps meets each column and each neighbour along frequency, one more than the last
            where none does, `(places, columns_out, columns_in, neighbours)`; places are the rows that one row of a
            transposed convolution becomes. None where the layer runs along time as published.
    """

    columns_in: int
    columns_out: int
    taps: NDArray[np.int64] | None = None


def guide_layers(masks: int) -> dict[str, GuideLayer]:
    """Return the layers by their names, in order, where the `masks` newest columns of the mask are wanted."""
    # From the mask back to the bottom: what a column is made of, that is wanted too.
    wanted = [masks + _MASK_BEFORE]
    for level in range(1, LEVELS + 1):
        wanted.append(min((wanted[-1] + _DOWN_TAPS - 2) // 2, FRAMES >> level))
    layers = {f"down{level}": _down(FRAMES >> level) for level in range(1, LEVELS + 1)}
    for level in range(LEVELS, 0, -1):
        layers[f"up{LEVELS + 1 - level}"] = _up(FRAMES >> level, wanted[level], wanted[level - 1])
    return layers | {MASK: _mask(wanted[0], masks)}


def _down(columns: int) -> GuideLayer:
    if 2 * columns > _MOST_COLUMNS:
        return GuideLayer(2 * columns, columns)
    along_time = _tap(np.arange(2 * columns), 2 * np.arange(columns)[:, None] - _BEFORE, _DOWN_TAPS)
    return GuideLayer(2 * columns, columns, _taps(along_time, np.arange(_DOWN_TAPS)[None], _DOWN_TAPS))


def _up(columns: int, columns_in: int, columns_out: int) -> GuideLayer:
    taken, given = np.arange(columns)[-columns_in:], np.arange(2 * columns)[-columns_out:]
    along_time = _tap(given[:, None], 2 * taken - _BEFORE, _DOWN_TAPS)
    along_frequency = _tap(np.arange(2)[:, None], 2 * np.arange(-1, 2) - _BEFORE, _DOWN_TAPS)
    return GuideLayer(columns_in, columns_out, _taps(along_time, along_frequency, _DOWN_TAPS))


def _mask(columns_in: int, columns_out: int) -> GuideLayer:
    given = columns_in - columns_out + np.arange(columns_out)
    along_time = _tap(np.arange(columns_in), given[:, None] - _MASK_BEFORE, _MASK_TAPS, _MASK_STEP)
    return GuideLayer(columns_in, columns_out, _taps(along_time, np.arange(_MASK_TAPS)[None], _MASK_TAPS))


def _tap(places: NDArray[np.int64], first: NDArray[np.int64], count: int, step: int = 1) -> NDArray[np.int64]:
    """Return which of `count` taps, `step` apart from the place `first` on, stands on each place; -1 for none."""
    tap, between = np.divmod(places - first, step)
    return np.where((between == 0) & (tap >= 0) & (tap < count), tap, -1)


def _taps(along_time: NDArray[np.int64], along_frequency: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Join `(columns_out, columns_in)` and `(places, neighbours)` taps of a kernel of `count` by `count`."""
    rows, columns = along_time[None, :, :, None], along_frequency[:, None, None, :]
    return np.where((rows >= 0) & (columns >= 0), count * rows + columns, count * count)


def collapse(weight: Tensor, layer: GuideLayer) -> Tensor:
    """Return the kernel that gives a layer's newest columns.

    Args:
        weight: As published, `(outputs, inputs, time, frequency)`.
        layer: Of `guide_layers`.

    Returns:
        `(outputs * columns_out * places, inputs * columns_in, 1, neighbours)`; `weight` where no column is left out.
    """
    if layer.taps is None:
        return weight
    kernel = F.pad(weight.flatten(2), (0, 1))[..., torch.from_numpy(layer.taps)]
    return kernel.permute(0, 3, 2, 1, 4, 5).flatten(3, 4).flatten(0, 2)[:, :, None].contiguous()
