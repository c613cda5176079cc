"""What is compared: models through the streaming host, and baselines."""

import numpy as np
import pytest

from realtime.contract import StftSpec
from tests.plugins import gains, identity, make_spec
from trainer.data.songs import References
from trainer.evaluate import open_unmix
from trainer.evaluate.bsseval import EvaluationError
from trainer.evaluate.estimators import (
    UMXHQ_ROWS,
    Mixture,
    Oracle,
    Spleeter,
    StreamedModel,
    Umxhq,
    find_estimators,
)
from trainer.evaluate.masking import ORACLE_STFT, phase_sensitive_estimate, spectrogram, waveform

RATE = 44100


@pytest.fixture
def references(rng):
    vocals, accompaniment = (
        (0.1 * rng.standard_normal((2, RATE + 17))).astype(np.float32),
        (0.2 * rng.standard_normal((2, RATE + 17))).astype(np.float32),
    )
    return References(vocals + accompaniment, vocals, accompaniment, RATE)


@pytest.mark.parametrize(
    "spec",
    [
        ORACLE_STFT,
        StftSpec(4096, 1024, "hann", "hann"),
        StftSpec(2048, 512, "asymmetric", "asymmetric"),
    ],
    ids=["oracle", "spleeter", "asymmetric"],
)
def test_a_spectrogram_turns_back_into_its_audio(rng, spec):
    audio = rng.standard_normal((2, 10001)).astype(np.float32)
    np.testing.assert_allclose(waveform(spectrogram(audio, spec), spec, audio.shape[1]), audio, atol=1e-5)


def test_the_oracle_is_perfect_where_voice_and_rest_do_not_overlap():
    time_s = np.arange(RATE) / RATE
    vocals, accompaniment = (
        np.sin(2 * np.pi * hz * time_s, dtype=np.float64)[None].astype(np.float32) for hz in (440, 5000)
    )
    estimate = phase_sensitive_estimate(vocals + accompaniment, vocals)
    error = (estimate - vocals)[:, 2048:-2048]
    assert 20 * np.log10(np.std(vocals) / np.std(error)) > 60


def test_the_oracle_beats_doing_nothing(references):
    estimates = Oracle().estimate(references)
    idle = Mixture().estimate(references)
    assert np.std(estimates.vocals - references.vocals) < 0.7 * np.std(idle.vocals - references.vocals)
    np.testing.assert_allclose(estimates.vocals + estimates.accompaniment, references.mixture, atol=1e-6)


def test_a_streamed_model_is_aligned_with_the_mixture(tmp_path, references):
    model = StreamedModel.find(
        identity(tmp_path / "same.onnx", make_spec(StftSpec(2048, 512, "asymmetric", "asymmetric")))
    )
    estimates = model.estimate(references)
    np.testing.assert_allclose(estimates.vocals, references.mixture, atol=1e-5)
    np.testing.assert_allclose(estimates.accompaniment, 0, atol=1e-5)
    assert model.latency_ms == pytest.approx(1024 / 44.1)
    assert estimates.busy_s > 0


def test_a_model_without_accompaniment_gets_the_residual(tmp_path, references):
    model = StreamedModel.find(gains(tmp_path / "voice.onnx", make_spec(residual=None), [[0.25]]))
    estimates = model.estimate(references)
    np.testing.assert_allclose(estimates.accompaniment, 0.75 * references.mixture, atol=1e-5)


def test_a_models_identity_follows_its_content_and_not_its_place(tmp_path):
    (tmp_path / "other").mkdir()
    paths = [
        gains(tmp_path / name, make_spec(), [[gain]])
        for name, gain in (("a.onnx", 0.5), ("other/b.onnx", 0.5), ("c.onnx", 0.6))
    ]
    same, moved, changed = (StreamedModel.find(path).identity for path in paths)
    assert same == moved != changed


def test_a_song_at_another_rate_is_refused(tmp_path, references):
    model = StreamedModel.find(identity(tmp_path / "same.onnx", make_spec(sample_rate=48000)))
    with pytest.raises(EvaluationError, match=r"48000 Hz.*44100 Hz"):
        model.estimate(references)


def test_a_model_without_vocals_is_refused(tmp_path):
    path = identity(tmp_path / "drums.onnx", make_spec(targets=("drums",), residual="rest"))
    with pytest.raises(EvaluationError, match=r"drums\.onnx.*drums, rest"):
        StreamedModel.find(path)


@pytest.mark.parametrize("label", ["umxhq", "umxhq-residual", "umxhq-em0", "umxhq-em0-residual"])
def test_without_weights_the_row_says_how_to_get_them_and_what_was_published(label):
    [row] = find_estimators([], [label])
    assert row.label == label
    assert row.unavailable.startswith("not available: ")
    assert "published elsewhere, not measured here: vocals SDR 6.25 dB" in row.unavailable


def test_the_rows_of_umxhq_are_not_taken_for_one_another():
    rows = find_estimators([], list(UMXHQ_ROWS))
    assert len({row.identity for row in rows}) == 4


def test_without_a_checkpoint_the_trained_rival_says_how_to_make_one():
    [row] = find_estimators([], ["umx-trained"])
    assert "python -m trainer fit umx" in row.unavailable


def test_a_missing_weights_file_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"vocals-b62c91ce\.pth: is not there; download .*zenodo"):
        open_unmix.check_weights(tmp_path)


def test_another_file_under_a_published_name_is_refused(tmp_path):
    for name in open_unmix.WEIGHTS.values():
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(EvaluationError, match=r"vocals-b62c91ce\.pth: is not the published file.*2d711642"):
        open_unmix.check_weights(tmp_path)


def test_mono_is_refused_by_what_takes_stereo(references):
    mono = References(*(a[:1] for a in (references.mixture, references.vocals, references.accompaniment)), RATE)
    for row in (Spleeter(), Umxhq("umxhq", None, False, 1)):
        with pytest.raises(EvaluationError, match="stereo at 44100 Hz"):
            row.estimate(mono)


@pytest.mark.parametrize(
    ("models", "baselines", "message"),
    [
        (["no/such.onnx"], [], r"such\.onnx"),
        ([], ["orakel"], "orakel"),
        ([], [], "nothing"),
        ([], ["oracle", "oracle"], "oracle"),
    ],
    ids=["model", "baseline", "nothing", "twice"],
)
def test_rows_that_cannot_be_are_refused(models, baselines, message):
    with pytest.raises(EvaluationError, match=message):
        find_estimators(models, baselines)


def test_weights_without_their_row_are_refused(tmp_path):
    with pytest.raises(EvaluationError, match="add umxhq to --baselines"):
        find_estimators([], ["mixture"], umxhq_weights=tmp_path)
