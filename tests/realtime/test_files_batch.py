"""A batch of songs: where stems go, what a rerun skips, what failure and cancelling leave behind."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from realtime.files.batch import Batch, SongDone, SongFailed, SongProgress, SongSkipped, SongStarted
from realtime.files.discovery import find_songs
from realtime.files.errors import AudioFileError
from realtime.files.formats import StemFormat
from tests.plugins import gains, identity, make_spec

STEMS = ["accompaniment.wav", "unsing.json", "vocals.wav"]


@pytest.fixture
def model(tmp_path):
    return gains(tmp_path / "model.onnx", make_spec(StftSpec(512, 256, "sqrt_hann", "sqrt_hann")), [[0.5]])


def song(path, samples=2000, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, (samples, 2)), 44100, format="WAV")
    return path


def run(paths, output, model, targets=None, stem_format=None):
    events = []
    batch = Batch(find_songs(paths, output).songs, model, targets, stem_format or StemFormat(), events.append)
    return batch.run(), [event for event in events if not isinstance(event, SongProgress)]


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_stems_of_a_song_sum_to_it(tmp_path, model):
    source = song(tmp_path / "My Song.wav")
    summary, events = run([source], tmp_path / "out", model)
    folder = tmp_path / "out" / "My Song"
    assert (summary.done, summary.failed, summary.cancelled) == (1, 0, False)
    assert [type(event) for event in events] == [SongStarted, SongDone]
    assert listing(folder) == STEMS
    stems = sum(soundfile.read(folder / f"{name}.wav", dtype="float32")[0] for name in ("vocals", "accompaniment"))
    np.testing.assert_allclose(stems, soundfile.read(source, dtype="float32")[0], rtol=0, atol=1e-7)


def test_progress_rises_to_the_length_of_the_song(tmp_path, model):
    events = []
    songs = find_songs([song(tmp_path / "a.wav", 100000)], tmp_path / "out").songs
    Batch(songs, model, None, StemFormat(), events.append).run()
    seconds = [event.seconds for event in events if isinstance(event, SongProgress)]
    assert len(seconds) > 5
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(100000 / 44100)


def test_folders_are_searched_and_kept(tmp_path, model):
    music = tmp_path / "music"
    for name in ("b.wav", "album/a.wav", "album/deep/a.wav", ".hidden.wav", "album/._a.wav", ".cache/x.wav"):
        song(music / name)
    (music / "album" / "cover.jpg").write_bytes(b"jpg")
    found = find_songs([music], tmp_path / "out")
    assert [str(item.folder.relative_to(tmp_path / "out")) for item in found.songs] == ["b", "album/a", "album/deep/a"]
    assert found.ignored == 3
    assert run([music], tmp_path / "out", model)[0].done == 3
    assert listing(tmp_path / "out" / "album" / "deep" / "a") == STEMS


def test_stems_inside_the_searched_folder_are_not_songs(tmp_path, model):
    song(tmp_path / "music" / "a.wav")
    run([tmp_path / "music"], tmp_path / "music" / "stems", model)
    run([tmp_path / "music"], tmp_path / "music", model)
    assert [item.source.name for item in find_songs([tmp_path / "music"], tmp_path / "out").songs] == ["a.wav"]


def test_songs_beside_stems_are_still_songs(tmp_path, model):
    run([song(tmp_path / "music" / "mix.wav")], tmp_path, model)
    (tmp_path / "mix").rename(tmp_path / "music" / "mix")
    song(tmp_path / "music" / "mix" / "other.wav")
    song(tmp_path / "music" / "mix" / "live" / "vocals.wav")
    names = [str(item.source.relative_to(tmp_path)) for item in find_songs([tmp_path / "music"], tmp_path).songs]
    assert names == ["music/mix.wav", "music/mix/other.wav", "music/mix/live/vocals.wav"]


def test_the_two_suffixes_of_a_stem_file_are_no_part_of_its_name(tmp_path):
    names = ("X.stem.mp4", "Y.stem.wav", "Z.mp4", ".stem.mp4")
    found = find_songs([tmp_path / name for name in names], tmp_path / "out").songs
    assert [item.folder.name for item in found] == ["X", "Y.stem", "Z", "song.stem.mp4"]


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    assert find_songs([tmp_path / "empty"], tmp_path / "out").empty_folders == (tmp_path / "empty",)


def test_songs_of_one_name_get_folders_of_their_own_whatever_the_order(tmp_path):
    sources = [song(tmp_path / name) for name in ("x/Song.wav", "y/song.wav", "x/Song.aif")]
    found = [find_songs(order, tmp_path / "out").songs for order in (sources, sources[::-1])]
    folders = [{item.source: item.folder.name for item in songs} for songs in found]
    assert folders[0] == folders[1]
    assert [folders[0][source] for source in sources] == ["Song-2", "song-3", "Song"]


@pytest.mark.parametrize("name", ["wav", "m4a"])
def test_names_in_any_script(tmp_path, model, name):
    source = song(tmp_path / "Größe 歌 50% {x}.wav")
    assert run([source], tmp_path / "out", model, None, StemFormat(name))[0].done == 1
    assert (tmp_path / "out" / "Größe 歌 50% {x}" / f"vocals.{name}").exists()


def test_no_name_leads_out_of_the_output_folder(tmp_path):
    for item in find_songs([tmp_path / "...wav", tmp_path / "..wav", tmp_path / ".wav"], tmp_path / "out").songs:
        assert item.folder.resolve().parent == tmp_path / "out"


def test_a_song_named_twice_is_one_song(tmp_path):
    source = song(tmp_path / "a.wav")
    assert len(find_songs([source, tmp_path / "." / "a.wav", tmp_path], tmp_path / "out").songs) == 1


def test_another_song_of_that_name_leaves_earlier_stems_alone(tmp_path, model):
    run([song(tmp_path / "x" / "a.wav", seed=1)], tmp_path / "out", model)
    before = (tmp_path / "out" / "a" / "vocals.wav").read_bytes()
    run([song(tmp_path / "y" / "a.wav", seed=2)], tmp_path / "out", model)
    assert (tmp_path / "out" / "a" / "vocals.wav").read_bytes() == before
    assert listing(tmp_path / "out") == ["a", "a-2"]


def test_a_rerun_skips_what_is_done(tmp_path, model):
    sources = [song(tmp_path / "a.wav"), song(tmp_path / "b.wav")]
    run(sources, tmp_path / "out", model)
    stamp = (tmp_path / "out" / "a" / "vocals.wav").stat().st_mtime_ns
    summary, events = run(sources, tmp_path / "out", model)
    assert (summary.done, summary.skipped) == (0, 2)
    assert all(isinstance(event, SongSkipped) for event in events)
    assert (tmp_path / "out" / "a" / "vocals.wav").stat().st_mtime_ns == stamp


def change_source(tmp_path):
    song(tmp_path / "a.wav", seed=5)
    os.utime(tmp_path / "a.wav", ns=(1, 1))
    return {}


def change_model(tmp_path):
    return {"model": identity(tmp_path / "other.onnx", make_spec())}


def remove_stem(tmp_path):
    (tmp_path / "out" / "a" / "vocals.wav").unlink()
    return {}


def spoil_receipt(tmp_path):
    (tmp_path / "out" / "a" / "unsing.json").write_text('{"source": 3}')
    return {}


def change_targets(_):
    return {"targets": ["vocals"]}


def change_depth(_):
    return {"stem_format": StemFormat("wav", 16)}


def change_format(_):
    return {"stem_format": StemFormat("flac")}


@pytest.mark.parametrize(
    "change", [change_source, change_model, remove_stem, spoil_receipt, change_targets, change_depth, change_format]
)
def test_a_rerun_does_again_what_would_differ(tmp_path, model, change):
    source = song(tmp_path / "a.wav")
    run([source], tmp_path / "out", model)
    arguments = {"model": model, **change(tmp_path)}
    assert run([source], tmp_path / "out", **arguments)[0].done == 1
    assert run([source], tmp_path / "out", **arguments)[0].skipped == 1


def test_only_the_wanted_target_is_written(tmp_path, model):
    run([song(tmp_path / "a.wav")], tmp_path / "out", model, ["accompaniment"])
    assert listing(tmp_path / "out" / "a") == ["accompaniment.wav", "unsing.json"]


def test_an_unknown_target_is_refused_with_the_names_there_are(tmp_path, model):
    with pytest.raises(AudioFileError, match=r"'drums'.*vocals, accompaniment"):
        Batch((), model, ["drums"], StemFormat(), lambda _: None)


def test_one_bad_song_does_not_stop_the_others(tmp_path, model):
    sources = [tmp_path / "missing.wav", song(tmp_path / "a.wav"), tmp_path / "text.wav", song(tmp_path / "b.wav")]
    (tmp_path / "text.wav").write_text("not audio")
    summary, events = run(sources, tmp_path / "out", model)
    assert (summary.done, summary.failed) == (2, 2)
    assert [event.song.source for event in events if isinstance(event, SongFailed)] == [sources[0], sources[2]]
    assert listing(tmp_path / "out") == ["a", "b"]


def test_a_song_that_turns_bad_half_way_leaves_earlier_stems_alone(tmp_path, model):
    source = song(tmp_path / "a.wav")
    run([source], tmp_path / "out", model)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / "a").iterdir()}
    audio = np.zeros((200000, 2), np.float32)
    audio[-1] = np.nan
    soundfile.write(source, audio, 44100, subtype="FLOAT")
    assert run([source], tmp_path / "out", model)[0].failed == 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "out" / "a").iterdir()} == before


@pytest.mark.parametrize("end", ["input", "folder", "own", "link", "file"])
def test_stems_never_fall_on_what_is_there(tmp_path, model, end):
    """The place of a stem is the song itself, a folder, the user's file or link; or the song's folder is a file."""
    source = tmp_path / "out" / "vocals" / "vocals.wav" if end == "input" else tmp_path / "vocals.wav"
    song(source)
    if end == "folder":
        (tmp_path / "out" / "vocals" / "vocals.wav").mkdir(parents=True)
    if end == "own":
        song(tmp_path / "out" / "vocals" / "vocals.wav", seed=1)
    if end == "link":
        (tmp_path / "out" / "vocals").mkdir(parents=True)
        (tmp_path / "out" / "vocals" / "vocals.wav").symlink_to("nowhere")
    if end == "file":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "vocals").write_text("mine")
    there = sorted(tmp_path.glob("out/**/*"))
    before = {path: path.read_bytes() for path in (source, *there) if path.is_file()}
    summary, events = run([source], tmp_path / "out", model)
    assert summary.failed == 1
    assert str(tmp_path / "out" / "vocals") in events[-1].message
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(tmp_path.glob("out/**/*")) == there


def test_an_error_of_the_listener_is_not_blamed_on_the_song(tmp_path, model):
    def fail(event):
        if isinstance(event, SongProgress):
            raise OSError("nobody listens")

    source = song(tmp_path / "a.wav")
    with pytest.raises(OSError, match="nobody listens"):
        Batch(find_songs([source], tmp_path / "out").songs, model, None, StemFormat(), fail).run()
    assert not (tmp_path / "out").exists()


def test_cancel_from_another_thread_leaves_only_whole_songs(tmp_path, model):
    sources = [song(tmp_path / "a.wav"), song(tmp_path / "b.wav", 1_000_000), song(tmp_path / "c.wav")]
    half_way = threading.Event()

    def watch(event):
        if isinstance(event, SongProgress) and event.song.source == sources[1] and event.seconds > 1:
            half_way.set()

    batch = Batch(find_songs(sources, tmp_path / "out").songs, model, None, StemFormat(), watch)
    canceller = threading.Thread(target=lambda: half_way.wait() and batch.cancel())
    canceller.start()
    summary = batch.run()
    half_way.set()
    canceller.join()
    assert (summary.done, summary.cancelled) == (1, True)
    assert listing(tmp_path / "out") == ["a"]
    assert run(sources, tmp_path / "out", model)[0].done == 2


# Linux counts the peak of the process that started this one into `ru_maxrss`, but not into `VmHWM`.
MEASURED = """
import sys
from pathlib import Path
from realtime.command import main
assert main(sys.argv[1:]) == 0
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def test_memory_does_not_grow_with_the_length(tmp_path, model):
    """The long song holds 35 MB in 32-bit samples, so a single copy of it would show."""
    peaks_kib = []
    for seconds in (10, 100):
        source = song(tmp_path / f"{seconds}.wav", seconds * 44100)
        arguments = ["separate", str(source), "-o", str(tmp_path / "out"), "--model", str(model)]
        command = [sys.executable, "-c", MEASURED, *arguments]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks_kib.append(int(printed.split()[-1]))
    assert peaks_kib[1] - peaks_kib[0] < 20_000


def test_clipping_is_reported_by_stem(tmp_path):
    model = gains(tmp_path / "m.onnx", make_spec(StftSpec(512, 256, "sqrt_hann", "sqrt_hann")), [[4]])
    _, events = run([song(tmp_path / "a.wav", 5000)], tmp_path / "out", model, None, StemFormat("flac"))
    vocals = 4 * soundfile.read(tmp_path / "a.wav")[0]
    assert events[-1].clipped_samples["vocals"] == pytest.approx(np.count_nonzero(np.abs(vocals) > 1), abs=5)
    assert np.abs(soundfile.read(tmp_path / "out" / "a" / "vocals.flac")[0]).max() <= 1
