"""Prove any plug-in against the contract by running it in the host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.plugin import OnnxPlugin, PluginError
from realtime.separator import StreamingSeparator

_CALLS = 24


def check_plugin(path: Path) -> list[tuple[str, bool]]:
    """Return the contract's promises, in words, each with whether the plug-in keeps it.

    Raises:
        PluginError: The file does not load, or fails on ordinary audio.
    """
    separator = StreamingSeparator(OnnxPlugin(path))
    spec = separator.spec
    samples = _CALLS * spec.call_samples + spec.latency_samples
    mixture = 0.2 * np.random.default_rng(0).standard_normal((spec.channels, samples)).astype(np.float32)
    first = _run(separator, mixture)
    promises: dict[str, Callable[[], bool]] = {
        "finite output for loud input": lambda: _stays_finite(separator, 20 * mixture),
        "silence in gives silence out": lambda: bool(np.abs(_run(separator, 0 * mixture)).max() < 1e-6),
        "reset then replay is bit-identical": lambda: np.array_equal(_run(separator, mixture), first),
    }
    return [(words, holds()) for words, holds in promises.items()]


def _stays_finite(separator: StreamingSeparator, mixture: NDArray[np.float32]) -> bool:
    try:
        return bool(np.isfinite(_run(separator, mixture)).all())
    except PluginError:  # how the host says that estimates are not
        return False


def _run(separator: StreamingSeparator, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    separator.reset()
    return separator.process(mixture)
