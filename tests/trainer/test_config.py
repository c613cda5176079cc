"""Configurations read back equal and refuse what they do not know."""

import pytest

from trainer.architecture_settings import PRESETS
from trainer.config import Config, load_preset
from trainer.errors import TrainerError


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.toml")))
def test_presets_load_and_read_back_equal(name):
    config = load_preset(name)
    assert config.name == name
    assert Config.from_dict(config.to_dict()) == config


def test_live_presets_answer_within_23_ms():
    for name in ("lite", "main"):
        config = load_preset(name)
        assert 1000 * config.stft.synthesis_samples / config.sample_rate == pytest.approx(23.2, abs=0.05)


def test_settings_override_a_preset():
    config = load_preset("lite", ["optimizer.batch_size=3", "model.bands=[[2, 8]]", "name=other"])
    assert (config.optimizer.batch_size, config.model.bands, config.name) == (3, ((2, 8),), "other")


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("optimizer.batchsize=3", "optimizer.batchsize"),
        ("optimizer.batch_size=three", "three"),
        ("optimizer.batch_size=true", "batch_size"),
        ("optimizer.batch_size=0", "batch_size"),
        ("model.bands=[[1, 2000]]", "bands"),
        ("model.bands=[]", "bands"),
        ("optimizer.steps=0", "steps"),
        ("optimizer.minutes=-1.0", "minutes"),
        ("optimizer.learning_rate=-1.0", "learning_rate"),
        ("optimizer.weight_decay=nan", "weight_decay"),
        ("optimizer.seed=-1", "seed"),
        ("optimizer.ema=2.0", "ema"),
        ("sample_rate=0", "sample_rate"),
        ('targets=["drums"]', "targets"),
        ("model.bands=[[1, 2, 3]]", "bands"),
        ("stft.analysis_window=square", "square"),
        ("stft=5", "stft"),
        ("name.x=5", "name"),
        ("nonsense", "nonsense"),
    ],
)
def test_wrong_settings_are_named(setting, word):
    with pytest.raises(TrainerError, match=word):
        load_preset("lite", [setting])


def test_unknown_presets_are_told_apart_from_files(tmp_path):
    with pytest.raises(TrainerError, match="lite, lite-12, lite-46, lite-93, main, published"):
        load_preset("heavy")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(TrainerError, match=r"broken\.toml"):
        load_preset(str(broken))
    broken.write_text("name = 'x'")
    with pytest.raises(TrainerError, match="stft"):
        load_preset(str(broken))
