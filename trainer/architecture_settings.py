"""Settings of the networks: their shapes, and what they listen to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.contract import StftSpec
from trainer.errors import TrainerError

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
        require(fitting, "model.lookahead_hops", self.lookahead_hops, f"from 0 to {most}; only a guide looks ahead")
        fitting = self.guided or not self.presence
        require(fitting, "model.presence", self.presence, "left out without a guide, by which it hears")
        if self.guided:
            require(stft.n_fft == _GUIDE_N_FFT, "stft.n_fft", stft.n_fft, f"{_GUIDE_N_FFT} for a guided model")
            fitting = GUIDE_FRAME_SAMPLES % stft.hop_length == 0
            asked = f"a divisor of {GUIDE_FRAME_SAMPLES} for a guided model"
            require(fitting, "stft.hop_length", stft.hop_length, asked)


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
        require_counts(self, ("features", "blocks", "chunk_frames"))
        if self.guided or self.spatial:
            require(self.chunk_frames == 1, "model.chunk_frames", self.chunk_frames, "1 with a guide or spatial")
        bands = self.bands
        require(bool(bands) and all(n >= 1 for band in bands for n in band), "model.bands", bands, "pairs from 1 up")
        used = sum(count * width for count, width in bands)
        require(used <= stft.bins, "model.bands", f"{used} bins wide", f"at most n_fft / 2 + 1 = {stft.bins}")


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
        require(self.guided, "model.guide", self.guide, "the file of a guide, which is all a follower has")


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
        require_counts(self, ("hidden", "layers", "max_bin"))
        require(self.hidden % 2 == 0, "model.hidden", self.hidden, "even, one half for each direction")
        require(self.max_bin <= stft.bins, "model.max_bin", self.max_bin, f"at most n_fft / 2 + 1 = {stft.bins}")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "from 0 to below 1")


# By the name in their table; the project's own architecture needs none.
ARCHITECTURES = {None: ModelConfig, "follower": FollowerConfig, "open-unmix": OpenUnmixConfig}


def _beside_presets(name: str) -> Path:
    path = Path(name)
    return PRESETS / path if path.name == name else path


def require(condition: bool, key: str, value: object, expected: str) -> None:
    """Raise TrainerError that says what the value of a key must be, unless it is."""
    if not condition:
        raise TrainerError(f"{key} is {value}, but must be {expected}")


def require_counts(table: Any, names: tuple[str, ...]) -> None:
    """Raise TrainerError unless all of these are at least one."""
    for name in names:
        require(getattr(table, name) >= 1, name, getattr(table, name), "at least 1")
