import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.live.errors import LiveError
from realtime.live.recorder import Recorder

RATE, BLOCK = 44100, 256
STEP = 2.0**-23
ROOT = Path(__file__).parents[3]

KILLED = """
import os, sys, time
import numpy as np
from realtime.live.recorder import Recorder
recorder = Recorder(sys.argv[1], 44100, {"mix": 2, "microphone": 1})
audio = np.random.default_rng(1).uniform(-0.9, 0.9, (2, 5 * 44100)).astype(np.float32)
for start in range(0, audio.shape[1], 441):
    recorder.push("mix", audio[:, start : start + 441])
    recorder.push("microphone", audio[:1, start : start + 441])
    if start % 44100 == 0:
        time.sleep(0.4)
time.sleep(0.6)
os.kill(os.getpid(), 9)
"""

FULL = """
import resource, sys, time
import numpy as np
from realtime.live.recorder import Recorder
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
recorder = Recorder(sys.argv[1], 44100, {"mix": 2})
audio = np.random.default_rng(1).uniform(-0.9, 0.9, (2, 5 * 44100)).astype(np.float32)
for start in range(0, audio.shape[1], 441):
    recorder.push("mix", audio[:, start : start + 441])
    if start % 44100 == 0:
        time.sleep(0.3)
recorder.close()
print(recorder.error)
"""


def read(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )


def expected():
    return np.random.default_rng(1).uniform(-0.9, 0.9, (2, 5 * RATE)).astype(np.float32)


def test_a_take_holds_what_was_pushed_rounded_to_24_bits(tmp_path, rng):
    audio = rng.uniform(-1, 1, (2, 345 * BLOCK)).astype(np.float32)
    recorder = Recorder(tmp_path / "new" / "folder", RATE, {"mix": 2, "microphone": 1, "vocals": 2})
    for start in range(0, audio.shape[1], BLOCK):
        recorder.push("mix", audio[:, start : start + BLOCK])
        recorder.push("microphone", audio[:1, start : start + BLOCK])
    recorder.close()
    assert recorder.error == ""
    assert recorder.dropped_samples == 0
    assert np.abs(read(recorder.take / "mix.flac") - audio).max() <= STEP
    assert np.abs(read(recorder.take / "microphone.flac") - audio[:1]).max() <= STEP
    assert soundfile.info(recorder.take / "mix.flac").subtype == "PCM_24"
    assert not (recorder.take / "vocals.flac").exists()


def test_a_new_take_never_touches_an_older_one(tmp_path):
    takes = []
    for level in (0.25, 0.5):
        recorder = Recorder(tmp_path, RATE)
        recorder.push("mix", np.full((2, 1000), level, np.float32))
        recorder.close()
        takes.append(recorder.take)
    assert takes[0] != takes[1]
    assert [read(take / "mix.flac")[0, 0] for take in takes] == [0.25, 0.5]


def test_what_is_lost_is_silent_and_tracks_stay_aligned(tmp_path):
    recorder = Recorder(tmp_path, RATE, {"mix": 2, "vocals": 2})
    long = np.full((2, 3 * RATE), 0.5, np.float32)
    recorder.push("mix", long)
    recorder.push("mix", long)  # no room for it
    recorder.push("vocals", long)
    time.sleep(1.0)
    for track in ("mix", "vocals"):
        recorder.push(track, np.full((2, 1000), 0.25, np.float32))
    recorder.close()
    mix, vocals = read(recorder.take / "mix.flac"), read(recorder.take / "vocals.flac")
    assert recorder.dropped_samples == 3 * RATE
    assert mix.shape[1] == 6 * RATE + 1000
    assert not mix[:, 3 * RATE : 6 * RATE].any()
    assert (mix[:, 6 * RATE :] == 0.25).all()
    assert vocals.shape[1] == 3 * RATE + 1000


def test_a_killed_process_leaves_all_but_the_last_second(tmp_path):
    done = run(KILLED, tmp_path)
    assert done.returncode == -9, done.stderr
    (take,) = tmp_path.iterdir()
    for name, channels in (("mix", 2), ("microphone", 1)):
        audio = read(take / f"{name}.flac")
        assert audio.shape[1] > 4 * RATE
        assert np.abs(audio - expected()[:channels, : audio.shape[1]]).max() <= STEP


@pytest.mark.parametrize("limit_bytes", [300_000, 900_000])
def test_a_full_disk_ends_the_recording_with_a_sentence_and_keeps_the_rest(tmp_path, limit_bytes):
    done = run(FULL, tmp_path, limit_bytes)
    assert done.returncode == 0, done.stderr
    (take,) = tmp_path.iterdir()
    assert done.stdout == f"{take}: the disk takes no more, so recording has stopped; make room and record again\n"
    audio = read(take / "mix.flac")
    assert audio.shape[1] / RATE > limit_bytes / 300_000 - 0.7
    assert np.abs(audio - expected()[:, : audio.shape[1]]).max() <= STEP


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LiveError, match=r"file.*choose another folder"):
        Recorder(tmp_path / "file" / "folder", RATE)
