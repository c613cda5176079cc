"""Settings of how training examples are drawn and augmented."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.errors import TrainerError

_SHARES = ("long_warmup", "coherent", "mute_vocals", "mute_accompaniment", "augment")
_SHARES += ("unlinked", "tempo_matched", "codec", "reverb", "stems_apart")
_FACTORS = ("speed", "stretch")
_WIDTHS = ("gain_db", "vocals_spread_db", "eq_db", "pitch_semitones")


@dataclass(frozen=True)
class MixingConfig:
    """How training examples are drawn and augmented.

    Attributes:
        crop_s: Length of the part a loss is taken on, in seconds.
        warmup_s: Audio run through the model before it, so that no loss is taken on a cold state.
        long_warmup_s: The same for a `long_warmup` share of the batches: whole songs drift otherwise.
        coherent: Share of examples whose stems come from the same song.
        mute_vocals, mute_accompaniment: Shares of examples without one side.
        gain_db: Range of the gain of the whole mixture.
        vocals_db, vocals_spread_db: Mean and standard deviation of vocals over accompaniment when mixing across songs.
        augment: Share of stems that each of the following is considered for, one by one; 0 leaves them as they are.
        speed: Range of the factor by which tempo and pitch change together, on either side of one.
        unlinked: Share of changes in which both change apart, within `stretch` and `pitch_semitones` on either side.
        tempo_matched: Share of voices sung in the tempo of a backing from another song, where `stretch` suffices.
        eq_db: Range of the gains of the equaliser.
        codec: Share of mixtures that go through a lossy codec.
        reverb: Share of dry voices put into a room, whatever `augment` is.
        stems_apart: Share of backings whose stems come from different songs, where they have stems.
    """

    crop_s: float = 3.0
    warmup_s: float = 0.5
    long_warmup_s: float = 3.5
    long_warmup: float = 0.25
    coherent: float = 0.5
    mute_vocals: float = 0.08
    mute_accompaniment: float = 0.03
    gain_db: float = 8.0
    vocals_db: float = -3.0
    vocals_spread_db: float = 5.0
    augment: float = 0.5
    speed: float = 0.12
    unlinked: float = 0.15
    stretch: float = 0.2
    pitch_semitones: float = 3.0
    tempo_matched: float = 0.25
    eq_db: float = 6.0
    codec: float = 0.1
    reverb: float = 0.8
    stems_apart: float = 0.5

    def validate(self) -> None:
        """Raise TrainerError where a value is out of range."""
        ranges = dict.fromkeys(_SHARES, (0, 1)) | dict.fromkeys(_FACTORS, (0, 0.5)) | dict.fromkeys(_WIDTHS, (0, 24))
        for name, (lowest, highest) in (ranges | {"crop_s": (0.5, 60), "warmup_s": (0, 60)}).items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise TrainerError(f"mixing.{name} is {value}, but must be from {lowest} to {highest}")
