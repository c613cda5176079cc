"""Brings the engine and the player of the Files view together."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QObject

from gui.engine_bridge import EngineBridge
from gui.engine_words import trouble
from gui.files_words import title
from gui.translation import mark, tr
from gui.widgets.player_bar import PlayerBar
from realtime.files.entries import Entry
from realtime.files.waveform import Waveform
from realtime.live.client import EngineSnapshot, EngineState, Parameters

_NOTHING: Mapping[str, Waveform] = {}
_WORDS = {EngineState.LOADING: mark("Loading the model"), EngineState.WARMING_UP: mark("The model is warming up")}


class FilesPlayer(QObject):
    """Plays one song of the queue through the engine, which separates it as it sounds.

    Args:
        bar: What the user sees.
        bridge: To the engine.
    """

    def __init__(self, bar: PlayerBar, bridge: EngineBridge) -> None:
        super().__init__(bar)
        self._bar, self._bridge = bar, bridge
        self._entry: Entry | None = None
        self._start_s: float | None = None  # where to go once the engine plays
        self._loop: tuple[float, float] | None = None
        self._reported_loop: tuple[float, float] | None = None  # by the engine, which ends a loop that is left
        bar.toggled.connect(self.toggle)
        bar.wave.sought.connect(self._seek)
        bar.wave.loop_chosen.connect(self._choose_loop)
        bar.loop.clicked.connect(self._toggle_loop)
        bar.vocals.value_changed.connect(lambda db: bridge.change(vocals_db=db))
        bar.accompaniment.value_changed.connect(lambda db: bridge.change(accompaniment_db=db))
        bar.key.value_changed.connect(lambda value: bridge.change(key_semitones=value))
        bridge.parameters_changed.connect(self._show_parameters)
        bridge.snapshot_changed.connect(self._show)
        self._show_parameters(bridge.parameters)
        self.show_entry(None)

    @property
    def entry(self) -> Entry | None:
        """The song in the player."""
        return self._entry

    @property
    def is_playing(self) -> bool:
        """Whether it sounds."""
        playback = self._bridge.snapshot.playback
        return self._is_engaged and playback is not None and not playback.paused and not playback.finished

    def load(self, entry: Entry) -> None:
        """Take a song, without a sound."""
        if self._entry is None or entry.key != self._entry.key:
            self._start_s = self._loop = None
            self._bar.set_loop(None)
        self.show_entry(entry)

    def play(self, entry: Entry) -> None:
        """Take a song and let it sound."""
        self.load(entry)
        if not self.is_playing:
            self.toggle()

    def unload(self) -> None:
        """Give the song back, silent."""
        if self._is_engaged:
            self._bridge.stop()
        self._start_s = self._loop = None
        self._bar.set_loop(None)
        self.show_entry(None)

    def show_entry(self, entry: Entry | None) -> None:
        """Show the song in the player as it stands now."""
        self._entry = entry
        bar = self._bar
        bar.set_available(entry is not None)
        bar.title.set_text(title(entry) if entry else tr("No song"))
        bar.wave.set_song(entry.waveforms if entry else _NOTHING, (entry.seconds or 0.0) if entry else 0.0)
        self._show(self._bridge.snapshot)

    def toggle(self) -> None:
        """Play, or pause."""
        playback = self._bridge.snapshot.playback
        if self._entry is None:
            return
        if self._is_engaged and playback is not None and not playback.finished:
            self._bridge.pause(not playback.paused)
        else:
            self._bridge.start(str(self._entry.source))
            if self._start_s:
                self._bridge.seek(self._start_s)
            if self._loop:
                self._bridge.loop(self._loop)

    @property
    def _is_engaged(self) -> bool:
        """Whether the engine has this very song."""
        playback = self._bridge.snapshot.playback
        return (
            self._entry is not None
            and self._bridge.active
            and playback is not None
            and playback.song == str(self._entry.source)
        )

    def _seek(self, seconds: float) -> None:
        if self._is_engaged:
            self._bridge.seek(seconds)
        else:
            self._start_s = seconds
        self._bar.set_position(seconds, (self._entry.seconds or 0.0) if self._entry else 0.0)

    def _choose_loop(self, span_s: tuple[float, float] | None) -> None:
        self._loop = span_s
        self._bar.set_loop(span_s)
        if self._is_engaged:
            self._bridge.loop(span_s)

    def _toggle_loop(self, on: bool) -> None:
        duration_s = (self._entry.seconds or 0.0) if self._entry else 0.0
        self._choose_loop((0.0, duration_s) if on and duration_s else None)

    def _show_parameters(self, parameters: Parameters) -> None:
        self._bar.vocals.set_value_db(parameters.vocals_db)
        self._bar.accompaniment.set_value_db(parameters.accompaniment_db)
        self._bar.key.set_value(parameters.key_semitones)

    def _show(self, snapshot: EngineSnapshot) -> None:
        bar, playback = self._bar, snapshot.playback
        duration_s = (self._entry.seconds or 0.0) if self._entry else 0.0
        if self._is_engaged and playback is not None:
            self._start_s = None
            bar.set_position(playback.position_s, duration_s or playback.duration_s)
            if playback.loop != self._reported_loop:
                self._loop = self._reported_loop = playback.loop
                bar.set_loop(playback.loop)
        else:
            bar.set_position(self._start_s or 0.0, duration_s)
        bar.set_playing(self.is_playing)
        bar.caption.set_text(self._caption(snapshot))

    def _caption(self, snapshot: EngineSnapshot) -> str:
        if self._entry is None:
            return tr("Add one, and play it with the singer turned down")
        if snapshot.message and (self._is_engaged or snapshot.state is EngineState.FAILED):
            return trouble(snapshot)
        if not self._is_engaged:
            return tr("Ready to play, separated as it sounds")
        if snapshot.state in _WORDS:
            return tr(_WORDS[snapshot.state])
        return tr("Through {model}, {ms} ms late", model=snapshot.model, ms=round(snapshot.latency_ms))
