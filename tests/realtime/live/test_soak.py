"""The report of a soak, and the empty callback that runs beside it."""

import json
import math
import os
import signal

import pytest

from realtime.live.parameters import EngineSnapshot, StreamSettings
from realtime.live.soak import SoakReport
from realtime.live.stall import StallMeter, Stalls
from tests.processes import wait_for_worker
from tests.servers import jack_server


def _no_number(name):
    pytest.fail(f"{name} is not JSON")


def test_the_report_is_json_even_of_silence():
    report = SoakReport(1.0, StreamSettings(), EngineSnapshot(), Stalls(), None, (90.0,))
    stored = json.loads(report.to_json(), parse_constant=_no_number)
    assert float(stored["snapshot"]["output"]["rms_db"]) == -math.inf
    assert stored["snapshot"]["state"] == "stopped"
    assert stored["memory_mib"] == [90.0]


def test_ctrl_c_does_not_lose_the_figures():
    with jack_server():
        meter = StallMeter(StreamSettings())
        os.kill(wait_for_worker(os.getpid()), signal.SIGINT)
        stalls = meter.finish()
    assert stalls.error == ""
