"""The output formats: what each can hold, and the depth of its samples."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.files.errors import AudioFileError

FORMATS = ("wav", "flac", "mp3", "ogg", "m4a")
BIT_DEPTHS = (16, 24, 32)
_DEPTHS = {"wav": (32, 24, 16), "flac": (24, 16)}
_MOST_CHANNELS = {"flac": 8, "mp3": 2, "m4a": 6}
_RATES_HZ = {
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "m4a": (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
}
_HIGHEST_RATE_HZ = {"flac": 655350, "ogg": 200000}
# Below this the headers of a plain WAV file, whose sizes are 32-bit, cannot overflow.
_LONGEST_WAV_BYTES = 4 * 10**9


@dataclass(frozen=True)
class StemFormat:
    """How stems are written.

    Attributes:
        name: One of `FORMATS`.
        bit_depth: Bits of a sample; 32 is floating point. None takes the format's best, or is what a lossy format has.

    Raises:
        AudioFileError: The format does not come in that depth.
    """

    name: str = "wav"
    bit_depth: int | None = None

    def __post_init__(self) -> None:
        if self.name not in FORMATS:
            raise AudioFileError(f"there is no format {self.name!r}; choose one of {', '.join(FORMATS)}")
        depths = _DEPTHS.get(self.name, ())
        if self.bit_depth is None and depths:
            object.__setattr__(self, "bit_depth", depths[0])
        if self.bit_depth is not None and self.bit_depth not in depths:
            remedy = f"choose {' or '.join(map(str, sorted(depths)))}" if depths else "leave --bit-depth out"
            raise AudioFileError(f"{self.name} cannot hold {self.bit_depth}-bit samples; {remedy}")

    @property
    def is_float(self) -> bool:
        """Whether samples beyond full scale survive."""
        return self.bit_depth == 32

    def problem(self, sample_rate: int, channels: int) -> str | None:
        """Say why the format cannot hold audio of this rate and number of channels; None where it can."""
        if channels > _MOST_CHANNELS.get(self.name, channels):
            return f"{self.name} cannot hold its {channels} channels; choose --format wav"
        rates = _RATES_HZ.get(self.name, (sample_rate,))
        if sample_rate not in rates or sample_rate > _HIGHEST_RATE_HZ.get(self.name, sample_rate):
            return f"{self.name} cannot hold its {sample_rate} Hz; choose --format wav"
        return None

    def payload_bytes(self, frames: int, channels: int) -> int | None:
        """Return the size of an uncompressed file in bytes, None where compression makes it unknown."""
        return frames * channels * self.bit_depth // 8 if self.name == "wav" and self.bit_depth else None

    def is_long_wav(self, frames: int | None, channels: int) -> bool:
        """Tell whether a WAV file of this length needs the 64-bit sizes of RF64; an unknown length does."""
        return frames is None or (self.payload_bytes(frames, channels) or 0) > _LONGEST_WAV_BYTES
