"""How the guide's network is computed where it follows a stream and only its newest columns are wanted.

A column of a level is made of five of the level before, two of them newer than its own place. So with every frame only
the newest columns of a level change, and what they reach back to was finished earlier. A level whose columns are four
frames apart remembers what every fourth frame finished; to the frames between, its past is up to three frames newer
than it should be, which costs nothing that could be measured and leaves a quarter to remember.

Near the bottom kernels reach over more columns than there are, and on the way up most of what they give is never
looked at. So time is no axis of a convolution there: columns stand as channels, and a kernel runs along frequency alone
and holds nothing but the taps that meet a column on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

FRAMES = 64  # the least the network takes, one and a half seconds
LEVELS = 6
FRAMES_COUNTED = 1 << LEVELS  # after these, no level remembers a column out of turn
MASK = "mask"
_DOWN_TAPS, _MASK_TAPS = 5, 4
_BEFORE = 1  # columns, and rows, of silence that a layer puts before what it convolves
_MASK_BEFORE, _MASK_STEP = 3, 2
# As far down a kernel meets columns everywhere, and the published convolution along time is less work.
_ALONG_TIME = 3


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
    layers = {}
    for level in range(1, LEVELS + 1):
        # Those that later frames may change, and one that they do not, and those that are looked at.
        given = min(max(min(level, 2) + 1, wanted[level]), FRAMES >> level)
        layers[f"down{level}"] = _down(level, min(2 * given + _BEFORE, 2 * (FRAMES >> level)), given)
    for level in range(LEVELS, 0, -1):
        layers[f"up{LEVELS + 1 - level}"] = _up(FRAMES >> level, wanted[level], wanted[level - 1])
    return layers | {MASK: _mask(wanted[0], masks)}


def past_columns(layers: Mapping[str, GuideLayer]) -> dict[int, int]:
    """Return how many finished columns each level remembers, where any; frames are level 0."""
    given = [1, *(layers[f"down{level}"].columns_out for level in range(1, LEVELS))]
    taken = [layers[f"down{level}"].columns_in for level in range(1, LEVELS + 1)]
    return {level: taken[level] - given[level] for level in range(LEVELS) if taken[level] > given[level]}


def column_frames(level: int) -> int:
    """Return how many frames lie between two columns of a level."""
    return 1 << level


def _down(level: int, taken: int, given: int) -> GuideLayer:
    if level <= _ALONG_TIME:
        return GuideLayer(taken, given)
    along_time = _tap(np.arange(-taken, 0), 2 * np.arange(-given, 0)[:, None] - _BEFORE, _DOWN_TAPS)
    return GuideLayer(taken, given, _taps(along_time, np.arange(_DOWN_TAPS)[None], _DOWN_TAPS))


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
        layer: Of `guide_layers`, one that does not run along time.

    Returns:
        `(outputs * columns_out * places, inputs * columns_in, 1, neighbours)`.
    """
    kernel = F.pad(weight.flatten(2), (0, 1))[..., torch.from_numpy(layer.taps)]
    return kernel.permute(0, 3, 2, 1, 4, 5).flatten(3, 4).flatten(0, 2)[:, :, None].contiguous()
