"""Fixtures every test may use."""

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a random generator that is the same in every run."""
    return np.random.default_rng(20240229)
