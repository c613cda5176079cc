"""The engine's state, which only moves as the table allows."""

from __future__ import annotations

from realtime.live.parameters import LEGAL_MOVES, EngineState, Trouble

_NO_TROUBLE = Trouble()


class StateMachine:
    """Where the engine stands.

    Attributes:
        state: Where it stands.
        trouble: Why it came there, where that is worth saying.
    """

    def __init__(self) -> None:
        self.state = EngineState.STOPPED
        self.trouble = Trouble()

    def move(self, state: EngineState, trouble: Trouble = _NO_TROUBLE) -> None:
        """Go to `state`; staying is always allowed.

        Raises:
            ValueError: The table has no such move.
        """
        if state is not self.state and state not in LEGAL_MOVES[self.state]:
            raise ValueError(f"the engine cannot go from {self.state} to {state}")
        self.state, self.trouble = state, trouble
