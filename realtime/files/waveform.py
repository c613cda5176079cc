"""The waveform of a file, small enough to keep for hundreds of songs."""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = 1000


@dataclass(frozen=True)
class Waveform:
    """What is drawn of a file.

    Attributes:
        seconds: Length of the audio.
        peak, rms: Highest and mean level of each of at most `COLUMNS` equal parts, 0 to 255 for full scale.
    """

    seconds: float
    peak: bytes
    rms: bytes
