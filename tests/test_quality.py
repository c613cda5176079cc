"""Every model that ships treats all input alike: silent and loud, mono and wide.

Bounds are what holds for the models of today; where listeners need more, the constant says how much more.
"""

import numpy as np
import pytest

from realtime.catalog import shipped_models
from realtime.files.song import SeparatorPool
from realtime.files.song import separate as separate_song
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from tests.quality import level_db, real_song, sdr_db, separate

# Half a step of 20 bits: no converter plays it.
SILENT = 10 ** (-126 / 20)
# Spread of the SDR over -30 to 0 dBFS: a song is no worse for being quiet.
LEVELS_DBFS = (-30, -20, -10, 0)
LEVEL_SPREAD_DB = 0.2
# Likeness of what is separated at either level to the same at -10 dBFS: the difference is masked by the error that is
# there anyhow.
LEVEL_LIKENESS_DB = 30.0
# Side over mid for a centred mixture: from here on the ear hears it in the middle.
CENTRED_DB = -20.0
# Likeness of two separations that ideally are the same; they differ by far less than either does from the truth.
LIKENESS_DB = 12.0


@pytest.fixture(params=shipped_models(), ids=lambda path: path.stem, scope="module")
def separator(request):
    return StreamingSeparator(OnnxPlugin(request.param))


@pytest.fixture(scope="module")
def mixture():
    return real_song().mixture


@pytest.fixture(scope="module")
def vocals(separator, mixture):
    """What the model makes of the song as it is."""
    return separate(separator, mixture)[0]


def scale_to_dbfs(audio, peak_dbfs):
    return audio * (10 ** (peak_dbfs / 20) / np.abs(audio).max())


def test_silence_stays_silent_and_returns_after_music(separator, mixture):
    rate = real_song().sample_rate
    silence = np.zeros((2, 2 * rate))
    assert max(np.abs(stem).max() for stem in separate(separator, silence)) < SILENT
    ends = mixture.shape[1] + separator.spec.stft.n_fft + separator.latency_samples
    faded = separate(separator, np.concatenate([mixture, silence], axis=1))
    assert max(np.abs(stem[:, ends:]).max() for stem in faded) < SILENT


def test_hiss_below_16_bits_is_not_amplified(separator, rng):
    hiss = 1e-5 * rng.standard_normal((2, 2 * real_song().sample_rate))
    assert all(level_db(stem) < level_db(hiss) for stem in separate(separator, hiss))


def test_a_quiet_song_is_separated_as_a_loud_one(separator, mixture):
    truth = real_song().vocals / np.abs(mixture).max()
    found = {level: separate(separator, scale_to_dbfs(mixture, level))[0] / 10 ** (level / 20) for level in LEVELS_DBFS}
    scores = [sdr_db(estimate, truth) for estimate in found.values()]
    assert max(scores) - min(scores) < LEVEL_SPREAD_DB
    assert min(sdr_db(estimate, found[-10]) for estimate in found.values()) > LEVEL_LIKENESS_DB


def test_mono_stays_centred(separator, mixture):
    centred = np.repeat(mixture.mean(axis=0, keepdims=True), 2, axis=0)
    for stem in separate(separator, centred):
        assert level_db(stem[0] - stem[1]) < level_db(stem[0] + stem[1]) + CENTRED_DB


def test_a_mono_file_is_separated_as_its_centred_stereo_twin(separator, mixture):
    pool = SeparatorPool(separator._plugin.path)
    rate = real_song().sample_rate
    mono = mixture.mean(axis=0, keepdims=True)
    found = np.concatenate(list(separate_song([mono], pool, 1, rate)), axis=-1)
    assert found.shape == (2, *mono.shape)
    twin = separate(separator, np.repeat(mono, 2, axis=0))[0].mean(axis=0, keepdims=True)
    assert sdr_db(found[0], twin) > -CENTRED_DB


@pytest.mark.parametrize("turn", [lambda audio: audio[::-1], lambda audio: -audio], ids=["channels", "polarity"])
def test_what_is_turned_comes_out_turned(separator, mixture, vocals, turn):
    assert sdr_db(turn(separate(separator, turn(mixture))[0]), vocals) > LIKENESS_DB


def test_a_silent_channel_stays_silent(separator, mixture):
    left = np.stack([mixture[0], np.zeros_like(mixture[0])])
    assert all(np.abs(stem[1]).max() < SILENT for stem in separate(separator, left))


def test_a_channel_of_wrong_polarity_costs_no_quality(separator, mixture, vocals):
    flip = np.array([[1], [-1]], np.float32)
    truth = real_song().vocals
    assert sdr_db(separate(separator, flip * mixture)[0] * flip, truth) > sdr_db(vocals, truth) - 1
