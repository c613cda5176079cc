"""Effects do what their names say, in hertz, decibels and seconds."""

import numpy as np
import pytest
import torch

from trainer.data import augmentation
from trainer.data.augmentation import EDGE_SAMPLES, EQ_POINTS, Room

RATE = 44100


def tone(hz, samples, balance=0.5):
    wave = torch.sin(2 * torch.pi * hz * torch.arange(samples, dtype=torch.float64) / RATE).float()
    return torch.stack([wave, balance * wave])[None]


def pitch_of(audio):
    """Return the frequency of a tone `(samples,)`, to a fraction of a bin."""
    size = 2**20
    return int(torch.fft.rfft(audio * torch.hann_window(audio.numel()), size).abs().argmax()) * RATE / size


def played(audio, samples, tempo, pitch):
    resampled = augmentation.resampled_samples(samples, pitch)
    audio = audio[..., : augmentation.source_samples(samples, tempo, pitch)]
    if tempo != pitch:
        audio = augmentation.stretch(audio, tempo / pitch, resampled)
    length = augmentation.spectrum_samples(samples)
    spectrum = augmentation.resampled_spectrum(audio, length)
    return torch.fft.irfft(spectrum, length)[..., EDGE_SAMPLES:][..., :samples]


@pytest.mark.parametrize(
    ("tempo", "pitch"), [(1.0, 1.0), (1.12, 1.12), (0.88, 0.88), (1.2, 1.0), (0.8, 1.0), (1.0, 1.19), (0.9, 0.84)]
)
def test_pitch_and_level_follow_pitch_alone(tempo, pitch):
    heard = played(tone(1000, 4 * RATE), RATE, tempo, pitch)
    assert heard.shape == (1, 2, RATE)
    middle = heard[0, :, 5000:-5000]
    # Lengths with a fast transform come half a percent apart, twelve times finer than a semitone.
    assert pitch_of(middle[0]) == pytest.approx(1000 * pitch, rel=0.006)
    assert float(middle[0].square().mean()) == pytest.approx(0.5, rel=0.03)
    assert torch.allclose(middle[1], 0.5 * middle[0], atol=1e-3)  # the stereo image stays


@pytest.mark.parametrize(("tempo", "pitch"), [(1.12, 1.12), (1.2, 1.0), (0.8, 1.0), (1.0, 1.19), (1.1, 0.9)])
def test_clicks_come_as_fast_as_the_tempo_says(tempo, pitch):
    clicks = torch.zeros(1, 2, 4 * RATE)
    clicks[..., ::11025] = 1.0
    heard = played(clicks, 2 * RATE, tempo, pitch)[0, 0]
    envelope = torch.nn.functional.avg_pool1d(heard.abs()[None], 2048, 64)[0]
    envelope -= envelope.mean()
    spectrum = torch.fft.rfft(envelope * torch.hann_window(envelope.numel()), 2**17).abs()
    rates_hz = torch.fft.rfftfreq(2**17, 64 / RATE)
    spectrum[(rates_hz < 2.5) | (rates_hz > 6)] = 0
    assert float(rates_hz[spectrum.argmax()]) == pytest.approx(4 * tempo, rel=0.02)


def test_nothing_to_do_changes_nothing():
    noise = torch.randn(1, 2, 2 * RATE, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(played(noise, RATE, 1.0, 1.0), noise[..., EDGE_SAMPLES:][..., :RATE], atol=1e-5)
    middle = slice(2048, RATE - 2048)
    stretched, delayed = augmentation.stretch(noise, 1.0, RATE)[..., middle], noise[..., 1024:][..., middle]
    assert (stretched - delayed).square().mean() < 0.1 * delayed.square().mean()


def test_equaliser_curves_go_through_their_points():
    bins = 4097
    points_db = np.array([[0.0] * EQ_POINTS, [6.0] * EQ_POINTS, [0.0, 0.0, 0.0, -6.0, 0.0, 0.0, 0.0]])
    curves_db = 20 * torch.log10(augmentation.eq_gains(points_db, bins, torch.device("cpu")))[:, 0]
    assert curves_db[0].abs().max() < 1e-4
    assert (curves_db[1] - 6).abs().max() < 1e-4
    assert curves_db[2].min() == pytest.approx(-6, abs=0.1)
    assert 22050 * int(curves_db[2].argmin()) / (bins - 1) == pytest.approx(22050 / 32, rel=0.05)  # 5 octaves down


def test_a_room_has_the_level_gap_and_decay_it_was_given():
    rooms = [Room(0.5, 0.03, -10.0), Room(1.0, 0.01, -4.0)]
    tails = augmentation.room_responses(rooms, RATE, torch.Generator().manual_seed(1))
    for room, tail in zip(rooms, tails, strict=True):
        assert 10 * torch.log10(tail.square().sum(-1)).mean() == pytest.approx(room.level_db, abs=0.01)
        assert tail[:, : int(room.gap_s * RATE)].abs().max() == 0
        early, late = (
            tail[:, round(s * RATE) :][:, : RATE // 20].square().mean() for s in (0.1, 0.1 + room.decay_s / 3)
        )
        assert 10 * torch.log10(early / late) == pytest.approx(20, abs=1)


def test_coding_noise_lies_as_far_below_the_music_as_asked():
    noise = torch.randn(3, 2, 2 * RATE, generator=torch.Generator().manual_seed(1))
    noise[..., RATE:] *= 0.01  # it follows the level
    asked_db = torch.tensor([-12.0, -18.0, -24.0])
    error = augmentation.add_coding_noise(noise, asked_db) - noise
    for part in (slice(2048, RATE - 2048), slice(RATE + 2048, -2048)):
        found_db = 10 * torch.log10(error[..., part].square().mean((1, 2)) / noise[..., part].square().mean((1, 2)))
        assert found_db.tolist() == pytest.approx(asked_db.tolist(), abs=1.5)
