"""The plug-in contract, version 1: what an ONNX file says about itself."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CONTRACT_VERSION = "1"
VERSION_KEY = "unsing.contract"
WINDOWS = ("hann", "sqrt_hann", "asymmetric")


class ContractError(ValueError):
    """A plug-in does not say what the contract asks for, or says it wrongly."""


@dataclass(frozen=True)
class StftSpec:
    """A short-time Fourier transform pair: periodic windows, frames never centred.

    Frame `t` covers the `n_fft` samples that end with hop `t`. Only the last `synthesis_samples` of a frame
    are overlap-added, so a long analysis window costs no latency.

    Attributes:
        n_fft: Analysis window length in samples.
        hop_length: Samples between frames.
        analysis_window, synthesis_window: Names from `WINDOWS`.
    """

    n_fft: int
    hop_length: int
    analysis_window: str
    synthesis_window: str

    def __post_init__(self) -> None:
        _require(
            _is_count(self.n_fft, 2, 65536) and self.n_fft % 2 == 0, "n_fft", self.n_fft, "an even length, 2 to 65536"
        )
        _require(_is_count(self.hop_length, 1, self.n_fft), "hop_length", self.hop_length, "between 1 and n_fft")
        for key in ("analysis_window", "synthesis_window"):
            _require(getattr(self, key) in WINDOWS, key, getattr(self, key), f"one of {', '.join(WINDOWS)}")
        if self.synthesis_window == "asymmetric":
            _require(
                self.analysis_window == "asymmetric",
                "analysis_window",
                self.analysis_window,
                "asymmetric, because the synthesis window is",
            )
            _require(2 * self.hop_length <= self.n_fft, "hop_length", self.hop_length, "at most half of n_fft")
        else:
            _require(
                self.analysis_window != "asymmetric",
                "synthesis_window",
                self.synthesis_window,
                "asymmetric, because the analysis window is",
            )
            _require(
                self.n_fft % self.hop_length == 0 and self.n_fft > self.hop_length,
                "hop_length",
                self.hop_length,
                "a proper divisor of n_fft",
            )

    @property
    def bins(self) -> int:
        """Frequency bins of one frame, DC and Nyquist included."""
        return self.n_fft // 2 + 1

    @property
    def synthesis_samples(self) -> int:
        """Length of the synthesis window in samples: `2 * hop_length` when asymmetric, else `n_fft`."""
        return 2 * self.hop_length if self.synthesis_window == "asymmetric" else self.n_fft


@dataclass(frozen=True)
class StateSpec:
    """One recurrent state: graph input `name`, graph output `name_out`, zero at reset."""

    name: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        _require(isinstance(self.name, str) and self.name.isidentifier(), "states", self.name, "a plain identifier")
        _require(
            bool(self.shape) and all(_is_count(n, 1, 1 << 24) for n in self.shape) and math.prod(self.shape) <= 1 << 26,
            "states",
            self.shape,
            "a shape of positive sizes, 2**26 values at most",
        )


@dataclass(frozen=True)
class ModelSpec:
    """Everything the host knows of a plug-in.

    Attributes:
        name, version, description, license, training_data: Shown to the user.
        sample_rate: The rate the graph works at, in Hz.
        channels: The channels the graph takes.
        targets: What the graph estimates, in order.
        residual: Name of the mixture minus the sum of targets; None offers no residual.
        stft: The transform pair the host runs around the graph.
        hops_per_call: STFT hops the graph takes in one call.
        lookahead_hops: Hops by which the estimates trail the mixture inside the graph.
        context_hops: Past hops a stateless graph wants again in every call, ahead of the new ones.
        causal: Whether it may run live; otherwise it is for files only.
        states: The recurrent states, in order.
        card: Measured figures. The host shows `scores` (target to measure to dB) with their `test_set` and the
            real-time factor `rtf` with its `cpu`; what is not there was not measured, and other keys are free.
    """

    name: str
    version: str
    description: str
    license: str
    training_data: str
    sample_rate: int
    channels: int
    targets: tuple[str, ...]
    residual: str | None
    stft: StftSpec
    hops_per_call: int = 1
    lookahead_hops: int = 0
    context_hops: int = 0
    causal: bool = True
    states: tuple[StateSpec, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in _TEXTS:
            _require(_is_plain(getattr(self, key)), key, getattr(self, key), "plain text")
        _require(bool(self.name), "name", self.name, "a name")
        _require(_is_count(self.sample_rate, 1000, 768000), "sample_rate", self.sample_rate, "1000 to 768000 Hz")
        _require(_is_count(self.channels, 1, 64), "channels", self.channels, "1 to 64")
        names = self.outputs
        _require(
            1 <= len(self.targets) <= 16
            and all(isinstance(name, str) and name.isidentifier() for name in names)
            and len(set(names)) == len(names),
            "targets",
            names,
            "1 to 16 different plain words",
        )
        _require(_is_count(self.hops_per_call, 1, 4096), "hops_per_call", self.hops_per_call, "1 to 4096")
        for key in ("lookahead_hops", "context_hops"):
            _require(_is_count(getattr(self, key), 0, 4096), key, getattr(self, key), "0 to 4096")
        state_names = [state.name for state in self.states]
        tensors = ["mixture", "estimates", *state_names, *(f"{name}_out" for name in state_names)]
        _require(len(set(tensors)) == len(tensors), "states", state_names, "names that no other tensor has")
        _check_card(self.card)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Every signal the host can deliver: the targets, then the residual if there is one."""
        return self.targets if self.residual is None else (*self.targets, self.residual)

    @property
    def call_samples(self) -> int:
        """Samples of audio one call of the graph consumes."""
        return self.hops_per_call * self.stft.hop_length

    @property
    def latency_samples(self) -> int:
        """Algorithmic latency: synthesis window + (hops_per_call - 1 + lookahead_hops) hops."""
        return self.stft.synthesis_samples + (self.hops_per_call - 1 + self.lookahead_hops) * self.stft.hop_length

    @property
    def latency_ms(self) -> float:
        """`latency_samples` in milliseconds."""
        return 1000 * self.latency_samples / self.sample_rate

    def to_metadata(self) -> dict[str, str]:
        """Return the ONNX `metadata_props` that `from_metadata` reads back as an equal spec."""
        return {
            VERSION_KEY: CONTRACT_VERSION,
            **{key: getattr(self, key) for key in _TEXTS},
            **{key: str(getattr(self, key)) for key in _INTEGERS},
            **{key: str(getattr(self.stft, key)) for key in _TRANSFORM},
            "targets": json.dumps(self.targets),
            "residual": self.residual or "",
            "causal": "true" if self.causal else "false",
            "states": json.dumps([{"name": s.name, "shape": s.shape} for s in self.states]),
            "card": json.dumps(self.card),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> ModelSpec:
        """Read a spec out of ONNX `metadata_props`.

        Raises:
            ContractError: A key is missing or malformed, or the contract version is another one.
        """
        if VERSION_KEY not in metadata:
            raise ContractError(
                f"it has no {VERSION_KEY} metadata, so it is not an Unsing plug-in; export it with python -m export"
            )
        version = metadata[VERSION_KEY]
        if version != CONTRACT_VERSION:
            raise ContractError(
                f"it speaks plug-in contract {reprlib.repr(version)}, this host speaks "
                f"{CONTRACT_VERSION!r}; export it again with this version of Unsing"
            )
        missing = [key for key in _REQUIRED if key not in metadata]
        if missing:
            raise ContractError(f"its metadata lacks {', '.join(missing)}; export it again")
        integers = {key: _parse_integer(key, metadata[key]) for key in (*_INTEGERS, "n_fft", "hop_length")}
        stft = StftSpec(
            integers.pop("n_fft"), integers.pop("hop_length"), metadata["analysis_window"], metadata["synthesis_window"]
        )
        _require(metadata["causal"] in ("true", "false"), "causal", metadata["causal"], "true or false")
        targets, states, card = (
            _parse_json(key, metadata[key], kind) for key, kind in (("targets", list), ("states", list), ("card", dict))
        )
        return cls(
            **{key: metadata[key] for key in _TEXTS},
            **integers,
            stft=stft,
            targets=tuple(targets),
            residual=metadata["residual"] or None,
            causal=metadata["causal"] == "true",
            states=tuple(_parse_state(item) for item in states),
            card=card,
        )


_TEXTS = ("name", "version", "description", "license", "training_data")
_INTEGERS = ("sample_rate", "channels", "hops_per_call", "lookahead_hops", "context_hops")
_TRANSFORM = ("n_fft", "hop_length", "analysis_window", "synthesis_window")
_REQUIRED = (*_TEXTS, *_INTEGERS, *_TRANSFORM, "targets", "residual", "causal", "states", "card")


def _require(condition: bool, key: str, value: object, expected: str) -> None:
    if not condition:
        raise ContractError(f"its {key} is {reprlib.repr(value)}, but must be {expected}")


def _check_card(card: Mapping[str, Any]) -> None:
    scores = card.get("scores", {})
    _require(
        isinstance(scores, Mapping)
        and all(isinstance(values, Mapping) and all(map(_is_figure, values.values())) for values in scores.values()),
        "card's scores",
        scores,
        'figures in dB as {"vocals": {"SDR": ...}}',
    )
    rtf = card.get("rtf", 0)
    _require(_is_figure(rtf), "card's rtf", rtf, "a number")
    for key in ("test_set", "cpu"):
        text = card.get(key, "")
        _require(_is_plain(text), f"card's {key}", text, "plain text")


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and all(c.isprintable() or c in "\n\t" for c in value)


def _is_figure(value: object) -> bool:
    """Tell whether a value is a number that can be shown: none that was measured is as large as a million."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _is_count(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _parse_integer(key: str, text: str) -> int:
    _require(text.isascii() and text.isdigit() and len(text) <= 9, key, text, "a whole number")
    return int(text)


def _parse_json(key: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"its {key} is not JSON: {error}") from error
    _require(isinstance(value, kind), key, value, f"a JSON {'list' if kind is list else 'object'}")
    return value


def _parse_state(item: object) -> StateSpec:
    _require(
        isinstance(item, dict) and set(item) == {"name", "shape"} and isinstance(item["shape"], list),
        "states",
        item,
        'a list of {"name": ..., "shape": [...]}',
    )
    return StateSpec(item["name"], tuple(item["shape"]))
