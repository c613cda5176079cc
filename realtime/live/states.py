"""The engine's state, which only moves as the table allows."""

from __future__ import annotations

from realtime.live.parameters import LEGAL_MOVES, EngineState


class StateMachine:
    """Where the engine stands.

    Attributes:
        state: Where it stands.
        message: Why it came there, where that is worth saying.
    """

    def __init__(self) -> None:
        self.state = EngineState.STOPPED
        self.message = ""

    def move(self, state: EngineState, message: str = "") -> None:
        """Go to `state`; staying is always allowed.

        Raises:
            ValueError: The table has no such move.
        """
        if state is not self.state and state not in LEGAL_MOVES[self.state]:
            raise ValueError(f"the engine cannot go from {self.state} to {state}")
        self.state, self.message = state, message
