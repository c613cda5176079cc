"""The transform pairs: what goes in comes out, late by the promised number of samples."""

import numpy as np
import pytest

from realtime.contract import WINDOWS, StftSpec
from realtime.stft import StreamingStft, window_pair
from tests.realtime.golden import make_vectors

PLAIN = [
    StftSpec(64, hop, analysis, synthesis)
    for hop in (8, 16, 32)
    for analysis in WINDOWS[:2]
    for synthesis in WINDOWS[:2]
]
ASYMMETRIC = [
    StftSpec(n_fft, hop, "asymmetric", "asymmetric") for n_fft, hop in ((64, 8), (64, 32), (90, 20), (2048, 512))
]
SHIPPED = [StftSpec(1024, 256, "sqrt_hann", "sqrt_hann"), StftSpec(4096, 1024, "hann", "hann")]


def _stream(stft, audio, mask=1.0):
    """Return `audio` `(channels, samples)` after analysis, a mask per bin, and synthesis, hop by hop."""
    out = np.empty_like(audio)
    for start in range(0, audio.shape[1], stft.spec.hop_length):
        hop = slice(start, start + stft.spec.hop_length)
        stft.synthesize(stft.analyze(audio[:, hop]) * mask, out[:, hop])
    return out


@pytest.mark.parametrize("spec", [*PLAIN, *ASYMMETRIC, *SHIPPED], ids=str)
def test_every_window_pair_reconstructs_perfectly(spec, rng):
    audio = rng.uniform(-1, 1, (2, 3 * spec.n_fft // spec.hop_length * spec.hop_length))
    stft = StreamingStft(spec, 2, 2, np.float64)
    out = _stream(stft, audio)
    assert np.abs(out[:, stft.delay_samples :] - audio[:, : -stft.delay_samples]).max() <= 1e-12
    assert np.abs(out[:, : stft.delay_samples]).max() <= 1e-12


@pytest.mark.parametrize("spec", [*PLAIN, *ASYMMETRIC, *SHIPPED], ids=str)
def test_windows_have_the_declared_lengths_and_are_finite(spec):
    analysis, synthesis = window_pair(spec)
    assert analysis.shape == (spec.n_fft,)
    assert synthesis.shape == (spec.synthesis_samples,)
    assert np.isfinite(analysis).all()
    assert np.isfinite(synthesis).all()


@pytest.mark.parametrize("pair", make_vectors.PAIRS)
def test_agrees_with_golden_vectors(pair):
    spec = StftSpec(*make_vectors.PAIRS[pair])
    with np.load(make_vectors.VECTORS) as golden:
        audio, spectrum, masked = golden["audio"], golden[f"{pair}.spectrum"], golden[f"{pair}.masked"]
    stft = StreamingStft(spec, 2, 2, np.float64)
    hops = np.split(audio, audio.shape[1] // spec.hop_length, axis=1)
    frames = np.stack([stft.analyze(hop).copy() for hop in hops], axis=-1)
    assert np.abs(frames - spectrum).max() <= 1e-12
    stft.reset()
    out = _stream(stft, audio, np.exp(-np.arange(spec.bins) / spec.n_fft))
    delay = stft.delay_samples
    assert np.abs(out[:, delay:] - masked[:, : audio.shape[1] - delay]).max() <= 1e-12


def test_golden_vectors_are_what_their_script_makes():
    made = make_vectors.make_vectors()
    with np.load(make_vectors.VECTORS) as golden:
        assert set(golden) == set(made)
        for name, values in made.items():
            np.testing.assert_allclose(golden[name], values, rtol=0, atol=1e-13)


def test_float32_is_exact_to_120_db(rng):
    spec = StftSpec(2048, 512, "asymmetric", "asymmetric")
    audio = rng.uniform(-1, 1, (2, 16384)).astype(np.float32)
    stft = StreamingStft(spec, 2, 2)
    error = _stream(stft, audio)[:, stft.delay_samples :].astype(np.float64) - audio[:, : -stft.delay_samples]
    assert 10 * np.log10(np.mean(audio[:, : -stft.delay_samples].astype(np.float64) ** 2) / np.mean(error**2)) >= 120


def test_reset_then_replay_is_bit_identical(rng):
    audio = rng.uniform(-1, 1, (2, 640)).astype(np.float32)
    stft = StreamingStft(StftSpec(128, 32, "asymmetric", "asymmetric"), 2, 2)
    first = _stream(stft, audio)
    assert not np.array_equal(_stream(stft, audio), first)
    stft.reset()
    np.testing.assert_array_equal(_stream(stft, audio), first)
