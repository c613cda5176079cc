"""Search for good settings: many runs of equal wall time, steered by Optuna."""
