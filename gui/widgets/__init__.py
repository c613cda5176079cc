"""Dumb widgets: values go in by `set_x()`, what the user does comes out by signals."""
