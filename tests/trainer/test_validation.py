"""The score that steers a training is the field's SDR, window by window."""

import math

import pytest
import torch

from trainer.validation import windowed_sdr_db


def test_noise_at_a_known_level_gives_that_sdr():
    torch.manual_seed(0)
    reference = torch.randn(2, 8000)
    assert windowed_sdr_db(reference + 0.1 * torch.randn(2, 8000), reference, 1000) == pytest.approx(20, abs=0.3)
    assert windowed_sdr_db(0.5 * reference, reference, 1000) == pytest.approx(20 * math.log10(2), abs=0.01)


def test_silent_windows_do_not_count():
    reference = torch.ones(1, 4000)
    reference[:, 1000:] = 0
    assert windowed_sdr_db(reference + 0.1, reference, 1000) == pytest.approx(20, abs=0.01)
    assert math.isnan(windowed_sdr_db(reference, torch.zeros_like(reference), 1000))
