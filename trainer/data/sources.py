"""What `--data` names: folders in the layouts people keep recordings in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.data import analysis
from trainer.data.decoding import AUDIO_SUFFIXES, Audio, decode, sample_rate_of
from trainer.data.songs import FOLDER_PARTS, INSTRUMENTS, STEMS_SUFFIXES, Song, find_songs
from trainer.errors import TrainerError

KINDS = ("songs", "labelled", "vocals", "accompaniment", "karaoke")
PACK_INDEX = "pack.json"


@dataclass(frozen=True)
class Source:
    """One `--data` argument, `[KIND=]FOLDER[@WEIGHT]`.

    Attributes:
        folder: Where the recordings are.
        kind: `songs` (MUSDB18 STEMS files, MUSDB18-HQ folders, or folders of `vocals.*` with `accompaniment.*` or
            `mixture.*`), `labelled` (the same, the vocals estimated by a separator: only ever used as whole songs,
            because either stem holds remains of the other), `vocals` or `accompaniment` (every file is one), or
            `karaoke` (accompaniment left, voice right). A pack of any of these goes as `songs`.
        weight: How often it is drawn from, relative to the others.
    """

    folder: Path
    kind: str = "songs"
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read `[KIND=]FOLDER[@WEIGHT]`.

        Raises:
            TrainerError: The kind is unknown, the folder missing or the weight not positive.
        """
        head, separator, tail = text.partition("=")
        kind, rest = (head, tail) if separator and head in KINDS else ("songs", text)
        folder, separator, weight = rest.rpartition("@")
        if not separator:
            folder, weight = rest, "1"
        try:
            source = cls(Path(folder), kind, float(weight))
        except ValueError:
            source = cls(Path(rest), kind)
        if not source.folder.is_dir():
            raise TrainerError(f"{text}: no such folder; give [{'|'.join(KINDS)}=]FOLDER[@WEIGHT]")
        if not 0 < source.weight < math.inf:
            raise TrainerError(f"{text}: the weight must be a number above zero")
        if source.is_pack and kind != "songs":
            raise TrainerError(f"{source.folder}: is a pack and knows what it holds; leave out {kind}=")
        return source

    @property
    def is_pack(self) -> bool:
        """Whether the folder is a pack rather than one of the layouts."""
        return (self.folder / PACK_INDEX).is_file()


@dataclass(frozen=True)
class Facts:
    """What is measured on a recording.

    Attributes:
        bandwidth_hz: The highest frequency its voice holds, or its music where nobody sings.
        tempo_bpm: Beats per minute of its music, give or take an octave; None where no beat stands out.
    """

    bandwidth_hz: float
    tempo_bpm: float | None

    @classmethod
    def measure(cls, vocals: Audio | None, accompaniment: tuple[Audio, ...], sample_rate: int) -> Facts:
        """Measure float stems `(channels, samples)` of one recording."""
        music = sum(accompaniment[1:], accompaniment[0]) if accompaniment else None
        bandwidth_hz = analysis.bandwidth_hz(music if vocals is None else vocals, sample_rate)
        return cls(bandwidth_hz, None if music is None else analysis.tempo_bpm(music, sample_rate))


@dataclass(frozen=True)
class Original:
    """A recording as it lies on disk, not decoded yet.

    Attributes:
        name: The song's name.
        source: The `--data` argument it came from, or that it was packed from.
        files: What it is made of.
        sample_rate: In Hz.
        vocals: The name of its vocals stem; None for instrumental music.
        accompaniment: The names of the stems that sum to everything else; empty for bare voices.
        load: Reads the stems, `{name: (channels, samples)}` of one length.
        facts: Where they are known already.
    """

    name: str
    source: Source
    files: tuple[Path, ...]
    sample_rate: int
    vocals: str | None
    accompaniment: tuple[str, ...]
    load: Callable[[], Mapping[str, Audio]]
    facts: Facts | None = None


def originals_in_folder(source: Source) -> list[Original]:
    """Return the recordings of a folder in one of the layouts.

    Raises:
        TrainerError: The folder holds nothing of its kind, or a file cannot be read.
    """
    if source.kind in ("songs", "labelled"):
        if all((source.folder / split).is_dir() for split in ("train", "test")):
            raise TrainerError(f"{source.folder}: holds test songs too; name {source.folder / 'train'}")
        return [_of_song(song, source) for song in find_songs(source.folder)]
    files = [path for path in sorted(source.folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES]
    if not files:
        raise TrainerError(f"{source.folder}: holds no audio files; {source.kind}= takes a folder of them")
    if any(path.stem.lower() in FOLDER_PARTS or path.name.lower().endswith(STEMS_SUFFIXES) for path in files):
        raise TrainerError(f"{source.folder}: holds songs with their stems; give it without {source.kind}=")
    return [_of_file(path, source) for path in files]


def _of_song(song: Song, source: Source) -> Original:
    if song.names >= INSTRUMENTS:
        accompaniment = tuple(sorted(INSTRUMENTS))
    else:
        accompaniment = ("accompaniment",) if "accompaniment" in song.names else ("mixture - vocals",)

    def load() -> dict[str, Audio]:
        parts, _ = song.load_parts()
        if accompaniment == ("mixture - vocals",):
            parts["mixture - vocals"] = parts["mixture"] - parts["vocals"]
        return {name: parts[name] for name in ("vocals", *accompaniment)}

    files = tuple(path for _, path in song.parts)
    return Original(song.name, source, files, sample_rate_of(files[0]), "vocals", accompaniment, load)


def _of_file(path: Path, source: Source) -> Original:
    def load() -> dict[str, Audio]:
        audio, _ = decode(path)
        if source.kind != "karaoke":
            return {"whole": audio}
        if audio.shape[0] != 2:
            raise TrainerError(
                f"{path}: has {audio.shape[0]} channels; karaoke files hold accompaniment left and voice right"
            )
        return {"left": audio[:1], "right": audio[1:]}

    vocals = {"vocals": "whole", "karaoke": "right"}.get(source.kind)
    accompaniment = {"accompaniment": ("whole",), "karaoke": ("left",)}.get(source.kind, ())
    return Original(path.stem, source, (path,), sample_rate_of(path), vocals, accompaniment, load)
