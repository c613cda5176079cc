"""The mix: separated music under its faders, the singer's microphone on top, block by block."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.live.fader import Crossfade, Fader, gain
from realtime.live.key import KeyChange
from realtime.live.lane import CHANNELS, Lane
from realtime.live.limiter import Limiter
from realtime.live.meters import MeterBridge
from realtime.live.microphone import MicrophoneChain
from realtime.live.parameters import Parameters
from realtime.live.recorder import Recorder
from realtime.live.scope import Scope
from realtime.live.standin import StandIn

_FADE_S = 0.02


class _Voice:
    """What is heard of one lane."""

    def __init__(self, lane: Lane, sample_rate: int) -> None:
        self.lane = lane
        self.is_warm = self.was_on_time = False
        self._stand_in = StandIn(sample_rate, CHANNELS)

    def next(self, music: NDArray, deadline: float, alone: bool, vocals: NDArray, dry: NDArray) -> None:
        """Fill `vocals` and `dry`, both `(2, n)`, fit to be heard."""
        self.lane.feed(music)
        on_time = self.lane.take(vocals, dry, deadline)
        self.was_on_time = on_time
        self.is_warm |= on_time and self.lane.is_filled
        self._stand_in.bridge(vocals, dry, on_time, alone)


class Mixer:
    """Turns blocks of music and microphone into what is played; the same object renders files and live music.

    Vocals and accompaniment always add up to the dry music before their faders. All methods belong to the mixer's
    thread, but `set`, `switch` and `record`, which any thread may call and which take effect with the next block.

    Args:
        sample_rate: In Hz.
        block_samples: The longest block.
        lane: The model to begin with.
        parameters: Where faders and switches stand at first.
        scope: Where mixture and result are shown; None where nobody looks.

    Attributes:
        meter_bridge: The meters.
        recorder: What is recorded to; None for nothing.
    """

    def __init__(
        self, sample_rate: int, block_samples: int, lane: Lane, parameters: Parameters, scope: Scope | None = None
    ) -> None:
        self._rate = sample_rate
        self._voice, self._coming = _Voice(lane, sample_rate), None
        self._leaving: list[Lane] = []
        self.recorder: Recorder | None = None
        self._fade_samples = round(_FADE_S * sample_rate)
        levels = stem_gains(parameters) | {"microphone": gain(parameters.microphone_db)}
        self._faders = {name: Fader(self._fade_samples, level) for name, level in levels.items()}
        self._bypass = Crossfade(self._fade_samples, int(parameters.bypass))
        self._crossfades = self._make_crossfades()
        self._key = KeyChange(sample_rate, CHANNELS)
        self._chain = MicrophoneChain(sample_rate)
        self._limiter = Limiter(sample_rate)
        self.meter_bridge = MeterBridge(sample_rate, block_samples, scope)
        self._heard, *self._coming_pair = (np.zeros((CHANNELS, block_samples), np.float32) for _ in range(3))
        self.set(parameters)

    @property
    def lane(self) -> Lane:
        """The lane that is heard, or will be."""
        return (self._coming or self._voice).lane

    @property
    def is_warm(self) -> bool:
        """Whether vocals of the lane that is heard have come on time."""
        return self._voice.is_warm

    @property
    def was_on_time(self) -> bool:
        """Whether the last block held separated music."""
        return self._voice.was_on_time

    def lanes(self) -> list[Lane]:
        """Return the lanes that are in use."""
        return [voice.lane for voice in (self._voice, self._coming) if voice is not None]

    @property
    def latency_samples(self) -> int:
        """From music in to music out, key change included."""
        return self._voice.lane.latency_samples + self._key.delay_samples

    @property
    def key_samples(self) -> int:
        """The key change's part of the latency."""
        return self._key.delay_samples

    @property
    def feedback(self) -> bool:
        """Whether the feedback guard holds the microphone down."""
        return self._chain.feedback

    @property
    def limiter_db(self) -> float:
        """How far the limiter turns down."""
        return self._limiter.reduction_db

    def set(self, parameters: Parameters) -> None:
        """Move faders and switches; they glide there."""
        self._parameters = parameters
        for name, level in stem_gains(parameters).items():
            self._faders[name].gain = level
        self._faders["microphone"].gain = gain(parameters.microphone_db)
        self._chain.reverb = parameters.reverb
        self._bypass.towards(1 if parameters.bypass else 0)

    def switch(self, lane: Lane) -> None:
        """Change over to another lane as soon as it is warm."""
        if self._coming is not None:
            self._leaving.append(self._coming.lane)
        self._coming = _Voice(lane, self._rate)

    def leaving(self) -> list[Lane]:
        """Return the lanes that are no longer heard, to be closed (any thread)."""
        lanes, self._leaving = self._leaving, []
        return lanes

    def process(
        self, music: NDArray[np.float32], microphone: NDArray[np.float32] | None, deadline: float
    ) -> NDArray[np.float32]:
        """Return the next `(2, n)` block to be played, which the next call overwrites.

        Args:
            music: `(2, n)`.
            microphone: `(1, n)`; None where there is none.
            deadline: Time of `time.perf_counter` until which the model may take.
        """
        dry, vocals, accompaniment, mix = self.meter_bridge.room(music.shape[1])
        self._music(music, deadline, vocals, dry)
        np.subtract(dry, vocals, out=accompaniment)
        np.copyto(mix, accompaniment)
        self._faders["accompaniment"].apply(mix)
        if not self._faders["vocals"].is_down:
            heard = self._heard[:, : music.shape[1]]
            np.copyto(heard, vocals)
            self._faders["vocals"].apply(heard)
            mix += heard
        self._bypass.mix(mix, dry, mix)
        self._key.semitones = 0 if self._parameters.bypass else self._parameters.key_semitones
        self._key.process(mix)
        if microphone is not None:
            voice = self._chain.process(microphone)
            self._faders["microphone"].apply(voice)
            self.meter_bridge.meters["microphone"].push(voice)
            mix += voice
        self._limiter.process(mix)
        self._record(mix, vocals, accompaniment, microphone)
        return mix

    def _music(self, music: NDArray, deadline: float, vocals: NDArray, dry: NDArray) -> None:
        """Fill `vocals` and `dry`, both `(2, n)`, from the lane that is heard, or from two while one takes over."""
        coming = self._coming  # another thread may set it meanwhile
        alone = self._faders["vocals"].gain > self._faders["accompaniment"].gain
        self._voice.next(music, deadline, alone, vocals, dry)
        if coming is None:
            return
        new_vocals, new_dry = (buffer[:, : music.shape[1]] for buffer in self._coming_pair)
        coming.next(music, deadline, alone, new_vocals, new_dry)
        for crossfade, old, new in zip(self._crossfades, (vocals, dry), (new_vocals, new_dry), strict=True):
            crossfade.towards(1 if coming.is_warm else 0)
            crossfade.mix(old, new, old)
        if self._crossfades[0].value == 1:
            self._leaving.append(self._voice.lane)
            self._voice, self._crossfades = coming, self._make_crossfades()
            if self._coming is coming:
                self._coming = None

    def _make_crossfades(self) -> tuple[Crossfade, Crossfade]:
        """Return one for the vocals and one for the dry music."""
        return Crossfade(self._fade_samples), Crossfade(self._fade_samples)

    def _record(self, mix: NDArray, vocals: NDArray, accompaniment: NDArray, microphone: NDArray | None) -> None:
        recorder = self.recorder
        if recorder is None:
            return
        tracks = {"mix": mix, "vocals": vocals, "accompaniment": accompaniment}
        for name, block in tracks.items():
            recorder.push(name, block)
        if microphone is not None:
            recorder.push("microphone", microphone)


def stem_gains(parameters: Parameters) -> dict[str, float]:
    """Return what the faders and solo make of vocals and accompaniment; a solo with its fader down is heard at 0 dB."""
    levels_db = {"vocals": parameters.vocals_db, "accompaniment": parameters.accompaniment_db}
    if parameters.solo:
        level_db = levels_db[parameters.solo]
        alone_db = 0.0 if level_db == -math.inf else level_db
        return {name: gain(alone_db) if name == parameters.solo else 0.0 for name in levels_db}
    return {name: gain(level_db) for name, level_db in levels_db.items()}
