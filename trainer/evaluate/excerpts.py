"""A few songs to look at and to listen to: spectrograms, waveforms and sound of the same passage by every separator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from trainer.data.songs import Audio
from trainer.evaluate.bsseval import TARGETS
from trainer.evaluate.estimators import Estimator
from trainer.evaluate.plots import plot_spectrograms
from trainer.evaluate.protocols import Passage
from trainer.outputs import make_folder, written_whole

EXCERPT_S = 10.0


def choose_songs(scores: NDArray[np.float64]) -> list[int]:
    """Return the songs with the lowest, the median and the highest of `(songs,)` scores; NaN is never chosen."""
    order = [int(index) for index in np.argsort(scores) if np.isfinite(scores[index])]
    places = [0, (len(order) - 1) // 2, len(order) - 1]
    return [order[place] for place in dict.fromkeys(places)] if order else []


def write_excerpt(
    number: int, scored: Passage, estimators: Sequence[Estimator], drawn: Sequence[str], folder: Path
) -> None:
    """Write the sound of the `EXCERPT_S` with the loudest voice, and a picture per target.

    Files are named `NUMBER-mixture.flac`, `NUMBER-TARGET-reference.flac`, `NUMBER-TARGET-LABEL.flac` and
    `NUMBER-TARGET.png`. All that was scored is separated, so that this is what was scored.

    Args:
        number: First part of the names.
        scored: To be separated.
        estimators: Whose sound is written.
        drawn: Labels of those in the pictures.
        folder: To write to.

    Raises:
        TrainerError: The song cannot be read or separated, or a file cannot be written.
    """
    references = scored.load()
    passage = loudest_passage(references.vocals, round(EXCERPT_S * references.sample_rate))
    sound = {target: {"reference": getattr(references, target)[:, passage]} for target in TARGETS}
    for estimator in estimators:
        estimates = estimator.estimate(references)
        for target in TARGETS:
            sound[target][estimator.label] = getattr(estimates, target)[:, passage]
    mixture = references.mixture[:, passage]
    _write_sound(folder / f"{number}-mixture.flac", mixture, references.sample_rate)
    for target, by_label in sound.items():
        for label, audio in by_label.items():
            _write_sound(folder / f"{number}-{target}-{label}.flac", audio, references.sample_rate)
        shown = {f"{target}, {label}": by_label[label] for label in ("reference", *drawn)}
        plot_spectrograms(folder / f"{number}-{target}.png", {"mixture": mixture, **shown}, references.sample_rate)


def make_private_folder(folder: Path) -> Path:
    """Make a folder that git leaves out: songs stay under their own rights.

    Raises:
        TrainerError: The file system refuses.
    """
    make_folder(folder)
    with written_whole(folder / ".gitignore") as beside:
        beside.write_text("*\n")
    return folder


def loudest_passage(audio: Audio, samples: int) -> slice:
    """Return where the most power of `(channels, samples)` lies, found in steps of a tenth."""
    step = max(1, samples // 10)
    energy = np.concatenate([[0.0], np.cumsum(np.sum(audio.astype(np.float64) ** 2, axis=0))])
    starts = np.arange(0, max(1, audio.shape[1] - samples + 1), step)
    ends = np.minimum(starts + samples, audio.shape[1])
    start = int(starts[np.argmax(energy[ends] - energy[starts])])
    return slice(start, min(start + samples, audio.shape[1]))


def _write_sound(path: Path, audio: Audio, sample_rate: int) -> None:
    with written_whole(path) as beside:
        soundfile.write(beside, audio.T, sample_rate, subtype="PCM_24")
