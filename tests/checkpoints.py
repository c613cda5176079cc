"""Checkpoints as a run writes them; apart from the rest because they need torch."""

from pathlib import Path

from trainer.checkpoint import WEIGHTS, save_checkpoint
from trainer.config import Config
from trainer.separator import Separator


def write_checkpoint(path: Path, model: Separator, config: Config) -> Path:
    """Write a checkpoint that says of itself all a run would say."""
    about = {
        "config": config.to_dict(),
        "data": [{"folder": "songs", "kind": "songs", "weight": 1.0}],
        "commit": "0",
        "step": 7,
        "seconds": 1.0,
        "best_db": 1.0,
        "validation": {"vocals_db": 1.0, "accompaniment_db": 2.0},
    }
    save_checkpoint(path, {WEIGHTS + name: value for name, value in model.state_dict().items()}, about)
    return path
