"""Which songs are scored, and how much of each."""

import numpy as np
import pytest
import soundfile

from trainer.data.songs import find_songs
from trainer.errors import TrainerError
from trainer.evaluate.protocols import PROTOCOLS, complete_songs

RATE = 1000


def write(folder, names=("vocals", "accompaniment"), seconds=2):
    folder.mkdir(parents=True)
    for index, name in enumerate(names):
        samples = np.arange(round(seconds * RATE)) / (RATE * (index + 1) * seconds)
        soundfile.write(folder / f"{name}.wav", samples, RATE, subtype="FLOAT")
    return folder


@pytest.fixture
def songs(tmp_path):
    for index in range(9):
        write(tmp_path / f"song {index}", seconds=40 + index)
    return find_songs(tmp_path)


def test_the_seed_draws_the_songs(songs):
    def drawn(count, seed):
        return [passage.song for passage in PROTOCOLS["full"].adapted(count, None, seed).choose(songs)]

    four = drawn(4, 1)
    assert len(set(four)) == 4
    assert four == [song for song in songs if song in four] == drawn(4, 1)
    assert any(drawn(4, seed) != four for seed in range(2, 6))
    assert drawn(10, 1) == drawn(None, 1) == songs


def test_published_means_25_songs_and_30_seconds_of_each(songs):
    protocol = PROTOCOLS["published"].adapted(None, None, 3)
    passages = protocol.choose(songs)
    assert protocol.songs == 25
    assert all(passage.load().mixture.shape[1] == 30 * RATE for passage in passages)
    assert len({passage.start_s for passage in passages}) > 1
    assert all(0 <= passage.start_s <= passage.song.seconds() - 30 for passage in passages)
    assert passages == PROTOCOLS["published"].adapted(None, None, 3).choose(songs)
    assert passages != PROTOCOLS["published"].adapted(None, None, 4).choose(songs)
    # Another song beside them changes nothing for these.
    assert protocol.choose(songs[1:]) == passages[1:]


def test_a_passage_is_that_part_of_the_song(songs):
    (passage,) = PROTOCOLS["full"].adapted(1, 5.0, 0).choose(songs)
    whole, start = passage.song.load(), round(passage.start_s * RATE)
    np.testing.assert_array_equal(passage.load().vocals, whole.vocals[:, start : start + 5 * RATE])
    assert passage.length_s() == 5


def test_a_song_shorter_than_its_chunk_is_taken_whole(tmp_path):
    write(tmp_path / "short", seconds=7)
    (passage,) = PROTOCOLS["published"].choose(find_songs(tmp_path))
    assert passage.load().mixture.shape[1] == 7 * RATE
    assert passage.length_s() == 7


def test_previews_are_the_short_songs(tmp_path):
    write(tmp_path / "long", seconds=61)
    with pytest.raises(TrainerError, match=r"none of the 1 songs.*--protocol full"):
        PROTOCOLS["previews"].choose(find_songs(tmp_path))
    write(tmp_path / "short", seconds=7)
    assert [passage.name for passage in PROTOCOLS["previews"].choose(find_songs(tmp_path))] == ["short"]


def test_chunks_shorter_than_a_window_are_refused():
    with pytest.raises(TrainerError, match=r"--seconds 0\.5"):
        PROTOCOLS["published"].adapted(None, 0.5, 0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("vocals",), r"bad: has no accompaniment, mixture or bass, drums, other"),
        (("mixture", "drums", "bass", "other"), r"bad: has no vocals"),
        (("vocals", "drums", "bass"), r"bad: has no accompaniment"),
    ],
)
def test_a_song_that_lacks_a_stem_is_named(tmp_path, names, message):
    write(tmp_path / "good")
    assert len(complete_songs(tmp_path)) == 1
    write(tmp_path / "bad", names)
    with pytest.raises(TrainerError, match=message):
        complete_songs(tmp_path)


def test_two_songs_of_one_name_are_refused(tmp_path):
    write(tmp_path / "a" / "song")
    write(tmp_path / "b" / "song")
    with pytest.raises(TrainerError, match="two songs called 'song'"):
        complete_songs(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(TrainerError, match="holds no songs"):
        complete_songs(tmp_path)
