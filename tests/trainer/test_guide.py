"""The guide hears what Spleeter hears under a window of its own, and masks what Spleeter would mask."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from realtime.stft import window_pair
from trainer.config import load_preset
from trainer.errors import TrainerError
from trainer.evaluate import spleeter
from trainer.guide import BINS, LEVEL, Guide
from trainer.guide_layers import FRAMES
from trainer.guide_network import RoundedNetwork
from trainer.guide_weights import published_weights, read_weights, write_weights
from trainer.spectral import Stft


@pytest.fixture(scope="module", params=[(512, 0), (512, 2), (512, 6), (256, 5), (1024, 0), (1024, 2)])
def hops(request) -> tuple[int, int]:
    """How long hops are, and how many what is guided trails by."""
    return request.param


@pytest.fixture(scope="module")
def lookahead_hops(hops) -> int:
    return hops[1]


@pytest.fixture(scope="module")
def guide(hops) -> Guide:
    length, lookahead = hops
    return Guide(load_preset("guided", [f"stft.hop_length={length}", f"model.lookahead_hops={lookahead}"])).eval()


@pytest.mark.parametrize("wanted", [1, 4])
@torch.no_grad()
def test_its_newest_masks_are_those_of_spleeter_with_eight_bits_for_each_weight(wanted):
    torch.manual_seed(0)
    magnitudes = 5 * torch.rand(2, 2, FRAMES, BINS)
    network = spleeter.load_networks()[0]
    published = network(magnitudes) / magnitudes
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
            weight.copy_(torch.fake_quantize_per_channel_affine(weight, *_steps(weight), 0, -127, 127))
    rounded = network(magnitudes) / magnitudes
    masks = RoundedNetwork(published_weights(), wanted)(magnitudes)
    assert masks.shape[2] == wanted
    # What is left is float16 for biases and normalisation.
    assert (masks - rounded[:, :, -wanted:]).abs().max() < 0.005
    assert (masks - published[:, :, -wanted:]).abs().max() < 0.05


@torch.no_grad()
def test_a_file_holds_what_a_plug_in_will_hold(tmp_path):
    write_weights(published_weights(), tmp_path / "guide.safetensors")
    magnitudes = 5 * torch.rand(1, 2, FRAMES, BINS, generator=torch.Generator().manual_seed(0))
    before, after = (
        RoundedNetwork(weights, 1)(magnitudes)
        for weights in (published_weights(), read_weights(tmp_path / "guide.safetensors"))
    )
    assert torch.equal(before, after)


@pytest.mark.parametrize("content", [None, b"no tensors", "another"])
def test_what_is_no_guide_is_refused_by_name(content, tmp_path):
    path = tmp_path / "mine.safetensors"
    if content == "another":
        save_file({"bias": torch.zeros(1)}, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainerError, match=r"mine\.safetensors"):
        Guide(load_preset("guided", [f"model.guide='{path}'"]))


def _steps(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return weight.abs().amax((1, 2, 3)) / 127, torch.zeros(weight.shape[0], dtype=torch.int32)


@torch.no_grad()
def test_masks_stand_as_near_what_sounds_as_the_lookahead_allows(guide, lookahead_hops):
    torch.manual_seed(1)
    frames = 3 * guide.frame_hops
    mixture = torch.randn(1, 2, 2049, frames, 2)
    state = {name: torch.zeros(shape) for name, shape in guide.state_shapes().items()}
    in_use, _, _ = guide(mixture, torch.ones(1, 1, 1, frames, 1), state)
    first = guide.frame_hops - 1
    assert in_use[..., :first].count_nonzero() == 0
    heard = torch.cat([state["guide_heard"], guide.hear(mixture)[:, :, first :: guide.frame_hops]], 2)
    past = {level: torch.zeros(shape) for level, shape in guide.network.past_shapes(1, BINS).items()}
    levels, _ = guide.network.follow(heard, past, 0)
    for run, masks in enumerate(guide.network.climb(levels).split(1)[:2]):
        newest = first + run * guide.frame_hops
        for hop in range(newest, newest + guide.frame_hops):
            # Of the frames heard, the first that is no older than what sounds, or the newest.
            sounding = hop - lookahead_hops
            ages = range(masks.shape[2])
            column = max(age for age in ages if not age or newest - age * guide.frame_hops >= sounding)
            assert (in_use[..., hop] - masks[:, :, -1 - column]).abs().max() < 1e-5


@pytest.mark.parametrize("masks", [1, 4])
@torch.no_grad()
def test_what_levels_remember_is_what_a_long_window_shows_of_the_past(masks):
    torch.manual_seed(3)
    network, frames = RoundedNetwork(published_weights(), masks), 2 * FRAMES
    heard = 5 * torch.rand(1, 2, frames, BINS)
    silence = torch.zeros(1, 2, network.past_columns[0], BINS)
    nothing = {level: torch.zeros(shape) for level, shape in network.past_shapes(1, BINS).items()}
    levels, _ = network.follow(torch.cat([silence, heard], 2), nothing, 1)
    # The last frame, whose number all levels remember a column of, so that nothing is newer than in the window.
    for newest, seen in zip(levels[:4], network.descend(heard), strict=False):
        assert (newest[-1] - seen[0, :, -newest.shape[2] :]).abs().max() < 1e-4 * seen.abs().max()
    # A network that forgets answers otherwise.
    forgetful, _ = network.follow(heard[:, :, -network.past_columns[0] - 1 :], nothing, frames)
    assert (forgetful[3][-1] - levels[3][-1]).abs().max() > 0.01 * levels[3].abs().max()


@torch.no_grad()
def test_a_stream_in_pieces_gives_the_masks_of_the_whole(guide):
    torch.manual_seed(4)
    mixture, gain = torch.randn(2, 2, 2049, 75, 2), 0.5 + torch.rand(2, 1, 1, 75, 1)
    state = {name: torch.zeros(shape) for name, shape in guide.state_shapes(2).items()}
    whole, _, last = guide(mixture, gain, state)
    parts = []
    for piece, level in zip(mixture.split(11, 3), gain.split(11, 3), strict=True):
        part, _, state = guide(piece, level, state)
        parts.append(part)
    assert (torch.cat(parts, -1) - whole).abs().max() < 1e-5
    assert all((state[name] - value).abs().max() < 1e-4 * (1 + value.abs().max()) for name, value in last.items())


@pytest.mark.parametrize(("preset", "hops"), [("lite", 1), ("guided", -1), ("guided", 1000)])
def test_only_a_guide_looks_ahead_and_not_too_far(preset, hops):
    with pytest.raises(TrainerError, match="lookahead_hops"):
        load_preset(preset, [f"model.lookahead_hops={hops}"])


@pytest.mark.parametrize("setting", ["stft.n_fft=2048", "stft.hop_length=384"])
def test_another_transform_than_the_one_it_knows_is_refused(setting):
    with pytest.raises(TrainerError, match=setting.split("=")[0]):
        load_preset("guided-lite", [setting])


@torch.no_grad()
def test_it_hears_what_it_was_trained_on_under_the_square_of_our_window(guide, hops):
    stft = load_preset("guided", [f"stft.hop_length={hops[0]}"]).stft
    torch.manual_seed(2)
    audio = torch.randn(1, 2, 16 * stft.hop_length)
    window = torch.from_numpy(window_pair(stft)[0] ** 2).float()
    frames = F.pad(audio, (stft.n_fft - stft.hop_length, 0)).unfold(-1, stft.n_fft, stft.hop_length) * window
    # As loud as noise is under a Hann window, whose mean square is 3/8, at the level it is given everything at.
    expected = LEVEL * (0.375 / window.square().mean()).sqrt() * torch.fft.rfft(frames)[..., :BINS].abs()
    error = guide.hear(Stft(stft).forward(audio)) - expected
    # The window is made of nine bins; one that falls faster takes more.
    assert 20 * torch.log10(expected.norm() / error.norm()) > {1024: 28, 512: 28, 256: 22}[stft.hop_length]
