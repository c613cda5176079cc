"""The trainer: data, model, losses, training loop and evaluation of causal separators."""
