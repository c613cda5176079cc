"""Training configuration: frozen dataclasses read from one TOML file; an unknown key is an error."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime.contract import ContractError, StftSpec
from trainer.data.settings import MixingConfig
from trainer.errors import TrainerError

# MUSDB18's own `valid` split.
MUSDB18_VALIDATION = (
    "Actions - One Minute Smile",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Johnny Lokke - Promises & Lies",
    "Patrick Talbot - A Reason To Leave",
    "Triviul - Angelsaint",
    "Alexander Ross - Goodbye Bolero",
    "Fergessen - Nos Palpitants",
    "Leaf - Summerghost",
    "Skelpolu - Human Mistakes",
    "Young Griffo - Pennies",
    "ANiMAL - Rockshow",
    "James May - On The Line",
    "Meaxic - Take A Step",
    "Traffic Experiment - Sirens",
)
PRESETS = Path(__file__).parent / "presets"
# Of the guide: how long its frames are, and how far apart.
_GUIDE_N_FFT, GUIDE_FRAME_SAMPLES = 4096, 1024
_LONGEST_LOOKAHEAD_HOPS = 32


@dataclass(frozen=True, kw_only=True)
class ListeningConfig:
    """What a separator listens to beside the mixture, and what is done with its estimates.

    Attributes:
        guide: File of a guide, beside the presets unless it is a path, that listens along; empty for none. See
            `trainer.guide`.
        lookahead_hops: Hops by which its estimates trail, so that the guide has heard what follows.
        presence: File of a detector, named as `guide` is, by which estimates fade where nobody sings; empty where they
            never do. See `trainer.presence`.
        spatial: Whether estimates are filtered by where voice and accompaniment stand between the channels. See
            `trainer.spatial`.
    """

    guide: str = ""
    lookahead_hops: int = 0
    presence: str = ""
    spatial: bool = False

    @property
    def guided(self) -> bool:
        """Whether there is a guide."""
        return bool(self.guide)

    @property
    def guide_path(self) -> Path:
        """Where the guide is."""
        return _beside_presets(self.guide)

    @property
    def presence_path(self) -> Path:
        """Where the detector is."""
        return _beside_presets(self.presence)

    def validate(self, stft: StftSpec) -> None:
        """Raise TrainerError where a value is out of range or does not fit the transform."""
        most = _LONGEST_LOOKAHEAD_HOPS if self.guided else 0
        fitting = 0 <= self.lookahead_hops <= most
        _require(fitting, "model.lookahead_hops", self.lookahead_hops, f"from 0 to {most}; only a guide looks ahead")
        fitting = self.guided or not self.presence
        _require(fitting, "model.presence", self.presence, "left out without a guide, by which it hears")
        if self.guided:
            _require(stft.n_fft == _GUIDE_N_FFT, "stft.n_fft", stft.n_fft, f"{_GUIDE_N_FFT} for a guided model")
            fitting = GUIDE_FRAME_SAMPLES % stft.hop_length == 0
            asked = f"a divisor of {GUIDE_FRAME_SAMPLES} for a guided model"
            _require(fitting, "stft.hop_length", stft.hop_length, asked)


@dataclass(frozen=True)
class ModelConfig(ListeningConfig):
    """Shape of a `CausalDualPathRnn`.

    Attributes:
        bands: Groups of equally wide bands from DC up, as `(count, width in bins)`; bins above them are never vocals.
        features: Width of every path.
        blocks: Pairs of an inter-chunk and an intra-chunk path.
        chunk_frames: STFT frames per chunk; 1 leaves the intra-chunk path running over frequency only.
    """

    bands: tuple[tuple[int, int], ...]
    features: int = 64
    blocks: int = 4
    chunk_frames: int = 1

    def validate(self, stft: StftSpec) -> None:
        """Raise TrainerError where a value is out of range or does not fit the transform."""
        super().validate(stft)
        _require_counts(self, ("features", "blocks", "chunk_frames"))
        if self.guided or self.spatial:
            _require(self.chunk_frames == 1, "model.chunk_frames", self.chunk_frames, "1 with a guide or spatial")
        bands = self.bands
        _require(bool(bands) and all(n >= 1 for band in bands for n in band), "model.bands", bands, "pairs from 1 up")
        used = sum(count * width for count, width in bands)
        _require(used <= stft.bins, "model.bands", f"{used} bins wide", f"at most n_fft / 2 + 1 = {stft.bins}")


@dataclass(frozen=True)
class FollowerConfig(ListeningConfig):
    """Shape of a `Follower`.

    Attributes:
        architecture: Tells this table from that of a `CausalDualPathRnn`.
    """

    architecture: str

    @property
    def chunk_frames(self) -> int:
        """Frames the network takes at a time at least."""
        return 1

    def validate(self, stft: StftSpec) -> None:
        """Raise TrainerError where a value is out of range or does not fit the transform."""
        super().validate(stft)
        _require(self.guided, "model.guide", self.guide, "the file of a guide, which is all a follower has")


@dataclass(frozen=True)
class OpenUnmixConfig:
    """Shape of an `OpenUnmix`, the published one by default.

    Attributes:
        architecture: Tells this table from that of a `CausalDualPathRnn`.
        unidirectional: Whether time runs forward only, which makes the network causal.
        hidden: Width of every layer.
        layers: Stacked LSTMs.
        max_bin: Bins from DC up that the network looks at; it masks all of them.
        dropout: Share of values dropped between LSTMs in training.
    """

    architecture: str
    unidirectional: bool = False
    hidden: int = 512
    layers: int = 3
    max_bin: int = 1487  # up to 16 kHz, where the AAC of MUSDB18 ends
    dropout: float = 0.4

    @property
    def chunk_frames(self) -> int:
        """Frames the network takes at a time at least."""
        return 1

    @property
    def lookahead_hops(self) -> int:
        """Hops by which its estimates trail."""
        return 0

    def validate(self, stft: StftSpec) -> None:
        """Raise TrainerError where a value is out of range or does not fit the transform."""
        _require_counts(self, ("hidden", "layers", "max_bin"))
        _require(self.hidden % 2 == 0, "model.hidden", self.hidden, "even, one half for each direction")
        _require(self.max_bin <= stft.bins, "model.max_bin", self.max_bin, f"at most n_fft / 2 + 1 = {stft.bins}")
        _require(0 <= self.dropout < 1, "model.dropout", self.dropout, "from 0 to below 1")


# By the name in their table; the project's own architecture needs none.
ARCHITECTURES = {None: ModelConfig, "follower": FollowerConfig, "open-unmix": OpenUnmixConfig}


@dataclass(frozen=True)
class LossConfig:
    """Weights of the phase-aware loss; see `trainer.losses`."""

    waveform: float = 1.0
    spectral: float = 1.0
    compressed: float = 0.3
    sdr: float = 0.03  # per dB


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW under a warm-up and cosine schedule over `steps`, or over wall-clock time where `minutes` is given."""

    batch_size: int = 8  # per process
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-5
    weight_decay: float = 1e-2
    warmup_steps: int = 100
    clip_norm: float = 5.0
    ema: float = 0.999
    steps: int = 100_000
    minutes: float = 0.0  # 0: run by steps
    validate_every: int = 250
    autocast: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Config:
    """One training run; `description` is what the exported model says of itself."""

    name: str
    stft: StftSpec
    model: ModelConfig | FollowerConfig | OpenUnmixConfig
    description: str = "Causal dual-path RNN"
    sample_rate: int = 44100
    channels: int = 2
    targets: tuple[str, ...] = ("vocals",)
    residual: str = "accompaniment"
    validation_songs: tuple[str, ...] = (*MUSDB18_VALIDATION, "caesium")  # never trained on
    loss: LossConfig = field(default_factory=LossConfig)
    mixing: MixingConfig = field(default_factory=MixingConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    @property
    def trailing_samples(self) -> int:
        """Samples by which what a network gives trails what it was given."""
        return self.model.lookahead_hops * self.stft.hop_length

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads back as an equal config."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Config:
        """Build a config from plain values.

        Raises:
            TrainerError: A key is unknown or missing, or a value is of the wrong type.
        """
        return _build(cls, values, "")

    def validate(self) -> None:
        """Raise TrainerError where a value is out of range or values do not fit together."""
        optimizer = self.optimizer
        self.model.validate(self.stft)
        _require_counts(optimizer, ("batch_size", "steps", "warmup_steps", "validate_every"))
        _require(optimizer.minutes >= 0, "optimizer.minutes", optimizer.minutes, "0 or more")
        self.mixing.validate()
        _require(self.channels == 2, "channels", self.channels, "2, for examples are mixed in stereo")
        _require(self.targets == ("vocals",), "targets", self.targets, "['vocals'], the one the data are read for")


def _beside_presets(name: str) -> Path:
    path = Path(name)
    return PRESETS / path if path.name == name else path


def _require(condition: bool, key: str, value: object, expected: str) -> None:
    if not condition:
        raise TrainerError(f"{key} is {value}, but must be {expected}")


def _require_counts(table: Any, names: tuple[str, ...]) -> None:
    for name in names:
        _require(getattr(table, name) >= 1, name, getattr(table, name), "at least 1")


def load_preset(name_or_path: str, overrides: typing.Iterable[str] = ()) -> Config:
    """Read a preset by name or a TOML file by path, then apply `key=value` overrides with dotted keys.

    Raises:
        TrainerError: No such preset, bad TOML, or an unknown key or value.
    """
    path = Path(name_or_path) if name_or_path.endswith(".toml") else PRESETS / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.toml")))
        raise TrainerError(f"{name_or_path}: no such preset; choose {known} or give a .toml file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainerError(f"{path}: cannot be read as TOML ({error}); correct it") from error
    values.setdefault("name", path.stem)
    for override in overrides:
        _override(values, override)
    config = Config.from_dict(values)
    config.validate()
    return config


def _override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise TrainerError(f"{override}: give settings as key=value, for example optimizer.batch_size=16")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise TrainerError(f"{key}: {parent} holds a value, not settings")
    values[last] = value


def _build(kind: Any, value: Any, where: str) -> Any:
    """Turn plain `value` into `kind`, a dataclass or a builtin type, naming `where` in errors."""
    if isinstance(kind, types.UnionType):
        kind = _architecture(value, where)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        if not isinstance(value, list | tuple) or (inner[-1] is not ... and len(inner) != len(value)):
            raise TrainerError(f"{where} is {value!r}, but must be a list")
        inner = inner[:1] * len(value) if inner[-1] is ... else inner
        return tuple(_build(part, item, where) for part, item in zip(inner, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TrainerError(f"{where} is {value!r}, but must be {kind.__name__}")
    return value


def _architecture(value: Any, where: str) -> Any:
    name = value.get("architecture") if isinstance(value, dict) else None
    if name not in ARCHITECTURES:
        known = ", ".join(filter(None, ARCHITECTURES))
        raise TrainerError(f"{where}.architecture is {name!r}, but must be one of {known}, or left out")
    return ARCHITECTURES[name]


def _build_dataclass(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise TrainerError(f"{where or 'the config'} is {values!r}, but must be a table of settings")
    hints = typing.get_type_hints(kind)
    prefix = f"{where}." if where else ""
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise TrainerError(f"unknown setting {prefix}{unknown[0]}; known are {', '.join(hints)}")
    try:
        return kind(**{key: _build(hints[key], value, prefix + key) for key, value in values.items()})
    except ContractError as error:
        raise TrainerError(f"{where}: {error}".replace(": its ", ": ")) from error
    except TypeError as error:
        raise TrainerError(f"{where or 'the config'} lacks a setting: {error}") from error
