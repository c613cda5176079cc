"""The filter tells apart what stands apart, and leaves alone what does not."""

import pytest
import torch

from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.spatial import SpatialFilter

BINS, FRAMES = 2049, 300
MIDDLE = 0.7, 0.7


@pytest.fixture
def spatial() -> SpatialFilter:
    return SpatialFilter(load_preset("guided"))


@pytest.fixture
def sources() -> torch.Tensor:
    """A voice and a band, one channel each, `(2, BINS, FRAMES)`."""
    torch.manual_seed(0)
    return torch.randn(2, BINS, FRAMES, dtype=torch.complex64)


def run(spatial, vocals, mixture):
    past = torch.zeros(spatial.state_shapes(1)["spatial"])
    return spatial(as_parts(vocals), as_parts(mixture), past)[0]


def as_parts(spectrum):
    return torch.view_as_real(spectrum)[None]


def share_of_first(sources):
    magnitudes = sources.abs()
    return magnitudes[0] / magnitudes.sum(0)


def sdr_db(estimate, target):
    error = (estimate - target)[..., FRAMES // 2 :, :]
    return float(10 * torch.log10(target[..., FRAMES // 2 :, :].square().sum() / error.square().sum()))


def test_music_without_width_is_left_as_the_mask_left_it(spatial, sources):
    mixture = sources.sum(0).expand(2, -1, -1)
    vocals = share_of_first(sources) * mixture
    assert torch.allclose(run(spatial, vocals, mixture), as_parts(vocals), atol=1e-3)


@pytest.mark.parametrize("band", [(1.0, 0.0), (0.3, 0.9), (0.7, -0.7)], ids=["left", "mostly right", "out of phase"])
def test_what_stands_elsewhere_is_taken_out_of_a_voice_in_the_middle(spatial, sources, band):
    voice, others = (
        torch.tensor(at)[:, None, None] * source for at, source in zip([MIDDLE, band], sources, strict=True)
    )
    mixture = voice + others
    masked = share_of_first(sources) * mixture
    target = as_parts(voice)
    assert sdr_db(run(spatial, masked, mixture), target) > sdr_db(as_parts(masked), target) + 3


def test_quiet_music_is_filtered_like_loud_music(spatial, sources):
    mixture = torch.stack([sources.sum(0), sources[1]])
    vocals = share_of_first(sources) * mixture
    loud, quiet = (run(spatial, level * vocals, level * mixture) / level for level in (1, 1e-2))
    assert torch.allclose(loud, quiet, atol=1e-3)


def test_it_can_be_trained_through_where_there_is_nothing(spatial):
    vocals = torch.zeros(2, BINS, 8, dtype=torch.complex64, requires_grad=True)
    run(spatial, vocals, torch.zeros_like(vocals)).square().sum().backward()
    assert torch.isfinite(torch.view_as_real(vocals.grad)).all()


def test_it_works_frame_by_frame():
    with pytest.raises(TrainerError, match="chunk_frames"):
        load_preset("main", ["model.spatial=true", "model.chunk_frames=4"])
