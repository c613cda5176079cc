"""Waiting for the engine of another process, and songs for it to play."""

import time

import soundfile

from realtime.live.client import EngineState

RATE, BLOCK = 44100, 256
PLAYING = (EngineState.RUNNING, EngineState.BYPASSED)


def wait_for(client, is_so, seconds=30.0):
    end = time.monotonic() + seconds
    while not is_so(snapshot := client.snapshot()):
        assert time.monotonic() < end, snapshot
        time.sleep(0.02)
    return snapshot


def write_song(path, rng, seconds=20):
    soundfile.write(path, 0.1 * rng.standard_normal((RATE * seconds, 2)), RATE)
    return str(path)


def wait_for_sound(client):
    return wait_for(client, lambda snapshot: snapshot.state in PLAYING)
