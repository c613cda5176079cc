"""The engine of the audio process: devices, model and mix, started and stopped, and how they are."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from realtime.catalog import find_model
from realtime.files.errors import AudioFileError
from realtime.live.errors import LiveError
from realtime.live.lane import CHANNELS, Lane
from realtime.live.mixer import Mixer
from realtime.live.parameters import (
    EngineSnapshot,
    EngineState,
    LatencyPart,
    Parameters,
    Playback,
    Problem,
    StreamSettings,
    Trouble,
)
from realtime.live.ports import AudioPorts
from realtime.live.priority import Priority, ask_for_priority
from realtime.live.recorder import Recorder
from realtime.live.scope import Scope
from realtime.live.song import SongSource
from realtime.live.states import StateMachine
from realtime.plugin import OnnxPlugin, PluginError

_SWITCH_INTERVAL_S = 5e-4  # how long the interpreter may keep a thread of higher priority waiting
_IDLE_S = 0.1
_MIXING_SHARE = 0.2  # of a block's time, kept for what comes after the separation
_FIGURES_S = 0.5  # percentiles and medians take as long to work out as all else that a snapshot says
_PLAYING = (EngineState.WARMING_UP, EngineState.RUNNING, EngineState.BYPASSED)


class Engine:
    """Music in, music without the singer out.

    All methods belong to one thread, the one that listens to the client. Two more run while music plays: the mixer's,
    clocked by the output device, and the model's.

    Args:
        scope: Where mixture and result are shown; None where nobody looks.
    """

    def __init__(self, scope: Scope | None = None) -> None:
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._scope = scope
        self._machine = StateMachine()
        self._parameters = Parameters()
        self._settings = StreamSettings()
        self._ports: AudioPorts | None = None
        self._mixer: Mixer | None = None
        self._song: SongSource | None = None
        self._recorder: Recorder | None = None
        self._lost = False
        self._notice = Trouble()
        self._thread: threading.Thread | None = None
        self._is_mixing = False
        self._figures: dict[str, Any] = {}
        self._figures_of: tuple[Any, ...] = ()
        self._figures_due = 0.0

    @property
    def state(self) -> EngineState:
        """Where the engine stands."""
        return self._machine.state

    def prepare(self, settings: StreamSettings) -> None:
        """Take note of what is to be started, so that the next snapshot says `LOADING`; `start` follows.

        Devices that stay the same stay open: another song begins at once, and sound servers are spared the change.
        """
        stays = self._ports is not None and self._ports.is_alive and _devices(settings) == _devices(self._settings)
        self._notice = Trouble()
        self._close(keep_ports=stays)
        self._machine.move(EngineState.STOPPED)
        self._settings, self._lost = settings, False
        self._machine.move(EngineState.LOADING)

    def start(self) -> None:
        """Open the model and the devices and let it sound; where that fails the state says so."""
        try:
            self._open()
        except (LiveError, PluginError, AudioFileError) as error:
            self._close()
            self._machine.move(EngineState.FAILED, self._trouble(error))
            return
        self._machine.move(EngineState.WARMING_UP)

    def stop(self) -> None:
        """End everything that sounds."""
        self._close()
        self._machine.move(EngineState.STOPPED)

    def set(self, parameters: Parameters) -> None:
        """Move faders and switches."""
        self._parameters = parameters
        if self._mixer is not None:
            self._mixer.set(parameters)

    def load(self, model: str) -> None:
        """Change to another model while the old one plays on; a model that cannot be had changes nothing."""
        if self._mixer is None:
            return
        try:
            self._mixer.switch(self._make_lane(model))
            self._notice = Trouble()
        except (LiveError, PluginError) as error:
            self._notice = Trouble(str(error), Problem.MODEL_UNUSABLE, Path(model).stem)

    def record(self, folder: Path | None) -> None:
        """Begin a new take in `folder`; None ends the one that is recorded."""
        if self._recorder is not None:
            recorder, self._recorder = self._recorder, None
            if self._mixer is not None:
                self._mixer.recorder = None
            recorder.close()
            if recorder.error:
                self._notice = Trouble(recorder.error, Problem.RECORDING_ENDED, str(recorder.take))
        if folder is not None and self._mixer is not None:
            try:
                self._recorder = self._mixer.recorder = Recorder(folder, self._ports.sample_rate)
            except LiveError as error:
                self._notice = error.trouble

    def tell(self, trouble: Trouble) -> None:
        """Let the snapshots say what went wrong, as long as nothing else does."""
        self._notice = trouble

    @property
    def song(self) -> SongSource | None:
        """The song that plays in place of the input."""
        return self._song

    def snapshot(self) -> EngineSnapshot:
        """Return how the engine is now, after a look at devices and model."""
        if self._mixer is not None:
            self._look_after()
        playback = self._playback()
        if playback and playback.finished and self._song.error:
            self._notice = Trouble(self._song.error, Problem.SONG_UNREADABLE, self._settings.song)
        trouble = self._machine.trouble if self._machine.trouble.message else self._notice
        if self._mixer is None:
            return EngineSnapshot(self.state, **vars(trouble), lost=self._lost, model=self._settings.model)
        lane, ports, mixer = self._mixer.lane, self._ports.stats(), self._mixer
        return EngineSnapshot(
            state=self.state,
            **vars(trouble),
            lost=self._lost,
            model=lane.plugin.path.stem,
            provider=lane.plugin.provider,
            sample_rate=self._ports.sample_rate,
            deadline_ms=lane.deadline_ms,
            hops=lane.calls.count,
            misses=lane.misses,
            late_samples=lane.late_samples,
            xruns=ports.xruns + ports.underruns + ports.shortages,
            ring_fill=ports.ring_fill,
            drift_ppm=ports.drift_ppm,
            **{name: meter.level() for name, meter in mixer.meter_bridge.meters.items()},
            limiter_db=mixer.limiter_db,
            false_vocals_db=mixer.meter_bridge.leakage.false_vocals_db,
            feedback=mixer.feedback,
            recording=str(self._recorder.take) if self._recorder else "",
            playback=playback,
            **self._slow_figures(),
        )

    def _open(self) -> None:
        settings = self._settings
        # ONNX Runtime takes its setting for denormal numbers from the thread that makes the first session, and the
        # threads started afterwards inherit it.
        plugin = OnnxPlugin(find_model(settings.model))
        self._ports = self._ports or AudioPorts(settings)
        rate, block = self._ports.sample_rate, self._ports.block_samples
        if settings.song:
            self._song = SongSource(Path(settings.song), rate)
        self._mixer = Mixer(rate, block, Lane(plugin, rate, block), self._parameters, self._scope)
        self._ports.start()
        self._is_mixing = True
        self._thread = threading.Thread(target=self._run, name="unsing mixer", daemon=True)
        self._thread.start()

    def _close(self, keep_ports: bool = False) -> None:
        self.record(None)
        mixer, thread, song = self._mixer, self._thread, self._song
        self._mixer = self._thread = self._song = None
        self._is_mixing, self._figures_of = False, ()
        if thread is not None:
            thread.join()
        if keep_ports:
            self._ports.stop()
        elif self._ports is not None:
            self._ports.close()
            self._ports = None
        if song is not None:
            song.close()
        if mixer is not None:
            for lane in (*mixer.leaving(), *mixer.lanes()):
                lane.close()

    def _make_lane(self, model: str) -> Lane:
        plugin = OnnxPlugin(find_model(model))
        return Lane(plugin, self._ports.sample_rate, self._ports.block_samples)

    def _run(self) -> None:
        """Mix one block whenever the output wants one (mixer thread)."""
        ask_for_priority(Priority.MIXER)
        ports, mixer, song = self._ports, self._mixer, self._song
        music = np.zeros((CHANNELS, ports.block_samples), np.float32)
        microphone = np.zeros_like(music) if self._settings.microphone else None
        reserve_s = _MIXING_SHARE * ports.block_samples / ports.sample_rate
        while self._is_mixing:
            if not ports.wait(_IDLE_S):
                continue
            if song is not None:
                song.read(music)
            else:
                ports.read_music(music)
            if microphone is not None:
                ports.read_microphone(microphone)
            voice = None if microphone is None else microphone[:1]
            ports.write(mixer.process(music, voice, ports.deadline() - reserve_s))

    def _look_after(self) -> None:
        """Close what is over, and see where the engine stands."""
        for lane in self._mixer.leaving():
            lane.close()
        if self._recorder is not None and self._recorder.error:
            self.record(None)
        if not self._ports.is_alive or not self._thread.is_alive():
            self._lost = True
            self._close()
            text = "the audio device stopped answering; it is tried again"
            self._machine.move(EngineState.FAILED, Trouble(text, Problem.DEVICE_LOST))
            return
        if self._mixer.is_warm and self.state in _PLAYING:
            lane = self._mixer.lane
            failing = bool(lane.message) and not self._mixer.was_on_time
            bypassed = self._parameters.bypass or failing
            trouble = Trouble(lane.message, Problem.MODEL_FAILS, lane.plugin.path.stem) if failing else Trouble()
            self._machine.move(EngineState.BYPASSED if bypassed else EngineState.RUNNING, trouble)

    def _trouble(self, error: LiveError | PluginError | AudioFileError) -> Trouble:
        """Say why a start failed."""
        if isinstance(error, LiveError):
            return error.trouble
        if isinstance(error, PluginError):
            return Trouble(str(error), Problem.MODEL_UNUSABLE, Path(self._settings.model).stem)
        return Trouble(str(error), Problem.SONG_UNREADABLE, self._settings.song)

    def _slow_figures(self) -> dict[str, Any]:
        """Return what changes slowly, worked out twice a second, and whenever something else is heard."""
        now, heard = time.monotonic(), (self._mixer, self._mixer.lane, self._mixer.key_samples)
        if now > self._figures_due or heard != self._figures_of:
            self._figures_due, self._figures_of = now + _FIGURES_S, heard
            self._figures = {
                "latency": self._latency(),
                "call": self._mixer.lane.calls.timing(),
                "callback": self._ports.callback_timing(),
            }
        return self._figures

    def _latency(self) -> tuple[LatencyPart, ...]:
        key_ms = 1000 * self._mixer.key_samples / self._ports.sample_rate
        key = (LatencyPart("key change", key_ms),) if key_ms else ()
        return (*self._ports.latency_parts(), *self._mixer.lane.latency_parts(), *key)

    def _playback(self) -> Playback | None:
        song = self._song
        if song is None:
            return None
        return Playback(
            self._settings.song, song.position_s, song.duration_s, song.is_paused, song.loop_s, song.is_finished
        )


def _devices(settings: StreamSettings) -> StreamSettings:
    """Return what of the settings the devices depend on."""
    return replace(settings, model="", song="song" if settings.song else "")
