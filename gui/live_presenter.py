"""Brings the engine and the Live view together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QEvent, QObject, QStandardPaths, QUrl, pyqtSignal
from PyQt6.QtGui import QDesktopServices

from gui import live_words
from gui.engine_bridge import EngineBridge
from gui.live_advice import Advice, MissWatch, advise
from gui.live_scope import ScopeFeed
from gui.live_view import LiveView
from gui.settings import Settings
from gui.translation import tr
from realtime.live.client import EngineSnapshot, EngineState, Parameters, StreamSettings, messages

if TYPE_CHECKING:
    from realtime.contract import ModelSpec

# In the settings: whether the user ever chose a model, and the one that was recommended and taken instead.
_CHOSEN, _TAKEN = "model_chosen", "model_recommended"
_SOLO = {"vocals": "vocals", "accompaniment": "accompaniment"}


class LivePresenter(QObject):
    """Tells the engine what the user does in the view, and the view how the engine is.

    Args:
        view: The view.
        bridge: To the engine.
        settings: Where it is remembered that the first steps were read.
    """

    recorded = pyqtSignal(str)
    """The folder of a take that has ended."""

    def __init__(self, view: LiveView, bridge: EngineBridge, settings: Settings) -> None:
        super().__init__(view)
        self._view, self._bridge, self._settings = view, bridge, settings
        self._devices: tuple[Any, ...] | str | None = None
        self._models: tuple[tuple[str, ModelSpec], ...] = ()
        self._timings: tuple[Any, ...] = ()
        self._dismissed: set[str] = set()
        self._advice: Advice | None = None
        self._misses = MissWatch()
        self._recording = ""
        self._scope = ScopeFeed(bridge, view.mixture, view.result, view)
        self._connect_view()
        bridge.snapshot_changed.connect(self._show)
        bridge.parameters_changed.connect(self._show_parameters)
        bridge.settings_changed.connect(self._show_choices)
        bridge.answered.connect(self._take_answer)
        view.installEventFilter(self)
        view.show_first_steps(not settings.get("first_steps_read", False))
        self._show_parameters(bridge.parameters)
        self._show_choices()
        self._show(bridge.snapshot)

    def toggle(self) -> None:
        """Start, or stop."""
        if self._bridge.active:
            self._bridge.stop()
        else:
            self._dismissed.clear()
            self._read_first_steps()
            self._bridge.start()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Say everything again when the language changes."""
        if event is not None and event.type() == QEvent.Type.LanguageChange:
            self._show_choices()
            self._show(self._bridge.snapshot)
        return super().eventFilter(watched, event)

    def _connect_view(self) -> None:
        view, bridge = self._view, self._bridge
        sources, mixer, transport = view.sources, view.mixer, view.transport
        sources.input.picked.connect(lambda key: bridge.configure(input=key))
        sources.output.picked.connect(lambda key: bridge.configure(output=key))
        sources.microphone.picked.connect(lambda key: bridge.configure(microphone=key))
        sources.model.picked.connect(self._choose_model)
        for name in ("vocals", "accompaniment", "microphone"):
            fader = getattr(mixer, name).fader
            fader.value_changed.connect(lambda db, field=f"{name}_db": bridge.change(**{field: db}))
        for name in _SOLO:
            getattr(mixer, name).solo_toggled.connect(lambda on, name=name: bridge.change(solo=name if on else ""))
        mixer.key.value_changed.connect(lambda value: bridge.change(key_semitones=value))
        mixer.reverb.valueChanged.connect(lambda value: bridge.change(reverb=value / 100))
        transport.start.clicked.connect(self.toggle)
        transport.record.clicked.connect(self._record)
        transport.compare.pressed.connect(lambda: bridge.change(bypass=True))
        transport.compare.released.connect(lambda: bridge.change(bypass=False))
        view.compare_held.connect(transport.compare.setDown)
        view.compare_held.connect(lambda held: bridge.change(bypass=held))
        view.first_steps.done.connect(self._read_first_steps)
        view.notice.acted.connect(self._act)
        view.notice.closed.connect(self._dismiss)

    def _show(self, snapshot: EngineSnapshot) -> None:
        view = self._view
        for meter, level in (
            (view.sources.input.meter, snapshot.input),
            (view.sources.output.meter, snapshot.output),
            (view.sources.microphone.meter, snapshot.microphone),
            (view.mixer.vocals.meter, snapshot.vocals),
            (view.mixer.accompaniment.meter, snapshot.accompaniment),
            (view.mixer.microphone.meter, snapshot.microphone),
        ):
            meter.set_level(level.peak_db, level.rms_db)
        self._show_transport(snapshot)
        self._show_card(snapshot)
        self._show_advice(snapshot)

    def _show_transport(self, snapshot: EngineSnapshot) -> None:
        transport, active = self._view.transport, self._bridge.active
        transport.set_running(active, snapshot.state is EngineState.LOADING)
        transport.set_recording(bool(snapshot.recording))
        transport.status.set_figures(live_words.figures(snapshot))
        if self._recording and not snapshot.recording:
            self.recorded.emit(self._recording)
        self._recording = snapshot.recording
        self._scope.set_running(active, snapshot.sample_rate)

    def _show_card(self, snapshot: EngineSnapshot) -> None:
        spec = dict(self._models).get(self._bridge.settings.model)
        if spec is not None:
            self._view.sources.model.set_facts(live_words.model_facts(spec, snapshot))

    def _show_advice(self, snapshot: EngineSnapshot) -> None:
        every = advise(snapshot, self._bridge.settings, self._devices, self._models, self._misses.share(snapshot))
        advice = next((one for one in every if one.text not in self._dismissed), None)
        if advice != self._advice:
            self._advice = advice
            shown = advice or Advice("info", "")
            self._view.notice.show_text(shown.text, shown.kind, shown.action)

    def _show_parameters(self, parameters: Parameters) -> None:
        mixer = self._view.mixer
        mixer.vocals.fader.set_value_db(parameters.vocals_db)
        mixer.accompaniment.fader.set_value_db(parameters.accompaniment_db)
        mixer.microphone.fader.set_value_db(parameters.microphone_db)
        mixer.key.set_value(parameters.key_semitones)
        mixer.reverb.setValue(round(100 * parameters.reverb))
        for name in _SOLO:
            getattr(mixer, name).set_solo(parameters.solo == name)

    def _show_choices(self) -> None:
        sources, chosen = self._view.sources, self._bridge.settings
        devices = self._devices if isinstance(self._devices, tuple) else ()
        for picker, direction, key, none in (
            (sources.input, "input", chosen.input, tr("No input")),
            (sources.output, "output", chosen.output, tr("No output")),
        ):
            picker.set_devices(live_words.device_choices(devices, direction, key, none), key)
        microphones = live_words.device_choices(devices, "input", chosen.microphone, "")
        sources.microphone.set_devices([("", tr("No microphone")), *microphones[1:]], chosen.microphone)
        best = self._timings[0].name if self._timings else ""
        sources.model.set_models(live_words.model_choices(self._models, chosen.model, best), chosen.model)
        sources.model.set_note(live_words.recommendation(self._timings, chosen.model))

    def _take_answer(self, question: type, content: Any) -> None:
        if question is messages.Devices:
            self._devices = content
        elif question is messages.Models:
            self._models = content
        elif question is messages.Probe:
            self._timings = content
            self._take_recommended()
        self._show_choices()
        self._show(self._bridge.snapshot)

    def _record(self) -> None:
        if self._bridge.snapshot.recording:
            self._bridge.record(None)
        elif self._bridge.active:
            self._bridge.record(recordings_folder())
        self._view.transport.set_recording(bool(self._bridge.snapshot.recording))

    def _choose_model(self, name: str) -> None:
        self._settings.put(_CHOSEN, True)
        self._bridge.configure(model=name)

    def _take_recommended(self) -> None:
        """Begin with the recommended model, as long as the user has never said which."""
        untouched = (StreamSettings().model, self._settings.get(_TAKEN, ""))
        is_free = not self._settings.get(_CHOSEN, False) and self._bridge.settings.model in untouched
        if self._timings and is_free and not self._bridge.active:
            self._settings.put(_TAKEN, self._timings[0].name)
            self._bridge.configure(model=self._timings[0].name)

    def _read_first_steps(self) -> None:
        self._settings.put("first_steps_read", True)
        self._view.show_first_steps(False)

    def _act(self) -> None:
        if self._advice is not None and self._advice.model:
            self._choose_model(self._advice.model)
            self._dismiss()

    def _dismiss(self) -> None:
        if self._advice is not None:
            self._dismissed.add(self._advice.text)


def recordings_folder() -> Path:
    """Return where takes are put: a folder of their own among the user's music."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MusicLocation)) / "Unsing"


def open_folder(folder: str) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
