"""Real sound servers without hardware: JACK on its dummy driver, PulseAudio with null sinks, and what plays into them.

PortAudio looks for servers once, while it starts, and a process cannot start it twice with JACK. So a test starts its
server here, and then a child process (which inherits the environment set meanwhile) that opens the devices.
"""

import contextlib
import os
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jack
import numpy as np

_READY_S = 15.0
_PRIORITY = 60
_TOLD_CHARACTERS = 2000


@dataclass(frozen=True)
class JackServer:
    """A running JACK server; the environment names it as long as its `with` lasts."""

    name: str
    rate_hz: int
    block_samples: int
    command: list[str]
    process: subprocess.Popen

    def kill(self) -> None:
        """Let it die at once, as when it crashes."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def jack_server(rate_hz: int = 44100, block_samples: int = 256, channels: int = 2) -> Iterator[JackServer]:
    """Run a JACK server with a dummy device, in synchronous mode, that is the one every child process finds."""
    name = f"test-{os.getpid()}-{secrets.token_hex(4)}"
    variables = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
    scheduling = ["-R", "-P", str(_PRIORITY)] if _may_run_in_real_time() else ["-r"]
    driver = ["-d", "dummy", "-r", rate_hz, "-p", block_samples, "-C", channels, "-P", channels]
    with _environment(variables):
        command = ["jackd", *scheduling, "-S", "-m", "-n", name, *map(str, driver)]
        with running(command) as process:
            _wait_for_jack(channels)
            try:
                yield JackServer(name, rate_hz, block_samples, command, process)
            finally:
                if process.poll() is not None:
                    # A machine has room for eight servers, and a killed one's is free again after another of its name.
                    with running(command):
                        _wait_for_jack(channels)


def _wait_for_jack(channels: int) -> None:
    _wait_for(lambda: f"system:playback_{channels}" in _output("jack_lsp"), "jackd")


class JackPlayer:
    """Plays into what `connect` finds and records what comes back, to the sample; a source and a sink.

    They are two clients, because JACK delays one that hears its own sound by a period.

    Args:
        audio: `(channels, samples)` float32 to play once `play` is called.
        extra_samples: How much longer than `audio` to record.
        pace_s: How long to wait in every period; in freewheel mode, where nothing else keeps time, this gives the
            other side's threads their turn.
    """

    def __init__(self, audio: np.ndarray, extra_samples: int = 0, pace_s: float = 0.0) -> None:
        channels, samples = audio.shape
        self.recording = np.zeros((channels, samples + extra_samples), np.float32)
        self.done = threading.Event()
        self._audio = np.concatenate((audio, np.zeros((channels, extra_samples), np.float32)), axis=1)
        self._pace_s = pace_s
        self._start_frame: int | None = None
        self._is_wanted = False
        self.source, self.sink = jack.Client("source"), jack.Client("sink")
        for number in range(channels):
            self.source.outports.register(f"out_{number + 1}")
            self.sink.inports.register(f"in_{number + 1}")
        self.source.set_process_callback(self._play)
        self.sink.set_process_callback(self._record)

    def __enter__(self) -> "JackPlayer":
        self.source.activate()
        self.sink.activate()
        return self

    def __exit__(self, *exception: object) -> None:
        for client in (self.source, self.sink):
            client.deactivate()
            client.close()

    def connect(self, seconds: float = _READY_S) -> None:
        """Put the first stream that another program opens between source and sink."""
        _wait_for(lambda: len(self._foreign(is_input=True)) >= len(self.source.outports), "an input stream", seconds)
        _wait_for(lambda: len(self._foreign(is_output=True)) >= len(self.sink.inports), "an output stream", seconds)
        for ours, theirs in zip(self.source.outports, self._foreign(is_input=True), strict=False):
            if theirs not in self.source.get_all_connections(ours):
                self.source.connect(ours, theirs)
        for theirs, ours in zip(self._foreign(is_output=True), self.sink.inports, strict=False):
            if theirs not in self.sink.get_all_connections(ours):
                self.sink.connect(theirs, ours)

    def play(self) -> None:
        """Start; `done` is set when everything has been recorded."""
        self._is_wanted = True

    def _foreign(self, **direction: bool) -> list[jack.Port]:
        own = ("system:", f"{self.source.name}:", f"{self.sink.name}:")
        ports = self.source.get_ports(is_audio=True, **direction)
        return [port for port in ports if not port.name.startswith(own)]

    def _play(self, frames: int) -> None:
        if self._is_wanted and self._start_frame is None:
            self._start_frame = self.source.last_frame_time
        block = self._block_at(self.source, self._audio, frames)
        for channel, port in enumerate(self.source.outports):
            samples = port.get_array()
            samples[...] = 0
            if block is not None:
                samples[: block.shape[1]] = block[channel]
        if self._pace_s:
            time.sleep(self._pace_s)

    def _record(self, frames: int) -> None:
        block = self._block_at(self.sink, self.recording, frames)
        if block is None:
            if self._start_frame is not None:
                self.done.set()
            return
        for channel, port in enumerate(self.sink.inports):
            block[channel] = port.get_array()[: block.shape[1]]

    def _block_at(self, client: jack.Client, audio: np.ndarray, frames: int) -> np.ndarray | None:
        """Return the part of `audio` that this period plays or records, None before and after it."""
        if self._start_frame is None:
            return None
        at = client.last_frame_time - self._start_frame
        return audio[:, at : at + frames] if 0 <= at < audio.shape[1] else None


@dataclass(frozen=True)
class PulseServer:
    """A running PulseAudio server with two null sinks, which ALSA knows by these names."""

    input: str
    output: str
    environment: dict[str, str]


@contextlib.contextmanager
def pulse_server(folder: Path, rate_hz: int = 44100) -> Iterator[PulseServer]:
    """Run a PulseAudio server in `folder`: ALSA's `tune_in` records sink `tune`, and `speakers_out` is another sink."""
    socket = folder / "pulse.socket"
    variables = {
        "PULSE_SERVER": f"unix:{socket}",
        "PULSE_RUNTIME_PATH": str(folder),
        "PULSE_STATE_PATH": str(folder),
        "PULSE_COOKIE": str(folder / "cookie"),
        "XDG_RUNTIME_DIR": str(folder),
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        "JACK_NO_START_SERVER": "1",
        "JACK_DEFAULT_SERVER": "none",
    }
    sinks = [
        f"load-module module-null-sink sink_name={sink} rate={rate_hz} channels=2" for sink in ("tune", "speakers")
    ]
    protocol = f"load-module module-native-protocol-unix socket={socket} auth-anonymous=1"
    (folder / "script.pa").write_text("\n".join([*sinks, protocol, ""]), encoding="utf-8")
    (folder / "asound.conf").write_text(
        "</usr/share/alsa/alsa.conf>\n"
        'pcm.tune_in { type pulse device "tune.monitor" hint.show on }\n'
        'pcm.speakers_out { type pulse device "speakers" hint.show on }\n',
        encoding="utf-8",
    )
    with _environment(variables), contextlib.ExitStack() as stack:
        command = ["pulseaudio", "-n", "-F", str(folder / "script.pa"), "--exit-idle-time=-1", "--daemonize=no"]
        stack.enter_context(running([*command, "--use-pid-file=no", "--disallow-exit"]))
        _wait_for(lambda: "speakers" in _output("pactl", "list", "short", "sinks"), "pulseaudio")
        # A null sink wakes as seldom as its readers allow; these keep it lively.
        for monitor in ("tune.monitor", "speakers.monitor"):
            stack.enter_context(running(["parec", "--latency-msec=10", "-d", monitor]))
        yield PulseServer("tune_in", "speakers_out", variables)


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen]:
    """Run a program meanwhile, and end it; where something is waited for in vain, what it said is told."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            yield process
        except TimeoutError as error:
            said.seek(0)
            error.add_note(f"{command[0]} said: {said.read()[-_TOLD_CHARACTERS:]}")
            raise
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _wait_for(is_so, name: str, seconds: float = _READY_S) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"{name} did not get ready within {seconds:g} s")
        time.sleep(0.05)


def _may_run_in_real_time() -> bool:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
