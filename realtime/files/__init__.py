"""Separates audio files: reading, writing, one song, and a batch of them."""
