"""Which model a machine is advised to use, and that it is measured once only."""

import dataclasses
import hashlib
import json
import math

import pytest

from realtime.live.probe import KnownTimings, ModelTiming, recommend

QUICK = ModelTiming("quick", 11.6, 5.8, 500, 1.0, 2.0, 3.0, 4.0, 0.2, 0.1, 0, 90.0, 4.0)
GOOD = dataclasses.replace(QUICK, name="good", latency_ms=46.4, deadline_ms=23.2, p99_ms=9.0, vocals_sdr_db=6.0)
HEAVY = dataclasses.replace(QUICK, name="heavy", p99_ms=4.0, rtf=0.6, vocals_sdr_db=8.0)

WEIGHTS = b"weights"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "quick.onnx"
    path.write_bytes(WEIGHTS)
    return path


def test_the_best_vocals_that_leave_time_to_spare_are_recommended():
    assert recommend([QUICK, HEAVY, GOOD]) is GOOD


def test_where_none_leaves_time_the_easiest_is_recommended():
    late = dataclasses.replace(QUICK, p99_ms=9.0)
    assert recommend([HEAVY, late]) is late


def test_of_equal_vocals_the_quicker_answer_is_recommended():
    assert recommend([GOOD, dataclasses.replace(QUICK, vocals_sdr_db=6.0)]).name == "quick"


def test_what_was_measured_is_known_the_next_day(tmp_path, model):
    KnownTimings(tmp_path / "speed.json", "this one").put(model, QUICK)
    assert KnownTimings(tmp_path / "speed.json", "this one").get(model) == QUICK


def test_a_timing_without_memory_and_score_is_known_too(tmp_path, model):
    path = tmp_path / "speed.json"
    path.write_text(stored(peak_memory_mib=None, vocals_sdr_db=None))
    assert KnownTimings(path, "this one").get(model) == dataclasses.replace(
        QUICK, peak_memory_mib=None, vocals_sdr_db=None
    )


def test_another_machine_or_another_file_is_measured_anew(tmp_path, model):
    path = tmp_path / "speed.json"
    KnownTimings(path, "this one").put(model, QUICK)
    assert KnownTimings(path, "another").get(model) is None
    model.write_bytes(b"other weights")
    assert KnownTimings(path, "this one").get(model) is None


def stored(**changes):
    """Return a file with what is known of `WEIGHTS`, some of it changed."""
    timing = dataclasses.asdict(QUICK) | changes
    return json.dumps({"machine": "this one", "models": {hashlib.sha256(WEIGHTS).hexdigest(): timing}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"machine": "this one"}',
        '{"machine": "this one", "models": []}',
        '{"machine": "this one", "models": {"a": {}}}',
        stored(p99_ms=None),
        stored(rtf="fast"),
        stored(p99_ms=math.nan),
        stored(deadline_ms=10**400),
    ],
)
def test_a_damaged_file_counts_as_empty(tmp_path, model, text):
    path = tmp_path / "speed.json"
    path.write_text(text)
    known = KnownTimings(path, "this one")
    assert known.get(model) is None
    known.put(model, QUICK)
    assert KnownTimings(path, "this one").get(model) == QUICK


def test_where_nothing_can_be_kept_the_timing_is_still_known(tmp_path, model):
    (tmp_path / "file").write_text("")
    known = KnownTimings(tmp_path / "file" / "speed.json", "this one")
    known.put(model, QUICK)
    assert known.get(model) == QUICK
