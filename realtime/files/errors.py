"""What can go wrong with an audio file, said in one sentence."""

from __future__ import annotations


class AudioFileError(Exception):
    """A file cannot be read, separated or written; the message names it, says why and what to do."""


class CancelledError(Exception):
    """The user asked to stop; what was unfinished has been removed."""
