"""What can go wrong with live audio and can be put right."""

from __future__ import annotations

from realtime.live.parameters import Problem, Trouble


class LiveError(Exception):
    """Live audio cannot go on.

    Args:
        message: One sentence that names the cause and the remedy.
        problem: What kind of thing is wrong.
        subject: The device, model or folder that it is about.
    """

    def __init__(self, message: str, problem: Problem = Problem.OTHER, subject: str = "") -> None:
        super().__init__(message, problem, subject)
        self.trouble = Trouble(message, problem, subject)

    def __str__(self) -> str:
        return self.trouble.message
