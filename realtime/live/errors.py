"""What can go wrong with live audio and can be put right."""


class LiveError(Exception):
    """Live audio cannot go on; the message is one sentence that names the cause and the remedy."""
