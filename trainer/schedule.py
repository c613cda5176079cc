"""How a training goes along: its learning rate, the memory of its average, and the bar that shows how far it is."""

from __future__ import annotations

import math

from tqdm import tqdm

from trainer.config import Config


def learning_rate(config: Config, step: int, progress: float) -> float:
    """Return the rate of a step, warmed up and annealed; `progress` through the run is from 0 to 1."""
    optimizer = config.optimizer
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    annealed = optimizer.final_learning_rate + cosine * (optimizer.learning_rate - optimizer.final_learning_rate)
    return annealed * min(1.0, (step + 1) / optimizer.warmup_steps)


def average_decay(config: Config, step: int) -> float:
    """Return how much of the average of the weights a step leaves; the first steps leave less."""
    return min(config.optimizer.ema, (1 + step) / (10 + step))


def progress_bar(name: str, begin: float = 0.0, disable: bool | None = None) -> tqdm:
    """Return a bar in percent that tells the time left.

    Args:
        name: What is said before it.
        begin: Where it begins, from 0 to 1.
        disable: Whether nothing is shown; None where nobody looks at the terminal.
    """
    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    return tqdm(total=100, initial=100 * begin, unit="%", desc=name, disable=disable, bar_format=layout)
