"""Writing a song to a file exactly as it would be heard: the same mixer, without a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from realtime.catalog import find_model
from realtime.files.errors import AudioFileError
from realtime.files.formats import FORMATS, StemFormat
from realtime.files.reading import open_audio
from realtime.files.writing import AudioWriter
from realtime.live.errors import LiveError
from realtime.live.lane import CHANNELS, Lane
from realtime.live.mixer import Mixer
from realtime.live.parameters import Parameters
from realtime.live.tape import Tape
from realtime.plugin import OnnxPlugin

_BLOCK_SAMPLES = 4096
_PATIENCE_S = 60.0


def render_song(
    song: Path, model: str, parameters: Parameters, path: Path, report: Callable[[float], None] = lambda share: None
) -> None:
    """Write `song` to `path` under the faders, solo and key of `parameters`, latency trimmed.

    Args:
        song: The file to read.
        model: A shipped model's name, or the path of a plug-in.
        parameters: Where faders and switches stand.
        path: The file to write, complete or not at all; its ending says the format.
        report: Called with the share that is done.

    Raises:
        AudioFileError: The song cannot be read, or the file not be written.
        LiveError: The model cannot run, or failed in the middle.
        PluginError: The model cannot be loaded.
    """
    if path.suffix[1:].lower() not in FORMATS:
        raise AudioFileError(f"{path}: this ending is no format that can be written; use {', '.join(FORMATS)}")
    if path.exists() and path.samefile(song):
        raise AudioFileError(f"{path}: this is the song itself; choose another name")
    reader = open_audio(song)
    rate = reader.sample_rate
    tape, lane, writer = Tape(reader, rate), None, None
    try:
        lane = Lane(OnnxPlugin(find_model(model)), rate, _BLOCK_SAMPLES)
        stem_format = StemFormat(path.suffix[1:].lower(), None)
        try:
            writer = AudioWriter(path, stem_format, rate, CHANNELS, None)
            _render(tape, Mixer(rate, _BLOCK_SAMPLES, lane, parameters), writer, rate, report)
            writer.finish()
            writer.commit()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise AudioFileError(f"{path}: it cannot be written ({reason}); choose another place") from error
    finally:
        if writer is not None:
            writer.discard()
        if lane is not None:
            lane.close()
        tape.close()


def _render(tape: Tape, mixer: Mixer, writer: AudioWriter, rate: int, report: Callable[[float], None]) -> None:
    position, skipped = 0, 0
    music = np.zeros((CHANNELS, _BLOCK_SAMPLES), np.float32)
    while True:
        while not tape.is_whole and tape.frames < position + _BLOCK_SAMPLES:
            tape.extend()
        count = min(_BLOCK_SAMPLES, max(0, tape.frames - position))
        if count:
            music[:, :count] = tape.read(position, count)
        music[:, count:] = 0
        mixed = mixer.process(music, None, time.perf_counter() + _PATIENCE_S)
        if mixer.lane.misses:
            raise LiveError(mixer.lane.message or "the model was too slow to write the song; choose another model")
        late = mixer.latency_samples  # which the first block with a key change decides
        end = tape.frames + late if tape.is_whole else position + _BLOCK_SAMPLES
        first = min(_BLOCK_SAMPLES, late - skipped)
        skipped += first
        writer.write(mixed[:, first : max(first, end - position)])
        position += _BLOCK_SAMPLES
        if tape.is_whole and position >= end:
            return
        report(min(1.0, position / rate / max(tape.duration_s, 1e-9)))
