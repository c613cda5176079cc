"""The program as its user has it: on a real screen, with a real sound server, by mouse and keys."""

import contextlib
import json
import math
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from realtime.live.client import EngineState, Parameters, StreamSettings, save_settings
from realtime.live.rendering import render_song
from tests import plugins
from tests.screens import offered_file, screen, wait_for
from tests.servers import jack_server

ROOT = Path(__file__).parents[2]
RATE = 44100
TAKE_S = 3
SONG_S = 30  # longer than all that is done while it plays
SPEC = plugins.make_spec(StftSpec(1024, 256, "sqrt_hann", "sqrt_hann"))
FADER_DB = -6.0
STEPS = 25  # the first one leads from silence to -30 dB, every further one is 1 dB
ROUNDED = 2.0**-22  # files hold 24 bits
INTACT = 0.95  # where the machine stalls the original is heard, which the window counts
PATIENCE_MS = 30_000


@pytest.fixture
def song(tmp_path, rng):
    path = tmp_path / "Evening Song.wav"
    soundfile.write(path, 0.1 * rng.uniform(-1, 1, (SONG_S * RATE, 2)), RATE, subtype="PCM_16")
    return path


@pytest.fixture
def model(tmp_path):
    """Return a model to which everything above 2 kHz is the singer."""
    is_voice = np.arange(SPEC.stft.bins) * RATE / SPEC.stft.n_fft > 2000
    return plugins.gains(tmp_path / "split.onnx", SPEC, is_voice[np.newaxis])


class Home:
    """The folder of a user who has chosen a model before."""

    def __init__(self, folder, model):
        self.takes, self.stems = folder / "Music" / "Unsing", folder / "stems"
        self._live = folder / ".config" / "unsing" / "live.json"
        self._environment = {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "QT_FATAL_WARNINGS": "1",
            "LOGNAME": f"test-{secrets.token_hex(4)}",  # whose windows are his own
        }
        save_settings(self._live, StreamSettings(model=str(model)), Parameters())
        window = {
            "language": "en",
            "first_steps_read": True,
            "files_output": {"folder": str(self.stems), "model": str(model)},
        }
        (folder / ".config" / "unsing" / "window.json").write_text(json.dumps(window))

    @contextlib.contextmanager
    def program(self, screen):
        command, environment = [sys.executable, "-m", "gui"], {**screen.environment, **self._environment}
        program = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            yield program
        finally:
            program.kill()
            program.communicate()

    @property
    def vocals_db(self):
        """The fader as it is remembered."""
        return json.loads(self._live.read_text())["parameters"]["vocals_db"]

    def stem(self, name):
        return next(self.stems.rglob(f"{name}.flac"), None)

    def recorded_s(self):
        mix = next(self.takes.glob("*/mix.flac"), None)
        try:
            seconds = soundfile.info(mix).duration if mix else 0.0
        except soundfile.LibsndfileError:  # just begun
            return 0.0
        return seconds if seconds < SONG_S else 0.0  # before the first length is written it is taken for endless


def is_connected():
    """Whether a program plays into the sound server."""
    listed = subprocess.run(["jack_lsp", "-c", "system:playback_1"], capture_output=True, text=True, check=False)
    return len(listed.stdout.split()) > 1


def read(path):
    return soundfile.read(path, dtype="float32")[0].T


def share_that_equals(part, whole):
    """Return how much of `part` is what `whole` has at the place that fits best."""
    size = 2 ** math.ceil(math.log2(whole.shape[1]))
    spectra = np.fft.rfft(whole[0], size), np.fft.rfft(part[0, :RATE], size)
    place = int(np.argmax(np.fft.irfft(spectra[0] * np.conj(spectra[1]), size)))
    there = whole[:, place : place + part.shape[1]]
    assert there.shape == part.shape, place
    return np.mean(np.abs(there - part).max(axis=0) <= ROUNDED)


def test_a_song_is_dragged_in_separated_played_and_recorded_as_the_file_render_has_it(tmp_path, song, model):
    home = Home(tmp_path, model)
    with jack_server(RATE, 1024), screen() as shown, home.program(shown) as program:
        window = shown.find("Unsing")
        with offered_file(shown, song) as source:
            shown.move(source, 1340, 700)
            shown.drag(source, window)
            wait_for(lambda: home.stem("vocals") and home.stem("accompaniment"), "stems")
        shown.press(window, "Return")
        wait_for(is_connected, "sound")
        shown.press(window, "ctrl+Up", STEPS)
        wait_for(lambda: home.vocals_db == FADER_DB, "the fader")
        shown.press(window, "ctrl+1")
        shown.press(window, "r")
        wait_for(lambda: home.recorded_s() > TAKE_S, "a recording")
        shown.press(window, "ctrl+q")
        _, said = program.communicate(timeout=30)
        assert program.returncode == 0, said
        assert "Traceback" not in said
    (take,) = home.takes.iterdir()
    render_song(song, str(model), Parameters(vocals_db=FADER_DB), tmp_path / "render.wav")
    assert soundfile.info(take / "mix.flac").duration > TAKE_S
    assert share_that_equals(read(take / "mix.flac"), read(tmp_path / "render.wav")) > INTACT
    for name in ("vocals", "accompaniment"):
        assert share_that_equals(read(take / f"{name}.flac"), read(home.stem(name))) > INTACT


def test_the_window_tells_of_a_killed_audio_process_and_goes_on_as_before(window, bridge, qtbot, song, model):
    def only_vocals_are_heard_at_their_fader():
        snapshot = bridge.snapshot
        turned_down_db = snapshot.vocals.rms_db - snapshot.output.rms_db
        return snapshot.state is EngineState.RUNNING and abs(turned_down_db - 20) < 1

    fader = window.live_view.mixer.vocals.fader
    with jack_server(RATE, 1024):
        bridge.open()
        bridge.configure(model=str(model))
        fader.set_value_db(-20.0)
        window.live_view.mixer.accompaniment.fader.set_value_db(-math.inf)
        bridge.start(str(song))
        qtbot.waitUntil(only_vocals_are_heard_at_their_fader, timeout=PATIENCE_MS)
        settings, killed = bridge.settings, bridge.process_id
        os.kill(killed, signal.SIGKILL)
        qtbot.waitUntil(lambda: "started again" in window.live_view.notice.text, timeout=PATIENCE_MS)
        assert window.live_view.notice.isVisible()
        assert bridge.process_id != killed
        qtbot.waitUntil(only_vocals_are_heard_at_their_fader, timeout=PATIENCE_MS)
        assert (bridge.settings, bridge.snapshot.playback.song) == (settings, str(song))
        assert fader.value_db == -20.0
        bridge.close()
