import contextlib
import multiprocessing
import re
import time

import numpy as np
import pytest
import soundfile

from realtime.live.errors import LiveError
from realtime.live.parameters import StreamSettings
from realtime.live.ports import AudioPorts
from tests.servers import JackPlayer, jack_server, pulse_server, running

WAIT_S = 30


def _loop(settings, connection):
    """Play what is heard, music and microphone together, until told to stop (child process)."""
    try:
        ports = AudioPorts(settings)
    except LiveError as error:
        connection.send(error)
        return
    music, microphone = np.zeros((2, 2, ports.block_samples), np.float32)
    ports.start()
    connection.send((ports.sample_rate, ports.block_samples))
    while not connection.poll():
        if ports.wait(0.1):
            ports.read_music(music)
            ports.read_microphone(microphone)
            music += microphone
            ports.write(music)
        if not ports.is_alive:
            connection.send("dead")
            began = time.monotonic()
            ports.close()
            connection.send(time.monotonic() - began)
            return
    connection.send((ports.is_alive, ports.prefill_samples, ports.stats(), ports.latency_parts()))
    ports.close()


@contextlib.contextmanager
def looping(settings):
    """Run `_loop` in a process of its own; yield the connection, the process, and the rate and block it works with."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_loop, args=(settings, theirs))
    process.start()
    try:
        yield ours, process, receive(ours)
    finally:
        process.join(5)
        process.kill()
        process.join()


def receive(connection):
    assert connection.poll(WAIT_S)
    return connection.recv()


def finish(connection):
    """Stop the loop and return whether it was alive, its prefill, its stats and its latency by name."""
    connection.send("stop")
    is_alive, prefill_samples, stats, parts = receive(connection)
    return is_alive, prefill_samples, stats, {part.name: part.ms for part in parts}


def noise(rng, seconds, rate_hz, channels=2):
    return rng.uniform(-1, 1, (channels, round(seconds * rate_hz))).astype(np.float32)


def windows_intact(heard, played, window=256):
    """Return the share of windows that came through bit for bit."""
    count = min(heard.shape[1], played.shape[1]) // window * window
    same = (heard[:, :count] == played[:, :count]).reshape(len(heard), -1, window)
    return same.all(axis=(0, 2)).mean()


@pytest.mark.parametrize(("rate_hz", "block_samples"), [(44100, 256), (48000, 512), (96000, 512)])
def test_what_goes_in_comes_out_bit_for_bit_a_block_later(rng, rate_hz, block_samples):
    played = noise(rng, 3, rate_hz)
    settings = StreamSettings(input="system", output="system", block_samples=64)
    with (
        jack_server(rate_hz, block_samples),
        JackPlayer(played, 4 * block_samples) as player,
        looping(settings) as (connection, _, opened),
    ):
        assert opened == (rate_hz, block_samples)
        player.connect()
        player.play()
        assert player.done.wait(WAIT_S)
        is_alive, prefill_samples, stats, latency = finish(connection)
    assert is_alive
    assert prefill_samples == block_samples
    assert latency["queue"] == pytest.approx(1000 * block_samples / rate_hz)
    assert latency["device input"] + latency["device output"] > 0
    assert stats.callbacks > 3 * rate_hz / block_samples
    assert stats.shortages == stats.overruns == 0
    heard = player.recording[:, prefill_samples:]
    if stats.underruns == 0:
        np.testing.assert_array_equal(heard[:, : played.shape[1]], played)
    assert windows_intact(heard, played) > 0.9
    # An untouched stream after every stall: what was late is dropped, so nothing moves.
    np.testing.assert_array_equal(heard[:, : played.shape[1]][:, -1], played[:, -1])


def test_two_devices_of_one_server_share_its_clock(rng):
    played = noise(rng, 2, 44100)
    settings = StreamSettings(input="source", output="sink")
    with jack_server(), JackPlayer(played, 1024) as player, looping(settings) as (connection, _, _):
        player.play()
        assert player.done.wait(WAIT_S)
        _, prefill_samples, _, latency = finish(connection)
    assert "drift resampler" not in latency
    assert windows_intact(player.recording[:, prefill_samples:], played) > 0.9


def test_a_second_device_is_matched_to_the_outputs_clock(rng):
    """The microphone has a stream of its own here, which PortAudio opens apart from the output's."""
    seconds, rate_hz = 12, 44100
    time_s = np.arange(seconds * rate_hz) / rate_hz
    played = np.float32(0.5 * np.sin(2 * np.pi * 441 * time_s) * np.ones((2, 1)))
    settings = StreamSettings(output="system", microphone="source", song="a song.flac", microphone_channels=(2,))
    with jack_server(rate_hz), JackPlayer(played, 4096) as player, looping(settings) as (connection, _, _):
        player.connect()
        player.play()
        assert player.done.wait(WAIT_S)
        _, _, stats, _ = finish(connection)
    heard = player.recording[:, 6 * rate_hz : (seconds - 1) * rate_hz].astype(np.float64)
    np.testing.assert_array_equal(heard[0], heard[1])
    loudness = np.sqrt(np.mean(heard[0].reshape(-1, 441) ** 2, axis=1))
    assert np.mean(np.abs(loudness - 0.5 * np.sqrt(0.5)) < 0.005) > 0.9
    assert abs(stats.drift_ppm) < 200
    assert stats.overruns == 0


def test_channels_are_picked_and_mono_is_doubled(rng):
    played = noise(rng, 1, 44100, channels=3)
    settings = StreamSettings(input="source", input_channels=(3,), output="sink", output_channels=(2, 1))
    with jack_server(), JackPlayer(played, 1024) as player, looping(settings) as (connection, _, _):
        player.play()
        assert player.done.wait(WAIT_S)
        _, prefill_samples, _, _ = finish(connection)
    heard = player.recording[:, prefill_samples:]
    assert windows_intact(heard[:2], played[[2, 2]]) > 0.9
    assert not heard[2].any()


def test_music_and_microphone_come_from_one_device(rng):
    played = noise(rng, 1, 44100, channels=2) / 4
    settings = StreamSettings(
        input="source", input_channels=(1,), microphone="source", microphone_channels=(2,), output="sink"
    )
    with jack_server(), JackPlayer(played, 1024) as player, looping(settings) as (connection, _, _):
        player.play()
        assert player.done.wait(WAIT_S)
        _, prefill_samples, _, _ = finish(connection)
    expected = np.broadcast_to(played[0] + played[1], played.shape)
    assert windows_intact(player.recording[:, prefill_samples:], expected) > 0.9


def test_in_place_of_a_song_no_input_is_opened(rng):
    settings = StreamSettings(input="no such device", output="sink", song="a song.flac")
    with jack_server(), JackPlayer(noise(rng, 0.5, 44100), 1024) as player, looping(settings) as (connection, _, _):
        player.play()
        assert player.done.wait(WAIT_S)
        _, _, _, latency = finish(connection)
    assert latency.keys() == {"queue", "device output"}
    assert not player.recording.any()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (StreamSettings(output="nowhere"), "no audio device 'nowhere'"),
        (StreamSettings(output="system", output_channels=(1, 3)), "no output channel 3: give 1 to 2"),
        (StreamSettings(output="system", input="source", input_channels=(0,)), "no input channel 0"),
        (StreamSettings(output="system", input="source", input_channels=(1, 2, 1)), "3 channels .* one or two"),
        (StreamSettings(output="source"), "is an audio input and has no output"),
    ],
)
def test_what_cannot_be_opened_is_said_in_a_sentence(rng, settings, said):
    with jack_server(), JackPlayer(noise(rng, 0.1, 44100)), looping(settings) as (_, _, opened):
        assert isinstance(opened, LiveError)
        assert re.search(said, str(opened))


def test_a_server_that_dies_is_noticed_and_closing_comes_back():
    with jack_server() as server, looping(StreamSettings(input="system", output="system")) as (connection, process, _):
        time.sleep(1)
        assert not connection.poll()
        died = time.monotonic()
        server.kill()
        assert receive(connection) == "dead"
        assert time.monotonic() - died < 2
        assert receive(connection) < 5
        process.kill()


def test_the_desktops_sound_server_carries_the_music(tmp_path):
    rate_hz, seconds = 44100, 10
    tone = 0.4 * np.sin(2 * np.pi * 441 * np.arange(rate_hz * (seconds + 5)) / rate_hz)
    soundfile.write(tmp_path / "tune.wav", tone, rate_hz)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(pulse_server(tmp_path))
        stack.enter_context(running(["paplay", "-d", "tune", str(tmp_path / "tune.wav")]))
        settings = StreamSettings(input=server.input, output=server.output)
        connection, _, _ = stack.enter_context(looping(settings))
        command = ["parec", "-d", "speakers.monitor", "--file-format=wav", str(tmp_path / "heard.wav")]
        stack.enter_context(running(command))
        time.sleep(seconds)
        is_alive, _, _, _ = finish(connection)
    assert is_alive
    heard, _ = soundfile.read(tmp_path / "heard.wav")
    middle = heard[3 * rate_hz : 8 * rate_hz, 0].reshape(-1, 441)
    assert len(middle) == 500
    assert np.mean(np.abs(middle.std(axis=1) - 0.4 * np.sqrt(0.5)) < 0.01) > 0.9
