"""Training configuration: frozen dataclasses read from one TOML file; an unknown key is an error."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime.contract import ContractError, StftSpec
from trainer.architecture_settings import (
    ARCHITECTURES,
    PRESETS,
    FollowerConfig,
    ModelConfig,
    OpenUnmixConfig,
    require,
    require_counts,
)
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
        require_counts(optimizer, ("batch_size", "steps", "warmup_steps", "validate_every"))
        for name in ("minutes", "learning_rate", "final_learning_rate", "weight_decay", "seed"):
            value = getattr(optimizer, name)
            require(0 <= value < math.inf, f"optimizer.{name}", value, "0 or more")
        require(optimizer.clip_norm > 0, "optimizer.clip_norm", optimizer.clip_norm, "above 0")
        require(0 <= optimizer.ema < 1, "optimizer.ema", optimizer.ema, "from 0 to below 1")
        require(self.sample_rate >= 1, "sample_rate", self.sample_rate, "at least 1")
        self.mixing.validate()
        require(self.channels == 2, "channels", self.channels, "2, for examples are mixed in stereo")
        require(self.targets == ("vocals",), "targets", self.targets, "['vocals'], the one the data are read for")


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
