"""What ships keeps the contract's promises and says honestly what it can do."""

import numpy as np
import pytest

from realtime.catalog import find_model, shipped_models
from realtime.plugin import OnnxPlugin, read_spec
from realtime.separator import StreamingSeparator


@pytest.fixture(params=shipped_models(), ids=lambda path: path.stem)
def separator(request):
    return StreamingSeparator(OnnxPlugin(request.param))


def noise(spec, rng, seconds=2):
    return 0.1 * rng.standard_normal((spec.channels, seconds * spec.sample_rate)).astype(np.float32)


def test_the_default_model_ships_and_answers_within_23_ms():
    spec = read_spec(find_model("lite"))
    assert spec.causal
    assert spec.latency_ms == pytest.approx(23.2, abs=0.05)


def test_cards_name_scores_test_set_speed_and_licence(separator):
    spec = separator.spec
    assert set(spec.card["scores"]) == {"vocals", "accompaniment"}
    assert all(set(values) == {"SDR", "SIR", "ISR", "SAR"} for values in spec.card["scores"].values())
    assert all(spec.card[key] for key in ("test_set", "rtf", "cpu"))
    assert spec.license
    assert spec.training_data


def test_scores_are_those_of_a_residual_accompaniment(separator):
    """One error shared by both stems: the accompaniment leads by the level difference, never trails the vocals."""
    scores = separator.spec.card["scores"]
    assert scores["accompaniment"]["SDR"] > scores["vocals"]["SDR"]


def test_silence_stays_silent(separator):
    silence = np.zeros((separator.spec.channels, 44100), np.float32)
    assert np.abs(separator.process(silence)).max() < 1e-6


def test_stems_sum_to_the_mixture(separator, rng):
    mixture = noise(separator.spec, rng)
    outputs = separator.process(mixture)
    delayed = mixture[:, : -separator.latency_samples]
    np.testing.assert_allclose(outputs.sum(axis=0)[:, separator.latency_samples :], delayed, atol=1e-6)


def test_replay_after_reset_is_bit_identical(separator, rng):
    mixture = noise(separator.spec, rng)
    first = separator.process(mixture)
    separator.reset()
    assert np.array_equal(separator.process(mixture), first)


def test_noise_is_not_taken_for_singing(separator, rng):
    """White noise has no voice in it: at most a tenth of its power may leave as vocals once the model has settled."""
    outputs = separator.process(noise(separator.spec, rng, seconds=4))[..., separator.spec.sample_rate :]
    vocals = outputs[separator.outputs.index("vocals")]
    assert np.mean(vocals**2) < 0.1 * np.mean(outputs.sum(axis=0) ** 2)
