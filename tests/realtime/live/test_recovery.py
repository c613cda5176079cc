"""What goes on after the audio process or the sound server was lost."""

import os
import signal

from realtime.live.client import EngineClient
from realtime.live.parameters import EngineState, Problem, StreamSettings
from tests.engines import BLOCK, PLAYING, RATE, wait_for, wait_for_sound, write_song
from tests.servers import jack_server, running


def test_a_killed_audio_process_is_replaced_and_keeps_everything(client, one_pole, tmp_path):
    client.start(StreamSettings(str(one_pole)))
    client.record(tmp_path)
    wait_for_sound(client)
    first = client.process_id
    os.kill(first, signal.SIGKILL)
    snapshot = wait_for(client, lambda snapshot: snapshot.restarts == 1 and snapshot.state in PLAYING)
    assert client.process_id != first
    assert snapshot.model == "one_pole"
    assert "started again" in snapshot.message
    wait_for(client, lambda snapshot: snapshot.recording)


def test_a_song_goes_on_where_it_was_when_the_audio_process_was_killed(client, one_pole, tmp_path, rng):
    client.start(StreamSettings(str(one_pole), song=write_song(tmp_path / "song.wav", rng)))
    client.seek(10.0)
    wait_for(client, lambda snapshot: snapshot.playback and snapshot.playback.position_s > 10)
    os.kill(client.process_id, signal.SIGKILL)
    wait_for(client, lambda s: s.restarts == 1 and s.playback and s.playback.position_s > 10)


def test_a_hanging_audio_process_is_replaced(client, one_pole):
    client.start(StreamSettings(str(one_pole)))
    wait_for_sound(client)
    os.kill(client.process_id, signal.SIGSTOP)
    wait_for(client, lambda snapshot: snapshot.restarts == 1 and snapshot.state in PLAYING)


def test_a_dead_server_is_told_and_the_song_goes_on_where_it_was_once_it_is_back(one_pole, tmp_path, rng):
    song = write_song(tmp_path / "song.wav", rng, seconds=60)
    with jack_server(RATE, BLOCK) as server:
        client = EngineClient()
        try:
            client.start(StreamSettings(str(one_pole), song=song))
            wait_for_sound(client)
            client.seek(40.0)
            client.record(tmp_path / "takes")
            wait_for(client, lambda snapshot: snapshot.playback.position_s > 40 and snapshot.recording)
            server.kill()
            wait_for(client, lambda snapshot: snapshot.state is EngineState.FAILED)
            lost = wait_for(client, lambda snapshot: snapshot.restarts >= 3, seconds=90)
            assert lost.lost
            assert lost.problem is Problem.DEVICE_LOST
            with running(server.command):
                back = wait_for(client, lambda s: s.playback and s.playback.position_s > 40 and s.recording)
                assert not back.message
        finally:
            client.close()
    assert len(list((tmp_path / "takes").iterdir())) == 2


def test_a_recording_that_a_new_start_ended_does_not_begin_again(client, one_pole, tmp_path, rng):
    client.start(StreamSettings(str(one_pole)))
    wait_for_sound(client)
    client.record(tmp_path / "takes")
    wait_for(client, lambda snapshot: snapshot.recording)
    client.start(StreamSettings(str(one_pole), song=write_song(tmp_path / "song.wav", rng)))
    wait_for(client, lambda snapshot: snapshot.playback)
    os.kill(client.process_id, signal.SIGKILL)
    snapshot = wait_for(client, lambda snapshot: snapshot.restarts == 1 and snapshot.state in PLAYING)
    assert not snapshot.recording
    assert len(list((tmp_path / "takes").iterdir())) == 1
