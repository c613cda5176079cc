"""Recordings with their stems, packs of them, and the examples drawn from them."""
