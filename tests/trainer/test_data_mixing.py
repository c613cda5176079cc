"""Examples are true mixtures, and a pure function of seed, step and process."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.training import tiny_config
from trainer.data.mixing import ExampleMixer
from trainer.data.recordings import Recording, find_recordings
from trainer.data.sources import Source
from trainer.errors import TrainerError

RATE = 44100
CPU = torch.device("cpu")
EVERYTHING = {
    "augment": 1.0,
    "unlinked": 0.4,
    "tempo_matched": 0.5,
    "codec": 0.5,
    "coherent": 0.5,
    "mute_vocals": 0.1,
    "mute_accompaniment": 0.1,
}


@pytest.fixture
def recordings(songs):
    return list(find_recordings(Source(songs), RATE))


def config(batch_size=2, **mixing):
    base = tiny_config()
    return dataclasses.replace(
        base,
        mixing=dataclasses.replace(base.mixing, **mixing),
        optimizer=dataclasses.replace(base.optimizer, batch_size=batch_size),
    )


def mixer(recordings, batch_size=2, **mixing):
    return ExampleMixer(recordings, config(batch_size, **mixing), CPU)


def tone(hz, seconds=3.0, level=0.3):
    wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return np.round(32767 * np.stack([wave, wave])).astype(np.int16)


def made(vocals=None, accompaniment=(), kind="songs", **more):
    levels = () if vocals is None else (-10,) * (vocals.shape[1] * 4 // RATE)
    return Recording("made", Source(kind, kind), RATE / 2, vocals, tuple(accompaniment), vocals_db=levels, **more)


def powers(audio):
    return audio.square().mean((1, 2))


def power_at(audio, hz):
    """Return the share of the power of `(batch, 2, samples)` within a tenth of an octave of a frequency."""
    power = torch.fft.rfft(audio * torch.hann_window(audio.shape[-1])).abs().square().mean((0, 1))
    frequencies = torch.fft.rfftfreq(audio.shape[-1], 1 / RATE)
    return float(power[(frequencies / hz).log2().abs() < 0.1].sum() / power.sum())


def test_examples_depend_on_seed_step_and_process_alone(recordings):
    first, again = (mixer(recordings, 6, **EVERYTHING) for _ in range(2))
    again.batch(3)
    one, same, other = first.batch(7), again.batch(7), first.batch(7, rank=1)
    assert all(torch.equal(getattr(one, name), getattr(same, name)) for name in ("mixture", "vocals", "bandwidth_hz"))
    assert not torch.equal(one.mixture, other.mixture)
    assert not torch.equal(one.mixture, first.batch(8).mixture)
    assert one.mixture.isfinite().all()
    assert one.vocals.isfinite().all()


def test_length_is_warmup_plus_crop(recordings):
    batch = mixer(recordings, warmup_s=0.5, crop_s=1.0).batch(0)
    assert batch.warmup_frames == round(0.5 * RATE / 512)
    assert batch.mixture.shape == (2, 2, (batch.warmup_frames + round(RATE / 512)) * 512)


def test_without_augmentation_an_example_is_the_song_as_it_is(recordings):
    song = recordings[0]
    batch = mixer([song], mute_vocals=0.0, gain_db=0.0).batch(0)
    whole = torch.from_numpy(song.vocals.astype(np.float32))[None]
    for mixture, vocals in zip(batch.mixture, batch.vocals, strict=True):
        # Somewhere in the song lies exactly this crop, give or take channels, polarity and level.
        spectra = [torch.fft.rfft(audio.sum(-2), 2**19) for audio in (whole[0], vocals)]
        likeness = torch.fft.irfft(spectra[0] * spectra[1].conj())
        start = int(likeness.abs()[: whole.shape[-1] - vocals.shape[-1]].argmax())
        crop = whole[0, :, start : start + vocals.shape[-1]].mean(0)
        heard = vocals.mean(0)
        gain = (crop @ heard) / (crop @ crop)
        assert (heard - gain * crop).square().sum() < 1e-7 * heard.square().sum()
        assert 10 * torch.log10(mixture.square().mean()) == pytest.approx(-18, abs=0.01)


def test_muting_leaves_the_other_side_alone(recordings):
    instrumental = mixer(recordings, mute_vocals=1.0).batch(0)
    bare = mixer(recordings, mute_accompaniment=1.0).batch(0)
    assert powers(instrumental.vocals).max() == 0
    assert powers(instrumental.mixture).min() > 0
    assert torch.equal(bare.vocals, bare.mixture)


def test_mixing_across_songs_keeps_to_the_levels_asked_for(recordings):
    levels = {"coherent": 0.0, "gain_db": 0.0, "vocals_db": -6.0, "vocals_spread_db": 0.0}
    for step in range(3):
        batch = mixer(recordings, **levels).batch(step)
        ratio_db = 10 * torch.log10(powers(batch.vocals) / powers(batch.mixture - batch.vocals))
        assert ratio_db.tolist() == pytest.approx([-6.0] * 2, abs=0.01)


def test_bandwidth_follows_the_voice(recordings):
    narrow = [dataclasses.replace(recording, bandwidth_hz=8000.0) for recording in recordings]
    assert mixer(narrow).batch(0).bandwidth_hz.tolist() == [8000.0] * 2
    assert mixer(narrow, mute_vocals=1.0).batch(0).bandwidth_hz.tolist() == [RATE / 2] * 2
    higher = mixer(narrow, 8, augment=1.0, unlinked=0.0, speed=0.1, codec=0.0).batch(0).bandwidth_hz
    assert 7200 <= higher.min() < higher.max() <= 8800


def test_labelled_songs_are_only_ever_whole():
    """Stems that cancel each other go on doing so whatever is done to the song; taken apart, they would not."""
    stem = tone(1000)
    labelled = made(stem, [-stem], "labelled")
    for step in range(4):
        batch = mixer([labelled], 4, **EVERYTHING | {"codec": 0.0}).batch(step)
        assert powers(batch.vocals).min() > 0
        assert powers(batch.mixture).max() < 1e-6 * powers(batch.vocals).min()
    others = [made(tone(300), kind="vocals"), made(None, [tone(5000)], "accompaniment")]
    batch = mixer([labelled, *others], 16, coherent=0.0).batch(0)
    assert power_at(batch.mixture, 1000) < 1e-6
    assert power_at(batch.mixture, 300) + power_at(batch.mixture, 5000) > 0.99


def test_the_tempo_of_a_voice_follows_the_backing_and_its_pitch_only_a_little():
    """At 110 beats a minute a voice of 100 goes 1.1 times as fast; past `speed`, its pitch stays."""
    together, apart = (
        mixer(
            [
                made(tone(1000), [tone(3000)], "songs", tempo_bpm=100.0),
                made(None, [tone(3000)], "accompaniment", tempo_bpm=110.0),
            ],
            4,
            coherent=0.0,
            augment=1.0,
            tempo_matched=1.0,
            speed=speed,
            unlinked=0.0,
            codec=0.0,
            eq_db=0.0,
        )
        for speed in (0.11, 0.05)
    )
    heard = torch.cat([together.batch(step).vocals for step in range(4)])
    assert max(power_at(heard, 1100), power_at(heard, 1000)) > 0.1
    assert power_at(heard, 1100) + power_at(heard, 1000) > 0.99
    heard = torch.cat([apart.batch(step).vocals for step in range(4)])
    assert power_at(heard, 1000) > 0.99


def test_a_codec_takes_the_highs_of_vocals_and_mixture_alike():
    noise = np.random.default_rng(1).normal(0, 3000, (2, 3 * RATE)).astype(np.int16)
    batch = mixer([made(noise, [noise[:, ::-1].copy()])], 4, augment=1.0, codec=1.0, speed=0.0, unlinked=0.0).batch(0)
    for audio in (batch.vocals, batch.mixture):
        power = torch.fft.rfft(audio).abs().square().mean((0, 1))
        frequencies = torch.fft.rfftfreq(audio.shape[-1], 1 / RATE)
        assert power[frequencies > 18_500].mean() < 1e-3 * power[frequencies < 9_500].mean()


def test_stems_shorter_than_a_crop_start_again(recordings):
    short = [dataclasses.replace(recordings[0], vocals=recordings[0].vocals[:, :RATE], vocals_db=(-10,) * 4)]
    batch = mixer(short, crop_s=3.0, coherent=0.0, vocals_spread_db=0.0).batch(0)
    assert batch.vocals.shape[-1] > 3 * RATE
    assert (batch.vocals[..., :RATE] - batch.vocals[..., RATE : 2 * RATE]).abs().max() < 1e-4


def test_data_without_one_side_are_refused(recordings):
    with pytest.raises(TrainerError, match="no vocals or no accompaniment"):
        mixer([dataclasses.replace(recording, vocals=None) for recording in recordings])
