"""The demo: one real song through the shipped model, with its scores, its speed and a picture.

Run as `python -m trainer.evaluate.demo`. It needs no torch.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import soundfile

from trainer.data.songs import Audio, References, Song, find_songs
from trainer.errors import TrainerError
from trainer.evaluate.bsseval import METRICS, TARGETS, score
from trainer.evaluate.estimators import StreamedModel
from trainer.evaluate.machine import cpu_name
from trainer.evaluate.packages import package_folder
from trainer.evaluate.plots import plot_spectrograms
from trainer.outputs import written_whole

MODEL = "guided-lite-93"
# Each stream of the song begins with the encoder's silence and has a click at both cuts.
START_S, SECONDS = 0.1, 5.9
PICTURE = "spectrograms.png"


@dataclass(frozen=True)
class Demonstration:
    """What was measured on the song.

    Attributes:
        song, model: Their names.
        audio_s, sample_rate, channels: Of the song.
        sdr_db: By target.
        mixture_sdr_db: By target, of the mixture left as it is.
        latency_ms: Algorithmic.
        rtf: Processor time on one thread per second of audio.
        folder: Where the stems and the picture are.
    """

    song: str
    model: str
    audio_s: float
    sample_rate: int
    channels: int
    sdr_db: dict[str, float]
    mixture_sdr_db: dict[str, float]
    latency_ms: float
    rtf: float
    folder: Path


def main(arguments: list[str] | None = None) -> int:
    """Separate the song, print what came out; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.evaluate.demo", description="Separate a real song, with its scores."
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("demo"), metavar="DIR", help="folder to write to (default: demo)"
    )
    words = "a shipped model's name or an .onnx file (default: %(default)s)"
    parser.add_argument("--model", default=MODEL, help=words)
    args = parser.parse_args(arguments)
    try:
        print(describe(demonstrate(demo_song(), StreamedModel.find(args.model), args.output)))
    except TrainerError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def demo_song() -> Song:
    """Return the STEMS file that the package `stempeg` brings: The Easton Ellises - Falcon 69, 6 s.

    Raises:
        TrainerError: The package or its song is not installed.
    """
    folder = package_folder("stempeg")
    if folder is None:
        raise TrainerError('stempeg, which brings the song, is not installed; run: pip install "unsing[evaluate]"')
    return find_songs(folder / "data")[0]


def demonstrate(song: Song, model: StreamedModel, folder: Path) -> Demonstration:
    """Separate `song` through the streaming host, write stems and picture to `folder`, and score it.

    Raises:
        TrainerError: The song, the model or the folder does not let it.
    """
    references = song.load(START_S, SECONDS)
    estimates = model.estimate(references)
    signals = {"mixture": references.mixture, "vocals": estimates.vocals, "accompaniment": estimates.accompaniment}
    for name, audio in signals.items():
        with written_whole(folder / f"{name}.wav") as beside:
            soundfile.write(beside, audio.T, references.sample_rate, subtype="FLOAT")
    plot_spectrograms(folder / PICTURE, signals, references.sample_rate)
    samples = references.mixture.shape[1]
    return Demonstration(
        song.name,
        model.label,
        samples / references.sample_rate,
        references.sample_rate,
        references.mixture.shape[0],
        _sdr_db(references, estimates.vocals, estimates.accompaniment),
        _sdr_db(references, references.mixture, references.mixture),
        model.latency_ms,
        estimates.busy_s * references.sample_rate / samples,
        folder,
    )


def describe(shown: Demonstration) -> str:
    """Return a demonstration as lines for a terminal."""
    scores = "\n".join(
        f"  {target + ' SDR':<18}{shown.sdr_db[target]:6.2f} dB   (mixture left as it is: "
        f"{shown.mixture_sdr_db[target]:.2f} dB)"
        for target in TARGETS
    )
    song = f"{shown.song}: {shown.audio_s:.1f} s, {shown.sample_rate} Hz, {shown.channels} channels"
    return f"""{song}, by the model {shown.model!r}
{scores}
  latency           {shown.latency_ms:6.1f} ms   (algorithmic)
  real-time factor  {shown.rtf:6.3f}      (one thread of {cpu_name()})
  stems             {shown.folder}/vocals.wav, accompaniment.wav, mixture.wav
  picture           {shown.folder / PICTURE}"""


def _sdr_db(references: References, vocals: Audio, accompaniment: Audio) -> dict[str, float]:
    medians = score(references, vocals, accompaniment).median()[:, METRICS.index("SDR")]
    return dict(zip(TARGETS, medians.tolist(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
