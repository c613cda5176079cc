"""The detector learns from who sings at the end of what it hears."""

import numpy as np
import pytest
import torch

from trainer.__main__ import main
from trainer.config import load_preset
from trainer.data.mixing import Batch
from trainer.guide import Guide
from trainer.presence import BOTTOM_VALUES, Detector, read_detector
from trainer.presence_training import DETECTOR, PresenceTrainer, Windows, fit_detector

SETTINGS = ["optimizer.batch_size=2", "mixing.crop_s=1.6", "model.presence="]


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    return PresenceTrainer(load_preset("guided", SETTINGS), [], tmp_path_factory.mktemp("run"))


@pytest.fixture
def mixture():
    torch.manual_seed(0)
    return 0.1 * torch.randn(2, 2, 200 * 512)


def windows(trainer, mixture, vocals):
    batch = Batch(mixture, vocals, torch.full((2,), 22050.0), 0)
    return trainer.windows(batch, np.random.default_rng(0))


@pytest.mark.parametrize(("level", "sung"), [(0.5, True), (0.0, False)])
def test_a_window_is_sung_in_where_the_voice_is_heard(trainer, mixture, level, sung):
    found = windows(trainer, mixture, level * mixture)
    assert found.bottoms.shape == (24, BOTTOM_VALUES)
    assert (found.sung == sung).all()


@pytest.mark.parametrize(("mixture_level", "share"), [(1.0, 0.03), (1e-6, 1.0)], ids=["hardly a voice", "silence"])
def test_nothing_is_learned_where_nobody_could_tell(trainer, mixture, mixture_level, share):
    # Of two seconds of music only the end is silent: the level everything is heard at stands.
    vocals = share * mixture
    for audio in (mixture, vocals):
        audio[..., 100 * 512 :] *= mixture_level
    assert len(windows(trainer, mixture, vocals).sung) == 0


def test_voices_that_ended_do_not_count(trainer, mixture):
    vocals = 0.5 * mixture
    vocals[..., 100 * 512 :] = 0
    assert not windows(trainer, mixture, vocals).sung.any()


def test_it_learns_what_tells_song_from_other_music():
    torch.manual_seed(0)
    sung = torch.rand(3000) < 0.5
    bottoms = torch.randn(3000, BOTTOM_VALUES)
    bottoms[:, :50] += 2 * sung[:, None]
    learned = fit_detector(Windows(bottoms[:2500].half(), sung[:2500]), seed=0)
    absent = Detector(learned)(bottoms[2500:]) > 0.5
    assert (absent == ~sung[2500:]).float().mean() > 0.95


def test_a_run_leaves_a_detector_that_guided_models_ask(songs, tmp_path, capsys):
    words = ["presence", "--data", str(songs), "--minutes", "0.05", "-o", str(tmp_path / "run"), *SETTINGS[:2]]
    words += ['validation_songs=["held out"]', "mixing.mute_vocals=0.5"]
    assert main(words) == 0
    assert "missed" in capsys.readouterr().out
    path = tmp_path / "run" / DETECTOR
    shipped, learned = (Guide(load_preset("guided", words)).presence for words in ([], [f"model.presence='{path}'"]))
    assert torch.equal(learned.detector.hidden_bias, read_detector(path)["hidden_bias"])
    assert not torch.equal(learned.detector.hidden_bias, shipped.detector.hidden_bias)
    assert main(words) == 2
    assert "already holds a detector" in capsys.readouterr().err


def test_it_says_what_is_missing_where_nobody_sings(songs, tmp_path, capsys):
    words = ["presence", "--data", str(songs), "--minutes", "0.02", "-o", str(tmp_path / "run"), *SETTINGS[:2]]
    assert main([*words, 'validation_songs=["held out"]', "mixing.mute_vocals=1.0"]) == 2
    assert "without a voice" in capsys.readouterr().err


def test_examples_shorter_than_what_a_guide_hears_are_refused(songs, tmp_path, capsys):
    words = ["presence", "--data", str(songs), "--minutes", "0.02", "-o", str(tmp_path / "run")]
    assert main([*words, "mixing.crop_s=0.5"]) == 2
    assert "mixing.crop_s is 0.5" in capsys.readouterr().err
