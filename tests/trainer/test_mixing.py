"""Examples are true mixtures, and a pure function of seed, step and process."""

import dataclasses

import pytest
import torch

from tests.training import tiny_config
from trainer.data.mixing import ExampleMixer
from trainer.data.recordings import Source, find_recordings
from trainer.errors import TrainerError


@pytest.fixture
def recordings(songs):
    return list(find_recordings(Source(songs), 44100))


def config(**mixing):
    base = tiny_config()
    return dataclasses.replace(base, mixing=dataclasses.replace(base.mixing, **mixing))


def powers(audio):
    return audio.square().mean((1, 2))


def test_examples_depend_on_seed_step_and_process_alone(recordings):
    mixers = [ExampleMixer(recordings, config(augment=1.0, coherent=0.5), rank) for rank in (0, 0, 1)]
    first, again, other = (mixer[7] for mixer in mixers)
    assert torch.equal(first.mixture, again.mixture)
    assert not torch.equal(first.mixture, other.mixture)
    assert not torch.equal(first.mixture, mixers[0][8].mixture)


def test_length_is_warmup_plus_crop(recordings):
    batch = ExampleMixer(recordings, config(warmup_s=0.5, crop_s=1.0))[0]
    assert batch.warmup_frames == round(0.5 * 44100 / 512)
    assert batch.mixture.shape == (2, 2, (batch.warmup_frames + round(44100 / 512)) * 512)


def test_muting_leaves_the_other_side_alone(recordings):
    instrumental = ExampleMixer(recordings, config(mute_vocals=1.0))[0]
    bare = ExampleMixer(recordings, config(mute_accompaniment=1.0))[0]
    assert powers(instrumental.vocals).max() == 0
    assert powers(instrumental.mixture).min() > 0
    assert torch.equal(bare.vocals, bare.mixture)


def test_mixing_across_songs_keeps_to_the_levels_asked_for(recordings):
    batches = [
        ExampleMixer(recordings, config(coherent=0.0, gain_db=0.0, vocals_db=-6.0, vocals_spread_db=0.0))[step]
        for step in range(4)
    ]
    for batch in batches:
        ratio_db = 10 * torch.log10(powers(batch.vocals) / powers(batch.mixture - batch.vocals))
        assert ratio_db.tolist() == pytest.approx([-6.0] * 2, abs=0.01)


def test_bandwidth_follows_the_voice(tmp_path, recordings):
    narrow = [dataclasses.replace(recording, bandwidth_hz=8000.0) for recording in recordings]
    assert ExampleMixer(narrow, config())[0].bandwidth_hz.tolist() == [8000.0] * 2


def test_data_without_one_side_are_refused(recordings):
    with pytest.raises(TrainerError, match="no vocals or no accompaniment"):
        ExampleMixer([dataclasses.replace(recording, vocals=None) for recording in recordings], config())
