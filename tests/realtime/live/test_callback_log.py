"""What a callback notes of PortAudio's flags."""

from types import SimpleNamespace

from realtime.live.callback_log import CallbackLog

TIMES = SimpleNamespace(currentTime=10.0, inputBufferAdcTime=9.99, outputBufferDacTime=10.02)
FLAGS = ("input_underflow", "input_overflow", "output_underflow", "output_overflow")


def flags(*names):
    return SimpleNamespace(**{name: name in names for name in FLAGS})


def test_a_gap_that_both_directions_tell_of_is_one_gap():
    log = CallbackLog()
    for status in (flags("input_overflow", "output_underflow"), flags(), flags("input_overflow"), flags(*FLAGS[2:])):
        log.note(1.0, 1.001, TIMES, status)
    assert log.callbacks == 4
    assert log.xruns == 3
