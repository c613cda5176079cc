"""Measuring models: however short, and ended by Ctrl-C."""

import os
import signal
import subprocess
import sys

from realtime.live.benchmark import measure
from tests.plugins import identity, make_spec
from tests.processes import wait_for_worker


def test_the_shortest_measurement_is_one_call(tmp_path):
    timing = measure(identity(tmp_path / "model.onnx", make_spec()), 1e-6)
    assert timing.hops == 1
    assert timing.p50_ms == timing.max_ms > 0


def test_ctrl_c_ends_it_without_a_word(tmp_path):
    model = identity(tmp_path / "model.onnx", make_spec())
    command = [sys.executable, "-m", "realtime", "benchmark", str(model), "--seconds", "120"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0) as process:
        wait_for_worker(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == b""
