"""An int8 version of a plug-in, left behind only where it separates as well and is really faster."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tqdm import tqdm

from export.check import check_plugin
from export.errors import ExportError
from export.integers import multiply_integers
from realtime.contract import ModelSpec
from realtime.live.benchmark import machine
from realtime.plugin import OnnxPlugin, read_spec
from trainer.config import Config
from trainer.data.songs import References, Song, find_songs
from trainer.evaluate.estimators import StreamedModel
from trainer.outputs import written_whole
from trainer.validation import windowed_sdr_db

MAXIMUM_LOSS_DB = 0.05
MINIMUM_GAIN = 1.3
PACED_S = 20.0
_OPERATORS = ["LSTM", "MatMul", "Gemm"]
# Figures of the card that were measured on the float32 file.
_MEASURED = ("scores", "test_set", "rtf", "cpu", "check")
_WARM_UP_CALLS = 20


@dataclass(frozen=True)
class Comparison:
    """A plug-in and its int8 version, measured side by side.

    Attributes:
        songs: Validation songs scored.
        sdr_db, int8_sdr_db: Vocals SDR, median over 1-s windows, mean over songs.
        call_ms, int8_call_ms: Mean duration of a call at the pace of the music, the two taking turns; there may be much
            to do in some calls and little in others.
    """

    songs: int
    sdr_db: float
    int8_sdr_db: float
    call_ms: float
    int8_call_ms: float

    @property
    def loss_db(self) -> float:
        """By how much int8 separates worse; the accompaniment shares the error, so it loses the same."""
        return self.sdr_db - self.int8_sdr_db

    @property
    def gain(self) -> float:
        """How many times as fast int8 is."""
        return self.call_ms / self.int8_call_ms

    @property
    def is_worth_it(self) -> bool:
        """Whether int8 may stand in for the float32 file."""
        return self.loss_db <= MAXIMUM_LOSS_DB and self.gain >= MINIMUM_GAIN

    def __str__(self) -> str:
        return (
            f"it loses {self.loss_db:.3f} dB of vocals SDR on {self.songs} validation songs "
            f"({self.int8_sdr_db:.2f} against {self.sdr_db:.2f} dB) and is {self.gain:.2f} times as fast "
            f"({self.int8_call_ms:.2f} against {self.call_ms:.2f} ms a call)"
        )


def quantize(source: Path, output: Path, folders: Sequence[Path], paced_s: float = PACED_S) -> Comparison:
    """Write the int8 version of `source` to `output` if it is worth it.

    Args:
        source: A float32 plug-in.
        output: The file.
        folders: Where validation songs are; other songs there are left alone.
        paced_s: How long the two are timed, in seconds.

    Raises:
        PluginError: `source` breaks the contract.
        TrainerError: There are no validation songs, or one cannot be read.
        ExportError: The int8 version breaks the contract, loses too much or gains too little.
    """
    spec, songs = read_spec(source), _validation_songs(folders)
    with written_whole(output) as beside:
        write_int8(source, beside, output.stem)
        broken = [promise for promise, kept in check_plugin(beside) if not kept]
        if broken:
            raise ExportError(f"{output}: not written, for in int8 this breaks: {', '.join(broken)}; keep {source}")
        sdr_db = _scores_db((source, beside), songs)
        comparison = Comparison(len(songs), *sdr_db, *_paced_ms((source, beside), paced_s))
        if not comparison.is_worth_it:
            raise ExportError(
                f"{output}: not written, for {comparison}, where at most {MAXIMUM_LOSS_DB} dB and at least "
                f"{MINIMUM_GAIN} times are asked for; keep {source}"
            )
        model = onnx.load(beside)
        onnx.helper.set_model_props(model, _in_int8(spec, output.stem, comparison).to_metadata())
        onnx.save(model, beside)
    return comparison


def _validation_songs(folders: Iterable[Path]) -> list[Song]:
    held_out = Config.validation_songs
    songs = [song for folder in folders for song in find_songs(folder) if song.name in held_out]
    if not songs:
        raise ExportError(
            f"{', '.join(map(str, folders))}: holds none of the validation songs, on which int8 is judged; "
            f"name a folder with some of them, for example {held_out[0]!r}"
        )
    return songs


def write_int8(source: Path, path: Path, name: str) -> None:
    """Write the int8 version of a plug-in to `path` under a name of its own, nothing measured."""
    spec, model = read_spec(source), onnx.load(source)
    # Else a warning advises what an exported graph has no need of.
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    multiply_integers(model)
    # Scales are found anew in every call, so the number of hops in one stays what the metadata say.
    quantize_dynamic(model, path, op_types_to_quantize=_OPERATORS, weight_type=QuantType.QInt8)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, _in_int8(spec, name).to_metadata())
    onnx.save(model, path)


def _in_int8(spec: ModelSpec, name: str, comparison: Comparison | None = None) -> ModelSpec:
    card = {key: value for key, value in spec.card.items() if key not in _MEASURED} | {"precision": "int8"}
    if comparison is not None:
        card["quantization"] = {
            "loss_db": round(comparison.loss_db, 3),
            "gain": round(comparison.gain, 2),
            "songs": comparison.songs,
            "cpu": machine()["cpu"],
        }
    return dataclasses.replace(spec, name=name, description=f"{spec.description}, weights in int8", card=card)


def _scores_db(models: Sequence[Path], songs: Sequence[Song]) -> list[float]:
    """Return the vocals SDR of each model, through the host."""
    estimators = [StreamedModel.find(str(model)) for model in models]
    scores = []
    for song in tqdm(songs, desc="scoring", unit="song", dynamic_ncols=True):
        references = song.load()
        scores.append([_score_db(estimator, references) for estimator in estimators])
    return np.nanmean(scores, axis=0).tolist()


def _score_db(estimator: StreamedModel, references: References) -> float:
    estimate, truth = (torch.from_numpy(audio) for audio in (estimator.estimate(references).vocals, references.vocals))
    return windowed_sdr_db(estimate, truth, references.sample_rate)


def _paced_ms(models: Sequence[Path], seconds: float) -> list[float]:
    """Return the mean duration of a call of each model: they take turns, one call for every chunk of music.

    What else the machine does meets them alike, and neither finds its weights in a warm cache.
    """
    plugins = [OnnxPlugin(model) for model in models]
    spec = plugins[0].spec
    rng = np.random.default_rng(0)
    shape = (spec.channels, spec.stft.bins, spec.hops_per_call)
    level = np.sqrt(spec.stft.n_fft) / 10
    music = [(level * rng.standard_normal((*shape, 2))).astype(np.float32).view(np.complex64)[..., 0] for _ in range(8)]
    period_s = spec.call_samples / spec.sample_rate
    calls = len(plugins) * (_WARM_UP_CALLS + round(seconds / period_s / len(plugins)))
    durations_ms: list[list[float]] = [[] for _ in plugins]
    due = time.perf_counter()
    turns = zip(itertools.cycle(range(len(plugins))), tqdm(range(calls), desc="timing", unit="call"), strict=False)
    for turn, call in turns:
        due += period_s
        time.sleep(max(0.0, due - time.perf_counter()))
        before = plugins[turn].session_s
        plugins[turn].step(music[call // len(plugins) % len(music)])
        durations_ms[turn].append(1000 * (plugins[turn].session_s - before))
    return [float(np.mean(values[_WARM_UP_CALLS:])) for values in durations_ms]
