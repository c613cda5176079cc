"""The demo on its real song, with a plug-in whose separation is known."""

import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from tests.plugins import gains, make_spec
from trainer.evaluate import demo


def test_the_demo_separates_scores_and_draws(tmp_path, capsys):
    model = gains(tmp_path / "half.onnx", make_spec(StftSpec(2048, 512, "asymmetric", "asymmetric")), [[0.5]])
    folder = tmp_path / "out"
    assert demo.main(["--model", str(model), "-o", str(folder)]) == 0

    stems = {name: soundfile.read(folder / f"{name}.wav")[0] for name in ("mixture", "vocals", "accompaniment")}
    np.testing.assert_allclose(stems["vocals"], 0.5 * stems["mixture"], atol=1e-5)
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], stems["mixture"], atol=1e-6)
    assert (folder / "spectrograms.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(folder.iterdir())) == 4

    printed = capsys.readouterr().out
    assert "Falcon 69" in printed
    assert "23.2 ms" in printed
    assert str(folder) in printed
    assert all(words in printed for words in ("vocals SDR", "accompaniment SDR", "real-time factor"))


def test_the_demo_songs_stems_sum_to_its_mixture():
    parts, _ = demo.demo_song().load_parts(demo.START_S, demo.SECONDS)
    mixture = parts.pop("mixture")
    error = mixture - sum(parts.values())
    assert 10 * np.log10((mixture**2).sum() / (error**2).sum()) > 20


@pytest.mark.parametrize("model", ["no-such-model", "no/such.onnx"])
def test_a_missing_model_is_one_sentence(tmp_path, capsys, model):
    assert demo.main(["--model", model, "-o", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error
