"""Every model that ships is free of what gives a separator away: clicks, seams, pumping, musical noise, false voices.

Each measure is shown to find the fault it is for. Bounds are what holds for the models of today; where listeners need
more, the constant says how much more.
"""

import numpy as np
import pytest
from scipy.signal import istft, stft

from realtime.catalog import shipped_models
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from tests.quality import (
    band,
    birdies_per_s,
    count_clicks,
    level_db,
    pumping_db,
    real_song,
    sdr_db,
    seam_db,
    separate,
)
from tests.training import make_stems
from trainer.data.songs import INSTRUMENTS, References
from trainer.evaluate.leakage import false_vocals_db

# Chance alone makes 1 to 1.5 dB of a song of 6 s.
SEAM_DB = 2.5
# How much the level of the accompaniment may stray: half of what ducking by 6 dB on every beat makes of it.
PUMPING_DB = 1.5
# Real voices make a few by their consonants.
BIRDIES_PER_S = 10.0
# False vocals on music without any, relative to it. Listeners need -30 dB, where they drown in what is there.
FALSE_VOCALS_DB = -7.0
# The same on a mono recording of a narrow band. Listeners need -30 dB here too: this is a voice where nobody sings.
OLD_FALSE_VOCALS_DB = -1.5
# What separates an old recording may cost against a new one of the same song, in the band of the old one.
OLD_COST_DB = 3.5
OLD_BAND_HZ, OLD_NOISE_DB = (200, 4000), -25.0
NOISE_BAND_HZ = (6000, 16000)


@pytest.fixture(params=shipped_models(), ids=lambda path: path.stem, scope="module")
def separator(request):
    return StreamingSeparator(OnnxPlugin(request.param))


@pytest.fixture(scope="module")
def stems(separator):
    """Vocals and accompaniment that the model finds in the real song."""
    return separate(separator, real_song().mixture)


@pytest.fixture(scope="module")
def old_noise():
    """Mono hiss of a shellac disc, `(1, samples)`, at the level of the song; scale it."""
    return np.random.default_rng(78).standard_normal((1, real_song().mixture.shape[1]))


def as_old_recording(audio, noise):
    """Return both channels of a mono recording of a narrow band, and the hiss in it."""
    narrow = band(audio.mean(axis=0, keepdims=True), *OLD_BAND_HZ, real_song().sample_rate)
    hiss = noise * 10 ** ((level_db(narrow) + OLD_NOISE_DB) / 20)
    return np.repeat(narrow + hiss, 2, axis=0), np.repeat(hiss, 2, axis=0)


def test_stems_click_nowhere_the_mixture_does_not(separator, stems):
    mixture, hop = real_song().mixture, separator.spec.call_samples
    # Clicks are found from 0.02 up, but at the first seam of short hops: drums are louder there.
    for stem, height in zip(stems, (0.05, 0.15), strict=True):
        assert count_clicks(stem, mixture) == 0
        seams = range(100 * hop, stem.shape[1] - hop, 40 * hop)
        for seam in list(seams)[:5]:
            clicking = stem.copy()
            clicking[:, seam] += height
            assert count_clicks(clicking, mixture) > 0


def test_chunks_join_without_seams(separator, stems):
    hop = separator.spec.call_samples
    assert all(seam_db(stem, hop) < SEAM_DB for stem in stems)
    steps = np.random.default_rng(0).choice([-3e-3, 3e-3], stems[0].shape[1] // hop + 1).repeat(hop)
    assert seam_db(stems[0] + steps[: stems[0].shape[1]], hop) > SEAM_DB


def test_the_band_does_not_pump(stems):
    truth, rate = real_song().accompaniment, real_song().sample_rate
    assert pumping_db(stems[1], truth, rate) < PUMPING_DB
    on_the_beat = np.arange(truth.shape[1]) % (rate // 2) < rate // 5
    assert pumping_db(stems[1] * np.where(on_the_beat, 0.5, 1), truth, rate) > PUMPING_DB


def test_there_is_no_musical_noise(stems):
    song = real_song()
    for stem, truth in zip(stems, (song.vocals, song.accompaniment), strict=True):
        assert birdies_per_s(stem, truth, song.sample_rate) < BIRDIES_PER_S
    # What a mask does that flickers: it lets single bins of the mixture through.
    spectrum = stft(song.mixture, song.sample_rate, nperseg=2048, noverlap=1536)[2]
    flicker = spectrum * (np.random.default_rng(0).random(spectrum.shape[1:]) < 0.03)
    birdies = istft(flicker, song.sample_rate, nperseg=2048, noverlap=1536)[1][:, : stems[0].shape[1]]
    assert birdies_per_s(stems[0] + birdies, song.vocals, song.sample_rate) > BIRDIES_PER_S


def false_vocals_on(separator, accompaniment):
    """Return the level of what the model takes for a voice where nobody sings, in dB relative to the music."""
    nobody = References(accompaniment, np.zeros_like(accompaniment), accompaniment, real_song().sample_rate)
    return false_vocals_db(nobody, separate(separator, accompaniment)[0])


def test_a_real_band_without_a_singer_stays_whole(separator):
    assert false_vocals_on(separator, real_song().accompaniment) < FALSE_VOCALS_DB


def test_a_synthetic_band_without_a_singer_stays_whole(separator):
    stems = make_stems(6)
    assert false_vocals_on(separator, sum(stems[part] for part in INSTRUMENTS).T) < FALSE_VOCALS_DB


def test_the_meter_of_false_vocals_finds_half_a_voice():
    band_alone = real_song().accompaniment
    nobody = References(band_alone, np.zeros_like(band_alone), band_alone, real_song().sample_rate)
    assert false_vocals_db(nobody, band_alone / 2) == pytest.approx(-6.02, abs=0.01)


def test_an_old_recording_gets_no_noisier(separator, old_noise):
    song = real_song()
    mixture, hiss = as_old_recording(song.mixture, old_noise)
    above = (level_db(band(stem, *NOISE_BAND_HZ, song.sample_rate)) for stem in separate(separator, mixture))
    vocals_db, accompaniment_db = (level - level_db(band(hiss, *NOISE_BAND_HZ, song.sample_rate)) for level in above)
    assert accompaniment_db < 0.5
    assert vocals_db < -6  # no hiss that comes and goes with the voice


def test_an_old_recording_is_separated_nearly_as_well_as_a_new_one(separator, stems, old_noise):
    song = real_song()
    narrow = [band(audio, *OLD_BAND_HZ, song.sample_rate) for audio in (stems[0], song.vocals)]
    found = separate(separator, as_old_recording(song.mixture, old_noise)[0])[0]
    estimate = band(found, *OLD_BAND_HZ, song.sample_rate).mean(axis=0)
    assert sdr_db(estimate, narrow[1].mean(axis=0)) > sdr_db(*narrow) - OLD_COST_DB


def test_an_old_recording_has_no_ghosts_of_its_own(separator, old_noise):
    recording, _ = as_old_recording(real_song().accompaniment, old_noise)
    assert false_vocals_on(separator, recording) < OLD_FALSE_VOCALS_DB
