"""What the window and the terminal tell the engine, and what it tells them: frozen, of plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

FADER_TOP_DB = 6.0
KEY_RANGE_SEMITONES = 6


class EngineState(StrEnum):
    """Where the engine stands; `LEGAL_MOVES` says where it can go from there."""

    STOPPED = "stopped"
    LOADING = "loading"  # reading the model, opening devices
    WARMING_UP = "warming up"  # audio runs, the dry signal is heard until the model keeps up
    RUNNING = "running"
    BYPASSED = "bypassed"  # by the user, or because the model failed
    FAILED = "failed"  # the snapshot's `message` says why


class Problem(StrEnum):
    """What is wrong, for a program to tell apart; people read the message beside it."""

    NONE = ""
    OTHER = "other"
    NO_DEVICE = "no device"
    UNKNOWN_DEVICE = "unknown device"
    DEVICE_BUSY = "device busy"
    DEVICE_GONE = "device gone"
    DEVICE_REFUSES = "device refuses"
    DEVICE_LOST = "device lost"
    SERVER_SILENT = "server silent"
    MODEL_UNUSABLE = "model unusable"
    MODEL_FAILS = "model fails"
    SONG_UNREADABLE = "song unreadable"
    RECORDING_ENDED = "recording ended"
    ENGINE_RESTARTED = "engine restarted"


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong.

    Attributes:
        message: One sentence that names the cause and the remedy; empty where all is well.
        problem: What kind of thing it is.
        subject: The device, model, song or folder that it is about.
    """

    message: str = ""
    problem: Problem = Problem.NONE
    subject: str = ""


LEGAL_MOVES: dict[EngineState, frozenset[EngineState]] = {
    EngineState.STOPPED: frozenset({EngineState.LOADING}),
    EngineState.LOADING: frozenset({EngineState.WARMING_UP, EngineState.STOPPED, EngineState.FAILED}),
    EngineState.WARMING_UP: frozenset(
        {EngineState.RUNNING, EngineState.BYPASSED, EngineState.STOPPED, EngineState.FAILED}
    ),
    EngineState.RUNNING: frozenset({EngineState.BYPASSED, EngineState.STOPPED, EngineState.FAILED}),
    EngineState.BYPASSED: frozenset({EngineState.RUNNING, EngineState.STOPPED, EngineState.FAILED}),
    EngineState.FAILED: frozenset({EngineState.LOADING, EngineState.STOPPED}),
}


@dataclass(frozen=True)
class Parameters:
    """What may change at any moment while music plays.

    Attributes:
        vocals_db, accompaniment_db, microphone_db: Faders, minus infinity to `FADER_TOP_DB`.
        key_semitones: Key change of the music, within `KEY_RANGE_SEMITONES` either way.
        reverb: Share of room on the microphone, 0 to 1.
        bypass: Hear the music as it came in, as late as it would be otherwise.
        solo: `"vocals"` or `"accompaniment"` to hear that alone; empty for the mix.
    """

    vocals_db: float = -math.inf
    accompaniment_db: float = 0.0
    microphone_db: float = 0.0
    key_semitones: int = 0
    reverb: float = 0.15
    bypass: bool = False
    solo: str = ""

    def __post_init__(self) -> None:
        for name in ("vocals_db", "accompaniment_db", "microphone_db"):
            if not getattr(self, name) <= FADER_TOP_DB:  # also refuses NaN
                raise ValueError(f"{name} is {getattr(self, name)}, but the faders end at {FADER_TOP_DB:g} dB")
        if abs(self.key_semitones) > KEY_RANGE_SEMITONES:
            raise ValueError(
                f"key_semitones is {self.key_semitones}, but must be within {KEY_RANGE_SEMITONES} either way"
            )
        if not 0 <= self.reverb <= 1:
            raise ValueError(f"reverb is {self.reverb}, but must be 0 to 1")
        if self.solo not in ("", "vocals", "accompaniment"):
            raise ValueError(f"solo is {self.solo!r}, but must be vocals, accompaniment or nothing")


@dataclass(frozen=True)
class StreamSettings:
    """What a start needs.

    Attributes:
        model: A shipped model's name, or the path of a plug-in.
        input: Where music comes from: a device by name, index or `"name, host API"`; empty for the default one.
        output: Where it goes, in the same way.
        microphone: The singer's own microphone, in the same way; empty for none.
        input_channels, output_channels, microphone_channels: Channels from 1; empty for the first two, of a
            microphone the first.
        block_samples: What the devices are asked to take and give at a time.
        song: A file to play in place of the input; empty for live input.
    """

    model: str = "lite"
    input: str = ""
    output: str = ""
    microphone: str = ""
    input_channels: tuple[int, ...] = ()
    output_channels: tuple[int, ...] = ()
    microphone_channels: tuple[int, ...] = ()
    block_samples: int = 256
    song: str = ""


@dataclass(frozen=True)
class LatencyPart:
    """One named part of the way from the input to the ear."""

    name: str
    ms: float


@dataclass(frozen=True)
class Level:
    """One meter: peak and mean power of the last moment, dB of full scale."""

    peak_db: float = -math.inf
    rms_db: float = -math.inf


@dataclass(frozen=True)
class Timing:
    """Durations of the last calls in ms."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


@dataclass(frozen=True)
class Playback:
    """Where the song that plays in place of the input stands, in seconds of the song."""

    song: str
    position_s: float
    duration_s: float
    paused: bool = False
    loop: tuple[float, float] | None = None
    finished: bool = False


@dataclass(frozen=True)
class Rendering:
    """A song that is written to a file as it would be heard.

    Attributes:
        path: The file.
        share: How much of the song is done, 0 to 1.
        finished: Whether the file is there.
        error: Why it will not be, in one sentence; empty while all is well.
    """

    path: str
    share: float = 0.0
    finished: bool = False
    error: str = ""


@dataclass(frozen=True)
class EngineSnapshot:
    """How the engine is, a few dozen times a second.

    Attributes:
        state: Where it stands.
        message: Why it failed or what the user should know; empty where nothing is to be said.
        problem, subject: What that is about; see `Trouble`.
        lost: Whether it failed because something went away that worked before, so that it may come back.
        model, provider: The model that plays and what really runs it.
        sample_rate: Of the output device, in Hz.
        latency: The parts of the latency from the music input to the output, in their order; the sum counts.
        call: Durations of the model's calls; `deadline_ms` is what it has for one.
        callback: Durations of the audio callback.
        hops, misses: Calls of the model since the start, and those that came late or failed.
        late_samples: How many samples were heard dry for it.
        xruns: Gaps in the devices' own streams, input and output.
        ring_fill: Share of the output queue that was filled when the device last took from it.
        drift_ppm: By how much the input's clock runs ahead of the output's.
        input, output, microphone, vocals, accompaniment: Meters.
        limiter_db: How far the output limiter turns down now, 0 or below.
        false_vocals_db: Vocals relative to the mixture while the model hears no singing; the leakage meter. None
            before there was such a passage.
        feedback: Whether the feedback guard holds the microphone down.
        recording: The folder that is recorded to; empty for none.
        playback: The song that plays; None for live input.
        rendering: The last export; None before there was one.
        restarts: How often the audio process had to be started again.
    """

    state: EngineState = EngineState.STOPPED
    message: str = ""
    problem: Problem = Problem.NONE
    subject: str = ""
    lost: bool = False
    model: str = ""
    provider: str = ""
    sample_rate: int = 0
    latency: tuple[LatencyPart, ...] = ()
    call: Timing = field(default_factory=Timing)
    deadline_ms: float = 0.0
    callback: Timing = field(default_factory=Timing)
    hops: int = 0
    misses: int = 0
    late_samples: int = 0
    xruns: int = 0
    ring_fill: float = 0.0
    drift_ppm: float = 0.0
    input: Level = field(default_factory=Level)
    output: Level = field(default_factory=Level)
    microphone: Level = field(default_factory=Level)
    vocals: Level = field(default_factory=Level)
    accompaniment: Level = field(default_factory=Level)
    limiter_db: float = 0.0
    false_vocals_db: float | None = None
    feedback: bool = False
    recording: str = ""
    playback: Playback | None = None
    rendering: Rendering | None = None
    restarts: int = 0

    @property
    def latency_ms(self) -> float:
        """The sum of the parts."""
        return sum(part.ms for part in self.latency)
