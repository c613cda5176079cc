"""The engine only moves as its table says."""

import pytest

from realtime.live.parameters import LEGAL_MOVES, EngineState
from realtime.live.states import StateMachine


def test_every_state_is_in_the_table_and_can_be_left_and_reached():
    assert set(LEGAL_MOVES) == set(EngineState)
    assert all(LEGAL_MOVES[state] for state in EngineState)
    assert set().union(*LEGAL_MOVES.values()) == set(EngineState)


@pytest.mark.parametrize("target", [EngineState.RUNNING, EngineState.BYPASSED, EngineState.WARMING_UP])
def test_nothing_sounds_before_it_is_loaded(target):
    with pytest.raises(ValueError, match="cannot go from stopped"):
        StateMachine().move(target)
