"""The live commands, as a user types them, on a real sound server."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import jack
import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from tests import plugins

RATE = 44100
COMMAND_S = 120


@pytest.fixture
def model(tmp_path):
    spec = plugins.make_spec(StftSpec(1024, 256, "sqrt_hann", "sqrt_hann"))
    return str(plugins.identity(tmp_path / "model.onnx", spec))


@contextlib.contextmanager
def started(tmp_path, *arguments):
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "realtime", *map(str, arguments)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def unsing(tmp_path, *arguments):
    with started(tmp_path, *arguments) as process:
        stdout, stderr = process.communicate(timeout=COMMAND_S)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def assert_one_sentence(result, words):
    assert result.returncode == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_devices_are_listed(server, tmp_path):
    result = unsing(tmp_path, "devices")
    assert result.returncode == 0, result.stderr
    assert "system" in result.stdout
    assert "JACK" in result.stdout


def test_live_plays_for_the_seconds_it_was_given_and_remembers_the_faders(server, tmp_path, model):
    faders = "--vocals", "-12", "--accompaniment", "-inf", "--key", "2"
    result = unsing(tmp_path, "live", "--model", model, *faders, "--seconds", "1")
    assert result.returncode == 0, result.stderr
    assert "running" in result.stdout
    assert "synthesis window" in result.stdout
    (settings,) = (tmp_path / "config").rglob("*.json")
    remembered = json.loads(settings.read_text())
    assert remembered["parameters"]["vocals_db"] == -12
    assert remembered["parameters"]["accompaniment_db"] == "-inf"
    assert remembered["parameters"]["key_semitones"] == 2
    assert remembered["settings"]["model"] == model


def test_a_song_is_played_to_its_end_and_recorded(server, tmp_path, model, rng):
    song = tmp_path / "song.wav"
    soundfile.write(song, np.float32(0.1 * rng.standard_normal((RATE, 2))), RATE, subtype="FLOAT")
    result = unsing(tmp_path, "live", "--model", model, "--song", song, "--record", tmp_path / "takes")
    assert result.returncode == 0, result.stderr
    (mix,) = (tmp_path / "takes").rglob("mix.flac")
    assert soundfile.info(mix).duration > 0.5


def test_settings_that_cannot_be_kept_are_told_and_the_music_plays(server, tmp_path, model, unwritable):
    result = unsing(tmp_path, "live", "--model", model, "--seconds", "1")
    assert result.returncode == 0, result.stderr
    assert "running" in result.stdout
    (line,) = result.stderr.splitlines()
    assert str(unwritable) in line
    assert "not kept" in line


@pytest.fixture(params=["no folder", "no place"])
def unwritable(request, tmp_path):
    """A folder of the settings from which nothing can be read, or into which nothing can be written."""
    folder = tmp_path / "config"
    if request.param == "no folder":
        folder.write_text("a file")
    else:
        folder.mkdir()
        (folder / "unsing").symlink_to("nowhere")
    return folder


def test_a_recording_that_cannot_begin_ends_it_all(server, tmp_path, model):
    (tmp_path / "file").write_text("no folder")
    result = unsing(tmp_path, "live", "--model", model, "--record", tmp_path / "file", "--seconds", "600")
    assert_one_sentence(result, str(tmp_path / "file"))


def test_a_recording_that_ends_early_is_a_failure(server, tmp_path, model):
    takes = tmp_path / "takes"

    def spoil():
        while not list(takes.glob("*/mix.flac")):
            if finished.wait(0.01):
                return
        shutil.rmtree(takes)

    finished = threading.Event()
    thread = threading.Thread(target=spoil)
    thread.start()
    result = unsing(tmp_path, "live", "--model", model, "--record", takes, "--seconds", "2")
    finished.set()
    thread.join()
    assert "running" in result.stdout
    assert_one_sentence(result, str(takes))


def test_a_song_that_ends_early_is_a_failure(server, tmp_path, model, rng):
    song, audio = tmp_path / "broken.wav", np.float32(0.1 * rng.standard_normal((2 * RATE, 2)))
    audio[RATE] = np.nan
    soundfile.write(song, audio, RATE, subtype="FLOAT")
    result = unsing(tmp_path, "live", "--model", model, "--song", song)
    assert "running" in result.stdout
    assert_one_sentence(result, "broken.wav: the sample at 1.0000 s")


def test_what_can_no_longer_play_ends_with_a_reason(server, tmp_path, model):
    with started(tmp_path, "live", "--model", model) as process:
        while "running" not in process.stdout.readline():
            assert process.poll() is None
        os.remove(model)
        os.kill(audio_process(process.pid), signal.SIGKILL)
        _, said = process.communicate(timeout=COMMAND_S)
    assert process.returncode == 2
    assert "model.onnx" in said
    assert len(said.splitlines()) == 1


def audio_process(parent):
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (audio,) = (child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes())
    return int(audio)


def test_a_soak_ends_in_a_report(server, tmp_path, model):
    report = tmp_path / "soak.json"
    report.write_text("older")
    with report.open() as older:
        result = unsing(tmp_path, "live", "--model", model, "--soak", "0.05", "-o", report)
        assert older.read() == "older"  # it was replaced, not overwritten
    assert result.returncode == 0, result.stderr
    assert "empty callback" in result.stdout
    figures = json.loads(report.read_text())
    assert figures["snapshot"]["hops"] > 100
    assert figures["stalls"]["max_ms"] > 0
    assert figures["machine"]["cpu"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("live", "--output", "sistem"), "system"),
        (("live", "--model", "light"), "lite"),
        (("live", "--vocals", "loud"), "'loud' is not a number"),
        (("live", "--vocals", "12"), "-inf to 6 dB"),
        (("live", "--key", "7"), "-6 to 6"),
        (("live", "--input-channels", "9"), "channel 9"),
        (("live", "--song", "missing.mp3"), "missing.mp3"),
        (("live", "-o", "report.json"), "--soak"),
        (("benchmark", "missing"), "missing"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(server, tmp_path, arguments, words):
    assert_one_sentence(unsing(tmp_path, *arguments), words)


def test_no_sound_server_at_all_is_said(tmp_path, model, monkeypatch):
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, "1" if name.endswith("SERVER") else "none")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "none.conf"))
    result = unsing(tmp_path, "live", "--model", model, "--seconds", "1")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_the_benchmark_tells_of_every_model(tmp_path, model):
    figures = tmp_path / "figures.json"
    figures.write_text("older")
    with figures.open() as older:
        result = unsing(tmp_path, "benchmark", model, "--seconds", "1", "-o", figures)
        assert older.read() == "older"
    assert result.returncode == 0, result.stderr
    (timing,) = json.loads(figures.read_text())["models"]
    assert timing["name"] == "model"
    assert 0 < timing["p50_ms"] <= timing["p99_ms"] <= timing["p999_ms"] <= timing["max_ms"]
    assert "recommended here: model" in result.stdout


def test_the_measured_latency_is_the_sum_of_its_parts(server, tmp_path, model):
    wire = jack.Client("wire")
    wire.activate()
    stop = threading.Event()

    def connect():
        while not stop.wait(0.1):
            ports = [port for port in wire.get_ports(is_audio=True) if not port.name.startswith("system:")]
            outputs, inputs = ([port for port in ports if getattr(port, f"is_{kind}put")] for kind in ("out", "in"))
            for source, sink in zip(outputs, inputs, strict=False):
                # A port may be gone again: the program opens a stream to learn the server's period.
                with contextlib.suppress(jack.JackError):
                    wire.connect(source, sink)

    thread = threading.Thread(target=connect)
    thread.start()
    try:
        result = unsing(tmp_path, "latency", "--model", model)
    finally:
        stop.set()
        thread.join()
        wire.close()
    assert result.returncode == 0, result.stderr
    figures = {line.split("ms", 1)[1].strip(): float(line.split()[0]) for line in result.stdout.splitlines()[:-1]}
    measured = next(value for name, value in figures.items() if name.startswith("measured"))
    assert abs(measured - figures["sum of the parts"]) < 1
    assert figures["synthesis window"] == pytest.approx(1000 * 1024 / RATE, abs=0.01)
