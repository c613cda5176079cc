"""The whole engine in its own process, on a real sound server."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from realtime.live.client import EngineClient
from realtime.live.parameters import EngineState, Parameters, Problem, StreamSettings
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from tests import plugins
from tests.engines import BLOCK, PLAYING, RATE, wait_for, wait_for_sound, write_song
from tests.servers import JackPlayer, jack_server

TAIL = RATE // 4
# What a gap of the server's own, one block and the fade after it, may spoil.
GAP_SAMPLES = BLOCK + 64


def play(client, audio):
    """Return what comes out for `audio`, and the last snapshot."""
    with JackPlayer(audio, TAIL) as player:
        player.connect()
        player.play()
        assert player.done.wait(60)
        return player.recording, wait_for(client, lambda snapshot: True)


def assert_equal_but_for_gaps(heard, expected, snapshot):
    """Compare at the delay that fits best; a machine that stalls may spoil the blocks that were counted."""
    found = [np.mean(heard[0, delay : delay + RATE // 2] == expected[0, : RATE // 2]) for delay in range(4096)]
    delay = int(np.argmax(found))
    length = min(heard.shape[1] - delay, expected.shape[1])
    differing = np.count_nonzero((heard[:, delay : delay + length] != expected[:, :length]).any(axis=0))
    allowed = GAP_SAMPLES * (snapshot.xruns + snapshot.misses) + 3 * snapshot.late_samples
    assert differing <= min(allowed, length // 4), (delay, differing, snapshot)
    return delay


@pytest.fixture
def music(rng):
    return np.float32(0.1 * rng.standard_normal((2, 3 * RATE)))


def test_live_output_is_the_file_render_sample_for_sample(client, one_pole, music):
    client.start(StreamSettings(str(one_pole)))
    wait_for_sound(client)
    heard, snapshot = play(client, music)
    rendered = StreamingSeparator(OnnxPlugin(one_pole)).process(music)[1]
    assert_equal_but_for_gaps(heard, rendered, snapshot)


def test_bypass_is_bit_exact_and_as_late_as_the_parts_say(client, one_pole, music):
    client.set(Parameters(bypass=True))
    client.start(StreamSettings(str(one_pole)))
    assert wait_for_sound(client).state is EngineState.BYPASSED
    heard, snapshot = play(client, music)
    delay = assert_equal_but_for_gaps(heard, music, snapshot)
    inside_ms = sum(part.ms for part in snapshot.latency if not part.name.startswith("device"))
    # Between two programs JACK adds one period, which the first of them sees as the device's.
    assert abs(1000 * delay / RATE - inside_ms) < 1000 * BLOCK / RATE + 1


def test_a_server_that_runs_freely_gets_the_same_samples(client, one_pole, rng):
    music = np.float32(0.1 * rng.standard_normal((2, 6 * RATE)))
    client.start(StreamSettings(str(one_pole)))
    wait_for_sound(client)
    with JackPlayer(music, TAIL, pace_s=0.002) as player:
        player.connect()
        player.source.set_freewheel(True)
        player.play()
        assert player.done.wait(60)
        player.source.set_freewheel(False)
    rendered = StreamingSeparator(OnnxPlugin(one_pole)).process(music)[1]
    assert_equal_but_for_gaps(player.recording, rendered, wait_for(client, lambda snapshot: True))


def test_a_slow_model_is_heard_dry_and_counted(client, tmp_path, music):
    client.start(StreamSettings(str(plugins.slow(tmp_path / "slow.onnx", plugins.make_spec()))))
    wait_for(client, lambda snapshot: snapshot.late_samples > RATE // 2)
    heard, snapshot = play(client, music)
    assert snapshot.state is not EngineState.FAILED
    assert snapshot.misses > 0
    share = max(np.mean(heard[0, d : d + 2 * RATE] == music[0, : 2 * RATE]) for d in range(0, 4096, 32))
    assert share > 0.5


def test_a_model_that_fails_is_bypassed_with_a_reason(client, tmp_path, music):
    client.start(StreamSettings(str(plugins.root_of_sum(tmp_path / "root.onnx", plugins.make_spec()))))
    wait_for_sound(client)
    with JackPlayer(np.tile(-100 * np.abs(music), 5)) as player:
        player.connect()
        player.play()
        snapshot = wait_for(client, lambda snapshot: snapshot.problem is Problem.MODEL_FAILS)
    assert snapshot.state is EngineState.BYPASSED
    assert snapshot.subject == "root"
    assert snapshot.misses > 0


def test_models_change_while_music_plays(client, one_pole, tmp_path):
    other = plugins.identity(tmp_path / "other.onnx", plugins.make_spec(stft=plugins.SYMMETRIC))
    client.start(StreamSettings(str(one_pole)))
    wait_for_sound(client)
    client.load(str(other))
    snapshot = wait_for(client, lambda snapshot: snapshot.model == "other")
    assert snapshot.state is EngineState.RUNNING
    client.load(str(tmp_path / "missing.onnx"))
    snapshot = wait_for(client, lambda snapshot: snapshot.message)
    assert "missing.onnx" in snapshot.message
    assert snapshot.model == "other"


def test_a_song_plays_in_place_of_the_input_and_can_be_steered(client, one_pole, tmp_path, rng):
    client.start(StreamSettings(str(one_pole), song=write_song(tmp_path / "song.wav", rng)))
    wait_for(client, lambda snapshot: snapshot.playback and snapshot.playback.position_s > 0.2)
    client.seek(10.0)
    wait_for(client, lambda snapshot: snapshot.playback.position_s > 10)
    client.pause(True)
    wait_for(client, lambda snapshot: snapshot.playback.paused)
    client.loop((2.0, 2.5))
    client.pause(False)
    client.seek(2.0)
    wait_for(client, lambda snapshot: snapshot.playback.loop and 2 <= snapshot.playback.position_s < 2.6)
    time.sleep(1.0)
    assert 1.9 <= client.snapshot().playback.position_s < 2.6


def test_one_song_follows_another_on_open_devices(client, one_pole, tmp_path, rng):
    for number in range(3):
        song = tmp_path / f"{number}.wav"
        soundfile.write(song, np.float32(0.1 * rng.standard_normal((5 * RATE, 2))), RATE, subtype="FLOAT")
        client.start(StreamSettings(str(one_pole), song=str(song)))
        wait_for(
            client, lambda s, song=song: s.playback and s.playback.song == str(song) and s.playback.position_s > 0.2
        )
    client.start(StreamSettings(str(one_pole)))
    assert wait_for(client, lambda s: s.state is EngineState.RUNNING and s.playback is None).restarts == 0


def test_everything_is_recorded(client, one_pole, music, tmp_path):
    client.set(Parameters(vocals_db=0.0))
    client.start(StreamSettings(str(one_pole)))
    wait_for_sound(client)
    client.record(tmp_path / "takes")
    wait_for(client, lambda snapshot: snapshot.recording)
    play(client, music)
    client.record(None)
    wait_for(client, lambda snapshot: not snapshot.recording)
    (take,) = (tmp_path / "takes").iterdir()
    tracks = {path.stem: soundfile.read(path)[0] for path in take.glob("*.flac")}
    assert tracks.keys() == {"mix", "vocals", "accompaniment"}
    length = min(map(len, tracks.values()))
    sums = tracks["vocals"][:length] + tracks["accompaniment"][:length]
    loud = np.abs(tracks["mix"][:length]).max()
    assert loud > 0.1
    assert np.mean(np.abs(sums - tracks["mix"][:length]) > 1e-3) < 0.05


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (StreamSettings("nothing"), "no model named 'nothing'"),
        (StreamSettings(input="sistem"), "system"),
        (StreamSettings(input_channels=(7,)), "channel 7"),
        (StreamSettings(song="missing.wav"), "missing.wav"),
    ],
)
def test_what_cannot_start_says_why_in_one_sentence(client, settings, words):
    client.start(settings)
    snapshot = wait_for(client, lambda snapshot: snapshot.state is EngineState.FAILED)
    assert words in snapshot.message
    assert "\n" not in snapshot.message
    assert not snapshot.lost


@pytest.mark.parametrize("rate", [48000, 96000])
def test_a_server_at_another_rate_than_the_model(tmp_path, rate):
    with jack_server(rate, 512):
        client = EngineClient()
        try:
            spec = plugins.make_spec(StftSpec(1024, 256, "sqrt_hann", "sqrt_hann"))
            client.start(StreamSettings(str(plugins.identity(tmp_path / "identity.onnx", spec))))
            snapshot = wait_for(client, lambda snapshot: snapshot.state is EngineState.RUNNING)
            assert snapshot.sample_rate == rate
            tone = np.float32(0.3 * np.sin(2 * np.pi * 1000 / rate * np.arange(2 * rate)))
            heard, _ = play(client, np.stack([tone, tone]))
        finally:
            client.close()
    # The identity takes everything for vocals, and their fader is down.
    windows = heard[0, rate // 2 : 3 * rate // 2].reshape(100, -1)
    assert np.median(np.mean(windows**2, axis=1)) < 1e-3 * np.mean(tone**2)


def test_a_recording_that_cannot_be_finished_is_told(client, one_pole, tmp_path):
    client.start(StreamSettings(str(one_pole)))
    wait_for_sound(client)
    client.record(tmp_path)
    take = Path(wait_for(client, lambda snapshot: snapshot.recording).recording)
    wait_for(client, lambda _: (take / "mix.flac").exists())
    shutil.rmtree(take)
    client.record(None)
    assert wait_for(client, lambda snapshot: snapshot.problem is Problem.RECORDING_ENDED).subject == str(take)
    client.stop()
    assert wait_for(client, lambda snapshot: snapshot.state is EngineState.STOPPED).subject == str(take)


def test_what_cannot_be_done_with_a_song_is_told_and_it_plays_on(client, one_pole, tmp_path, rng):
    client.start(StreamSettings(str(one_pole), song=write_song(tmp_path / "song.wav", rng)))
    wait_for_sound(client)
    client.loop((2.0, 2.01))
    snapshot = wait_for(client, lambda snapshot: snapshot.message)
    assert "too short" in snapshot.message
    assert snapshot.restarts == 0
    assert snapshot.state in PLAYING
