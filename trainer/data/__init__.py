"""Recordings with their stems, and the examples drawn from them."""
