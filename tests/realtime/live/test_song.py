import time

import numpy as np
import pytest
import soundfile

from realtime.files.errors import AudioFileError
from realtime.live.errors import LiveError
from realtime.live.song import SongSource

RATE, BLOCK = 44100, 256
SECONDS = 4


@pytest.fixture
def audio(rng):
    return rng.uniform(-0.9, 0.9, (2, SECONDS * RATE)).astype(np.float32)


@pytest.fixture
def path(tmp_path, audio):
    path = tmp_path / "song.wav"
    soundfile.write(path, audio.T, RATE, subtype="FLOAT")
    return path


@pytest.fixture
def song(path):
    song = SongSource(path, RATE)
    yield song
    song.close()


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def can_play(song):
    cue, coming = song._cue, song._coming[0]
    return not song._orders and (coming is not cue or cue.at_end or cue.ring.available >= 2 * BLOCK)


def play(song, samples):
    """Read without ever running ahead of the song's thread."""
    parts = []
    for start in range(0, samples, BLOCK):
        out = np.full((2, min(BLOCK, samples - start)), np.nan, np.float32)
        wait_for(lambda: can_play(song))
        song.read(out)
        parts.append(out)
    return np.concatenate(parts, axis=1)


def test_a_song_is_heard_sample_for_sample_to_its_end(song, audio):
    assert np.array_equal(play(song, audio.shape[1] - 100), audio[:, :-100])
    assert not song.is_finished
    assert np.array_equal(play(song, 200), np.pad(audio[:, -100:], ((0, 0), (0, 100))))
    assert song.is_finished
    assert song.position_s == song.duration_s == SECONDS


def test_a_loop_repeats_to_the_sample(song, audio):
    start, end = 22050, 33075
    heard = [play(song, 11025)]
    song.loop(start / RATE, end / RATE)
    heard.append(play(song, 4 * RATE))
    expected = np.concatenate([audio[:, :start], np.tile(audio[:, start:end], 20)], axis=1)
    heard = np.concatenate(heard, axis=1)
    assert np.array_equal(heard, expected[:, : heard.shape[1]])
    assert song.loop_s == (start / RATE, end / RATE)
    assert start <= song.position_s * RATE < end
    song.loop(None)
    play(song, RATE)
    assert song.position_s * RATE > end


def test_after_a_seek_the_samples_are_those_of_that_place(song, audio):
    play(song, 1024)
    song.seek(3.0)
    wait_for(lambda: song.position_s == 3.0)
    heard = play(song, 8192)
    place = round(song.position_s * RATE)
    assert np.array_equal(heard[:, -4096:], audio[:, place - 4096 : place])


def test_pause_is_silent_and_stays(song, audio):
    play(song, 1024)
    song.pause()
    play(song, 1024)
    position_s = song.position_s
    assert not play(song, 4096).any()
    assert song.position_s == position_s
    song.resume()
    heard, place = play(song, 4096), round(position_s * RATE)
    assert np.array_equal(heard[:, 1000:], audio[:, place + 1000 : place + 4096])


def test_pauses_and_seeks_do_not_click(tmp_path):
    time_s = np.arange(2 * RATE) / RATE
    tone = np.tile(0.9 * np.sin(2 * np.pi * 110 * time_s), (2, 1)).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone.T, RATE, subtype="FLOAT")
    song = SongSource(tmp_path / "tone.wav", RATE)
    heard = [play(song, 2048)]
    song.pause()
    heard.append(play(song, 2048))
    song.resume()
    heard.append(play(song, 2048))
    song.seek(1.2345)
    heard.append(play(song, 20480))
    song.close()
    assert np.abs(np.diff(np.concatenate(heard, axis=1))).max() < 3 * np.abs(np.diff(tone)).max()


def test_a_finished_song_can_be_played_again(song, audio):
    play(song, audio.shape[1] + BLOCK)
    song.seek(0.0)
    wait_for(lambda: not song.is_finished)
    assert np.array_equal(play(song, 4096), audio[:, :4096])


def test_another_rate_is_resampled_to_the_same_length_and_tone(tmp_path):
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    soundfile.write(tmp_path / "mono.flac", 0.5 * tone, RATE)
    song = SongSource(tmp_path / "mono.flac", 48000)
    heard = play(song, 48000)
    song.close()
    assert song.duration_s == 1.0
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    assert np.abs(heard[:, 2000:-2000] - expected[2000:-2000]).max() < 1e-3


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    for name in ("text.wav", "missing.wav"):
        with pytest.raises(AudioFileError, match=name):
            SongSource(tmp_path / name, RATE)
    soundfile.write(tmp_path / "many.wav", np.zeros((100, 12)), RATE)
    with pytest.raises(LiveError, match=r"many.wav.*12 channels"):
        SongSource(tmp_path / "many.wav", RATE)


def test_damage_in_the_middle_ends_the_song_with_a_sentence(tmp_path, audio):
    audio[:, 2 * RATE] = np.nan
    soundfile.write(tmp_path / "broken.wav", audio.T, RATE, subtype="FLOAT")
    song = SongSource(tmp_path / "broken.wav", RATE)
    heard = play(song, 3 * RATE)
    song.close()
    assert "broken.wav" in song.error
    assert song.is_finished
    assert np.isfinite(heard).all()
    assert np.array_equal(heard[:, :RATE], audio[:, :RATE])


@pytest.fixture
def endless(tmp_path, rng):
    """A FLAC file that does not say its length, as from an encoder in a pipe."""
    path = tmp_path / "endless.flac"
    soundfile.write(path, rng.uniform(-0.9, 0.9, (40 * RATE, 2)), RATE)
    content = bytearray(path.read_bytes())
    content[18:26] = (int.from_bytes(content[18:26], "big") >> 36 << 36).to_bytes(8, "big")
    path.write_bytes(content)
    return path


def test_a_song_of_unknown_length_can_be_steered_anywhere(endless):
    song = SongSource(endless, RATE)
    song.seek(30.0)
    wait_for(lambda: song.position_s == 30.0)
    song.loop(20.0, 25.0)
    assert song.loop_s == (20.0, 25.0)
    wait_for(lambda: 20.0 <= song.position_s < 25.0)
    song.close()


def test_a_loop_without_a_length_is_refused(song):
    with pytest.raises(LiveError, match="too short"):
        song.loop(2.0, 2.0)
