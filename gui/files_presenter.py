"""Brings the queue, the engine, the settings and the Files view together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QEvent, QObject, QStandardPaths, Qt, QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QFileDialog

from gui.engine_bridge import EngineBridge
from gui.files_model import SongModel
from gui.files_player import FilesPlayer
from gui.files_words import summary, title
from gui.settings import Settings
from gui.translation import mark, plural, tr
from gui.widgets.queue_list import DOWN, UP
from gui.widgets.queue_row import QueueRow
from realtime.files.discovery import AUDIO_SUFFIXES
from realtime.files.entries import Overview
from realtime.files.errors import AudioFileError
from realtime.files.formats import FORMATS, StemFormat
from realtime.files.orders import OutputSettings, Searched
from realtime.files.pattern import DEFAULT_PATTERN, pattern_problem
from realtime.live.client import messages

if TYPE_CHECKING:
    from gui.files_view import FilesView

_OUTPUT = "files_output"


class FilesPresenter(QObject):
    """Does what the user asks for in the Files view.

    Args:
        view: The view.
        bridge: To the engine.
        settings: Where the output settings are remembered.
    """

    def __init__(self, view: FilesView, bridge: EngineBridge, settings: Settings) -> None:
        super().__init__(view)
        self._view, self._bridge, self._settings = view, bridge, settings
        self.model = SongModel(view.output.settings, self)
        self.player = FilesPlayer(view.player, bridge)
        self._row = QueueRow(view.songs, lambda: (self.model.speed, self.model.overview.paused))
        view.songs.setModel(self.model)
        view.songs.setItemDelegate(self._row)
        self._acts = {
            "play": self.play,
            "cancel": self.model.cancel,
            "retry": self.model.retry,
            "remove": self.model.remove,
            "reveal": self._reveal,
            UP: lambda key: self.model.move(key, self.model.index_of(key).row() - 1),
            DOWN: lambda key: self.model.move(key, self.model.index_of(key).row() + 1),
        }
        self._was_paused = False
        self._connect()
        view.installEventFilter(self)
        self._show_overview(self.model.overview)

    def add(self, paths: Iterable[Path]) -> None:
        """Put files and folders into the queue."""
        self.model.add(paths)

    def play(self, key: int) -> None:
        """Play a song of the queue, or pause it."""
        entry = self.model.entry(key)
        if entry is not None:
            if self.player.entry is not None and self.player.entry.key == key:
                self.player.toggle()
            else:
                self.player.play(entry)
            self._mark_playing()

    def ask_for_files(self) -> None:
        """Let the user choose songs."""
        suffixes = " ".join(f"*{suffix}" for suffix in sorted(AUDIO_SUFFIXES))
        names, _ = QFileDialog.getOpenFileNames(
            self._view, tr("Add songs"), _music(), f"{tr('Audio and video')} ({suffixes});;{tr('All files')} (*)"
        )
        if names:
            self.add(map(Path, names))

    def ask_for_folder(self) -> None:
        """Let the user choose a folder of songs."""
        if name := QFileDialog.getExistingDirectory(self._view, tr("Add a folder"), _music()):
            self.add([Path(name)])

    def close(self) -> None:
        """End the helper processes; an unfinished song leaves nothing behind."""
        self.model.close()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Say everything again when the language changes."""
        if event is not None and event.type() == QEvent.Type.LanguageChange:
            self._show_overview(self.model.overview)
            self.player.show_entry(self.player.entry)
        return super().eventFilter(watched, event)

    def _connect(self) -> None:
        view, model = self._view, self.model
        view.dropped.connect(self.add)
        view.add_files.clicked.connect(self.ask_for_files)
        view.add_folder.clicked.connect(self.ask_for_folder)
        view.empty.files_wanted.connect(self.ask_for_files)
        view.empty.folder_wanted.connect(self.ask_for_folder)
        view.pause.clicked.connect(self._toggle_pause)
        view.pause_pressed.connect(self._toggle_pause)
        view.play_pressed.connect(self.player.toggle)
        view.clear.clicked.connect(model.remove_finished)
        view.songs.acted.connect(self._act)
        view.songs.shown.connect(self._look_at_visible)
        self._row.pressed.connect(self._act)
        view.output.changed.connect(self._take_output)
        view.output.folder_wanted.connect(self._ask_for_output)
        view.player.export_wanted.connect(self._ask_for_export)
        model.overview_changed.connect(self._show_overview)
        model.entry_changed.connect(self._follow)
        model.searched.connect(self._report_search)
        model.rowsInserted.connect(self._take_first)
        for removed in (model.rowsRemoved, model.modelReset):
            removed.connect(self._let_go)
        self._bridge.answered.connect(self._take_answer)

    def _act(self, name: str, key: int) -> None:
        if self.model.entry(key) is not None:
            self._acts[name](key)

    def _reveal(self, key: int) -> None:
        entry = self.model.entry(key)
        if entry is None or entry.folder is None:
            return
        if entry.folder.is_dir():
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.folder)))
        else:
            text = tr("{folder} is not there any more; separate {song} again.", folder=entry.folder, song=title(entry))
            self._view.notice.emit(text, "warning")

    def _toggle_pause(self) -> None:
        self.model.pause(not self.model.overview.paused)

    def _show_overview(self, overview: Overview) -> None:
        view = self._view
        view.show_queue(bool(overview.songs or overview.searching))
        view.set_summary(summary(overview), overview.progress)
        view.pause.set_icon("play" if overview.paused else "pause")
        view.pause.set_text(mark("Go on") if overview.paused else mark("Pause"))
        view.pause.setEnabled(bool(overview.open) or overview.paused)
        view.clear.setEnabled(overview.songs > overview.open)
        if overview.paused != self._was_paused:
            self._was_paused = overview.paused
            view.songs.viewport().update()

    def _report_search(self, searched: Searched) -> None:
        if searched.empty_folders:
            names = ", ".join(folder.name or str(folder) for folder in searched.empty_folders[:3])
            text = plural(
                "There is no audio in the folder {names}.",
                "There is no audio in {n} folders, such as {names}.",
                len(searched.empty_folders),
                names=names,
            )
            self._view.notice.emit(text, "warning")
        self._look_at_visible()

    def _look_at_visible(self) -> None:
        keys = [entry.key for entry in self._view.songs.visible()]
        playing = [self.player.entry.key] if self.player.entry else []
        self.model.look_first([*playing, *keys])

    def _take_first(self) -> None:
        """Put the first song that can be read into an empty player, so that it can be played at once."""
        if self.player.entry is None:
            rows = (self.model.index(row).data(Qt.ItemDataRole.UserRole) for row in range(self.model.rowCount()))
            first = next((entry for entry in rows if entry.waveforms or not entry.message), None)
            if first is not None:
                self.player.load(first)
            self._mark_playing()
        if not self._view.songs.currentIndex().isValid():
            self._view.songs.setCurrentIndex(self.model.index(0))

    def _let_go(self) -> None:
        """Empty the player when its song is not in the queue any more."""
        if self.player.entry is not None and self.model.entry(self.player.entry.key) is None:
            self.player.unload()
            self._mark_playing()

    def _follow(self, key: int) -> None:
        entry = self.model.entry(key)
        if self.player.entry is not None and self.player.entry.key == key and entry is not None:
            if entry.message and not entry.waveforms:
                self.player.unload()
                self._take_first()
            else:
                self.player.show_entry(entry)

    def _mark_playing(self) -> None:
        self._row.playing = self.player.entry.key if self.player.entry else None
        self._view.songs.viewport().update()

    def _take_output(self, settings: OutputSettings) -> None:
        self.model.set_settings(settings)
        self._settings.put(_OUTPUT, {**dataclasses.asdict(settings), "folder": str(settings.folder)})

    def _ask_for_output(self) -> None:
        folder = str(self._view.output.settings.folder)
        if name := QFileDialog.getExistingDirectory(self._view, tr("Choose the folder for the stems"), folder):
            self._view.output.set_folder(Path(name))

    def _ask_for_export(self) -> None:
        entry = self.player.entry
        if entry is None:
            return
        suggested = Path(_music()) / f"{title(entry)} ({tr('without vocals')}).wav"
        kinds = ";;".join(f"{name.upper()} (*.{name})" for name in FORMATS)
        name, _ = QFileDialog.getSaveFileName(self._view, tr("Export what you hear"), str(suggested), kinds)
        if name:
            path = Path(name)
            self._view.export_requested.emit(entry.source, path if path.suffix else path.with_suffix(".wav"))

    def _take_answer(self, question: type, content: Any) -> None:
        if question is messages.Models:
            chosen = dict(content).get(self._view.output.settings.model)
            offered = chosen.outputs if chosen is not None else ("vocals", "accompaniment")
            self._view.output.set_models([(key, PurePath(key).stem) for key, _ in content], offered)


def remembered_output(settings: Settings) -> OutputSettings:
    """Return the output settings of the last time; what does not fit any more falls back to the default."""
    values = settings.get(_OUTPUT, {})
    usual = OutputSettings(Path(_music()) / "Unsing", format="flac", bit_depth=24)
    texts = {name: values[name] for name in ("model", "pattern") if isinstance(values.get(name), str)}
    if pattern_problem(texts.get("pattern", DEFAULT_PATTERN)):
        del texts["pattern"]
    folder, targets = values.get("folder"), values.get("targets")
    chosen = dataclasses.replace(
        usual,
        folder=Path(folder) if isinstance(folder, str) else usual.folder,
        targets=tuple(map(str, targets)) if isinstance(targets, list) else (),
        **texts,
    )
    try:
        stem_format = StemFormat(values.get("format", usual.format), values.get("bit_depth", usual.bit_depth))
    except AudioFileError:
        return chosen
    return dataclasses.replace(chosen, format=stem_format.name, bit_depth=stem_format.bit_depth)


def _music() -> str:
    return QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MusicLocation)
