"""Cards say what anybody can measure again, and the README says what the cards say."""

import json
import re
from pathlib import Path

import pytest

from realtime.catalog import shipped_models
from realtime.plugin import read_spec
from trainer.evaluate.bsseval import METRICS, TARGETS
from trainer.evaluate.card import card_check
from trainer.evaluate.demo import demo_song
from trainer.evaluate.estimators import StreamedModel
from trainer.evaluate.metrics import families
from trainer.evaluate.protocols import Passage
from trainer.evaluate.runner import Result, evaluate_one

README = Path(__file__).parents[2] / "README.md"

models = pytest.mark.parametrize("path", shipped_models(), ids=lambda path: path.stem)


@models
def test_the_card_of_a_shipped_model_matches_a_rerun(path):
    """The test set is not here, but the card also holds the scores on a song that everybody has."""
    card = read_spec(path).card
    assert "check" in card, f"score {path.name} again: python -m trainer evaluate --card {path} --data DIR -o REPORT"
    model = StreamedModel.find(path)
    measured = evaluate_one(Passage(demo_song()), model, [family.name for family in families()])
    again = card_check(Result(demo_song().name, model.label, measured))
    assert card["check"]["song"] == again["song"]
    for target in TARGETS:
        assert card["check"]["scores"][target] == pytest.approx(again["scores"][target], abs=0.01)


@models
def test_a_card_is_complete_and_possible(path):
    spec = read_spec(path)
    card = spec.card
    assert card["latency_ms"] == pytest.approx(spec.latency_ms, abs=0.05)
    assert 0 < card["rtf"] < 1
    assert card["cpu"]
    assert re.match(r"\d+ songs of .*BSSEval v4.*1 s windows", card["test_set"])
    for target in TARGETS:
        assert set(METRICS) <= card["scores"][target].keys()
    # Residual accompaniment shares its error with the vocals and has more power than they.
    assert card["scores"]["accompaniment"]["SDR"] > card["scores"]["vocals"]["SDR"]


@models
def test_the_readme_shows_what_the_card_says(path):
    rows = re.findall(rf"^\|[^|\n]*`{path.stem}`[^|\n]*\|([^|\n]+)\|([^|\n]+)\|$", README.read_text(), re.MULTILINE)
    assert len(rows) == 1, f"README.md has {len(rows)} rows of scores for {path.stem}, not one"
    scores = read_spec(path).card["scores"]
    assert [float(value) for value in rows[0]] == [scores[target]["SDR"] for target in TARGETS]


def test_a_card_is_plain_json():
    for path in shipped_models():
        assert json.loads(json.dumps(read_spec(path).card)) == read_spec(path).card
