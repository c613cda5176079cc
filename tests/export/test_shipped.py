"""Every model that ships is the one its committed checkpoint makes."""

from pathlib import Path

import pytest

from export.verify import verify_export
from realtime.catalog import shipped_models

CHECKPOINTS = Path(__file__).parents[2] / "trainer" / "checkpoints"


@pytest.mark.parametrize("model", shipped_models(), ids=lambda path: path.stem)
def test_a_shipped_model_does_what_its_checkpoint_does(model):
    verify_export(CHECKPOINTS / f"{model.stem}.safetensors", model)
