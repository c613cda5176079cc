"""The torch transform frames audio exactly as the host does."""

import numpy as np
import pytest
import torch

from realtime.contract import StftSpec
from realtime.stft import StreamingStft
from trainer.spectral import Stft

SPECS = [
    StftSpec(2048, 512, "asymmetric", "asymmetric"),
    StftSpec(2048, 256, "asymmetric", "asymmetric"),
    StftSpec(1024, 256, "sqrt_hann", "sqrt_hann"),
    StftSpec(2048, 512, "hann", "hann"),
]


@pytest.fixture(params=SPECS, ids=str)
def spec(request) -> StftSpec:
    return request.param


def noise(spec: StftSpec) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, 24 * spec.hop_length))


def test_frames_equal_the_streaming_ones(spec):
    audio, streaming = noise(spec), StreamingStft(spec, 2, 2, np.float64)
    hops = np.split(audio, 24, axis=1)
    expected = np.stack([streaming.analyze(hop).copy() for hop in hops], axis=-1)
    found = torch.view_as_complex(Stft(spec, dtype=torch.float64).forward(torch.from_numpy(audio))).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_inverse_reconstructs_perfectly_where_no_frame_is_missing(spec):
    audio, stft = noise(spec), Stft(spec, dtype=torch.float64)
    found = stft.inverse(stft.forward(torch.from_numpy(audio))).numpy()
    whole = audio.shape[1] - (spec.synthesis_samples - spec.hop_length)
    assert found.shape == audio.shape
    assert np.abs(found - audio)[:, :whole].max() <= 1e-12
