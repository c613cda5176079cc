"""The queue behind a window, with its real helper processes: order, pause, cancel, retry, and a process that dies."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from realtime.files.entries import SongState
from realtime.files.formats import StemFormat
from realtime.files.orders import OutputSettings, Searched
from realtime.files.queue import SongQueue
from tests.plugins import gains, make_spec

PATIENCE_S = 60
LONG_S = 20.0  # long enough to be caught in the middle of


@pytest.fixture
def model(tmp_path):
    return gains(tmp_path / "model.onnx", make_spec(StftSpec(512, 256, "sqrt_hann", "sqrt_hann")), [[0.5]])


@pytest.fixture
def queue(tmp_path, model):
    made = SongQueue(OutputSettings(tmp_path / "out", str(model)))
    yield made
    made.close()


def song(path, seconds=0.5, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * 44100), 2))
    soundfile.write(path, audio, 44100, format="WAV")
    return path


def until(queue, met):
    """Poll until `met`, and return all changes seen on the way."""
    changes, end = [], time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end, [queue.entry(key) for key in queue.order]
        changes += queue.poll()
        time.sleep(0.01)
    return changes


def states(queue):
    return [queue.entry(key).state for key in queue.order]


def settled(queue, count):
    return lambda: len(queue.order) == count and not queue.overview().open


def fill(queue, paths):
    queue.pause(True)
    queue.add(paths)
    until(queue, lambda: not queue.overview().searching)


def begin(queue, paths):
    """Hold the queue in the middle of its first song."""
    queue.add(paths)
    until(queue, lambda: len(queue.order) == len(paths) and queue.entry(queue.order[0]).separated_s > 0)
    queue.pause(True)
    assert queue.entry(queue.order[0]).state is SongState.SEPARATING


def test_a_folder_becomes_stems_that_sum_to_the_songs(tmp_path, queue):
    for name in ("a", "album/b"):
        song(tmp_path / "music" / f"{name}.wav")
    queue.add([tmp_path / "music"])
    until(queue, settled(queue, 2))
    assert states(queue) == [SongState.DONE] * 2
    for key in queue.order:
        entry = queue.entry(key)
        stems = sum(soundfile.read(path, dtype="float32")[0] for _, path in entry.stems)
        np.testing.assert_allclose(stems, soundfile.read(entry.source, dtype="float32")[0], rtol=0, atol=1e-6)
    assert (tmp_path / "out" / "album" / "b" / "vocals.wav").is_file()


def test_waveforms_of_song_and_stems_come_by_themselves(tmp_path, queue):
    queue.add([song(tmp_path / "a.wav", 2.0)])
    until(queue, lambda: queue.order and len(queue.entry(queue.order[0]).waveforms) == 3)
    waveforms = queue.entry(queue.order[0]).waveforms
    assert waveforms["mixture"].seconds == pytest.approx(2.0)
    assert max(waveforms["vocals"].peak) == pytest.approx(max(waveforms["mixture"].peak) / 2, abs=2)


def test_what_cannot_be_read_says_so_and_the_queue_goes_on(tmp_path, queue):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a 🌸 שלום.mp3").write_bytes(b"")
    (tmp_path / "music" / "b.flac").write_bytes(b"no audio at all")
    song(tmp_path / "music" / "c 🌸 שלום.wav")
    queue.add([tmp_path / "music", tmp_path / "nowhere.wav"])
    until(queue, settled(queue, 4))
    assert states(queue) == [SongState.FAILED, SongState.FAILED, SongState.DONE, SongState.FAILED]
    first = queue.entry(queue.order[0])
    assert first.message == f"{first.source}: it is empty (0 bytes); get a whole copy"


def test_a_protected_song_can_be_retried_once_it_is_readable(tmp_path, queue):
    source = song(tmp_path / "a.wav")
    whole = source.read_bytes()
    source.write_bytes(b"")
    queue.add([source])
    until(queue, settled(queue, 1))
    assert states(queue) == [SongState.FAILED]
    source.write_bytes(whole)
    queue.retry(queue.order[0])
    until(queue, settled(queue, 1))
    assert states(queue) == [SongState.DONE]


def test_a_folder_without_audio_is_named(tmp_path, queue):
    (tmp_path / "empty").mkdir()
    queue.add([tmp_path / "empty"])
    seen = []
    until(queue, lambda: seen.extend(c for c in queue.poll() if isinstance(c, Searched)) or bool(seen))
    assert seen[0].empty_folders == (tmp_path / "empty",)
    assert queue.overview().songs == 0


def test_a_song_dropped_twice_is_one_song(tmp_path, queue):
    source = song(tmp_path / "a.wav")
    queue.add([source])
    queue.add([tmp_path / "." / "a.wav"])
    until(queue, lambda: not queue.overview().searching)
    assert len(queue.order) == 1


def test_songs_are_separated_in_the_order_of_the_queue(tmp_path, queue):
    fill(queue, [song(tmp_path / f"{name}.wav") for name in "abc"])
    queue.move(queue.order[2], 0)
    queue.pause(False)
    done = []
    for change in until(queue, settled(queue, 3)):
        key = getattr(change, "key", None)
        if key is not None and key not in done:
            done.append(key)
    written = [queue.entry(key).folder / "vocals.wav" for key in queue.order]
    assert [entry.stem for entry in (queue.entry(key).source for key in queue.order)] == ["c", "a", "b"]
    times = [path.stat().st_mtime_ns for path in written]
    assert times == sorted(times)


def test_a_held_song_stands_still_and_goes_on(tmp_path, queue):
    begin(queue, [song(tmp_path / "a.wav", LONG_S)])
    for _ in range(20):  # what was on its way arrives
        queue.poll()
        time.sleep(0.02)
    at = queue.entry(queue.order[0]).separated_s
    for _ in range(20):
        queue.poll()
        time.sleep(0.02)
    assert queue.entry(queue.order[0]).separated_s == at < LONG_S
    queue.pause(False)
    until(queue, settled(queue, 1))
    assert states(queue) == [SongState.DONE]


def test_a_cancelled_song_leaves_nothing_and_the_next_has_its_turn(tmp_path, queue):
    begin(queue, [song(tmp_path / "a.wav", LONG_S), song(tmp_path / "b.wav")])
    queue.cancel(queue.order[0])
    queue.pause(False)
    until(queue, settled(queue, 2))
    assert states(queue) == [SongState.CANCELLED, SongState.DONE]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


def test_a_song_that_is_removed_while_held_is_given_up(tmp_path, queue):
    begin(queue, [song(tmp_path / "a.wav", LONG_S), song(tmp_path / "b.wav")])
    queue.remove(queue.order[0])
    queue.pause(False)
    until(queue, settled(queue, 1))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


def test_the_death_of_the_separating_process_costs_one_song(tmp_path, queue):
    begin(queue, [song(tmp_path / "a.wav", LONG_S), song(tmp_path / "b.wav")])
    os.kill(queue.process_id, signal.SIGKILL)
    queue.pause(False)
    until(queue, settled(queue, 2))
    assert states(queue) == [SongState.FAILED, SongState.DONE]
    assert "broke off" in queue.entry(queue.order[0]).message


def test_an_output_folder_removed_in_mid_run_is_said_and_made_again(tmp_path, queue):
    begin(queue, [song(tmp_path / "a.wav", LONG_S), song(tmp_path / "b.wav")])
    shutil.rmtree(tmp_path / "out")
    queue.pause(False)
    until(queue, settled(queue, 2))
    assert states(queue) == [SongState.FAILED, SongState.DONE]
    assert str(tmp_path / "out") in queue.entry(queue.order[0]).message


def test_a_song_done_before_is_done_at_once_and_another_of_its_name_gets_its_own_folder(tmp_path, queue):
    queue.add([song(tmp_path / "x" / "a.wav"), song(tmp_path / "y" / "a.wav", seed=1)])
    until(queue, settled(queue, 2))
    folders = [queue.entry(key).folder.name for key in queue.order]
    assert folders == ["a", "a-2"]
    written = (tmp_path / "out" / "a" / "vocals.wav").stat().st_mtime_ns
    queue.retry(queue.order[0])
    until(queue, settled(queue, 2))
    assert queue.entry(queue.order[0]).folder.name == "a"
    assert (tmp_path / "out" / "a" / "vocals.wav").stat().st_mtime_ns == written


def test_settings_hold_for_songs_whose_turn_is_to_come(tmp_path, queue, model):
    fill(queue, [song(tmp_path / "a.wav")])
    queue.settings = OutputSettings(
        tmp_path / "other", str(model), ("vocals",), "flac", StemFormat("flac").bit_depth, "{format}/{song} by {model}"
    )
    queue.pause(False)
    until(queue, settled(queue, 1))
    folder = tmp_path / "other" / "flac" / "a by model"
    assert sorted(path.name for path in folder.iterdir()) == ["unsing.json", "vocals.flac"]


def test_thousands_of_files_named_one_by_one_are_taken_without_waiting(tmp_path, queue):
    first = song(tmp_path / "0.wav", 0.01)
    paths = [first, *(tmp_path / f"{'long name ' * 20}{number}.wav" for number in range(1, 3000))]
    queue.pause(True)
    before = time.monotonic()
    queue.add(paths)
    assert queue.overview().searching
    assert time.monotonic() - before < PATIENCE_S / 20  # a full pipe would wait for the other process
    until(queue, lambda: not queue.overview().searching)
    assert len(queue.order) == 3000


def test_what_is_seen_is_read_first(tmp_path, queue):
    fill(queue, [song(tmp_path / f"{index:02d}.wav", 5.0) for index in range(12)])
    last = queue.order[-1]
    queue.look_first([last])
    until(queue, lambda: queue.entry(last).waveforms)
    assert sum(not queue.entry(key).waveforms for key in queue.order) >= 6


def test_the_death_of_the_looking_process_costs_one_waveform(tmp_path, queue):
    fill(queue, [song(tmp_path / f"{index}.wav", 5.0) for index in range(6)])
    until(queue, lambda: any(queue.entry(key).waveforms for key in queue.order))
    scout = next(child for child in multiprocessing.active_children() if child.name.endswith("scout"))
    os.kill(scout.pid, signal.SIGKILL)
    until(queue, lambda: sum(bool(queue.entry(key).waveforms) for key in queue.order) >= 5)
    queue.add([song(tmp_path / "late.wav")])
    until(queue, lambda: len(queue.order) == 7)


def test_closing_leaves_no_half_song(tmp_path, queue):
    begin(queue, [song(tmp_path / "a.wav", LONG_S)])
    assert list((tmp_path / "out").rglob("*.part"))
    queue.close()
    assert not (tmp_path / "out").exists()


def test_the_window_side_loads_nothing_heavy():
    script = "import sys, realtime.files.queue; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "realtime" in loaded
    assert not loaded & {"numpy", "onnxruntime", "onnx", "av", "soundfile", "soxr"}
