"""Training examples, mixed and augmented a batch at a time on the training device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainer.config import Config
from trainer.data import augmentation
from trainer.data.decoding import FULL_SCALE
from trainer.data.drawing import Crop, Deck, Example, Strip, Track
from trainer.data.recordings import Recording

_AUDIBLE = 10 ** (-45 / 20)
_GPU_SHARE = 0.5  # of the free memory of a GPU that recordings may take


@dataclass(frozen=True)
class Batch:
    """Waveforms `(batch, 2, samples)` whose first `warmup_frames` STFT frames carry no loss.

    Attributes:
        bandwidth_hz: `(batch,)`; above it an example's vocals are unknown and not to be scored.
    """

    mixture: Tensor
    vocals: Tensor
    bandwidth_hz: Tensor
    warmup_frames: int


class ExampleMixer:
    """Makes batches out of recordings, which it holds as int16, on the GPU where there is one and they fit.

    Everything linear (equaliser, room, low-pass, speed) happens in one transform over the whole crop, taken as one
    period of a sound: what rings on at its end is heard at its beginning, as the sound of what came before.
    """

    def __init__(self, recordings: Sequence[Recording], config: Config, device: torch.device) -> None:
        self.config, self.device = config, device
        store = device if _fit(recordings, device) else torch.device("cpu")
        tracks = [Track.of(recording, store) for recording in recordings]
        self._deck = Deck(tracks, config.mixing, config.sample_rate)

    @torch.no_grad()
    def batch(self, step: int, rank: int = 0) -> Batch:
        """Return batch number `step` of process `rank`, a pure function of both and the seed."""
        mixing, seed = self.config.mixing, self.config.optimizer.seed
        shared = np.random.default_rng((seed, step))
        warmup_s = mixing.long_warmup_s if shared.random() < mixing.long_warmup else mixing.warmup_s
        warmup_frames, crop_frames = (self._frames(seconds) for seconds in (warmup_s, mixing.crop_s))
        samples = (warmup_frames + crop_frames) * self.config.stft.hop_length
        rng = np.random.default_rng((seed, step, rank, 1))
        examples = [self._deck.draw(rng, samples) for _ in range(self.config.optimizer.batch_size)]
        generator = torch.Generator(self.device).manual_seed(int(rng.integers(1 << 62)))
        vocals, accompaniment = self._render(examples, samples, generator)
        mixture, vocals = _at_levels(vocals, accompaniment, examples)
        coded = [index for index, example in enumerate(examples) if example.codec]
        if coded:
            noise_db = torch.tensor([examples[index].codec.noise_db for index in coded], device=self.device)
            mixture[coded] = augmentation.add_coding_noise(mixture[coded], noise_db)
        bandwidth_hz = torch.tensor([example.bandwidth_hz for example in examples], device=self.device)
        return Batch(mixture, vocals, bandwidth_hz, warmup_frames)

    def _frames(self, seconds: float) -> int:
        unit = self.config.model.chunk_frames
        return max(1, round(seconds * self.config.sample_rate / self.config.stft.hop_length / unit)) * unit

    def _render(self, examples: Sequence[Example], samples: int, generator: torch.Generator) -> Tensor:
        """Return vocals and accompaniment `(2, batch, 2, samples)` as yet without their levels."""
        length = augmentation.spectrum_samples(samples)
        strips = [
            (side, index, strip)
            for index, example in enumerate(examples)
            for side, part in enumerate((example.vocals, example.accompaniment))
            for strip in part
        ]
        rooms = self._room_spectra([strip for *_, strip in strips], length, generator)
        curves = self._eq_curves([strip for *_, strip in strips], length)
        mixed = torch.zeros(2, len(examples), 2, length // 2 + 1, dtype=torch.complex64, device=self.device)
        alike: dict[tuple[float, float], list[tuple[int, int, Strip]]] = {}
        for entry in strips:
            alike.setdefault((entry[2].tempo, entry[2].pitch), []).append(entry)
        for group in alike.values():
            spectra = self._spectra([strip for *_, strip in group], samples, length)
            for (side, index, strip), spectrum in zip(group, spectra, strict=True):
                if strip.eq_db is not None:
                    spectrum *= curves[id(strip)]
                if strip.room is not None:
                    spectrum += spectrum * rooms[id(strip)]
                mixed[side, index] += spectrum
        for index, example in enumerate(examples):
            if example.codec:
                mixed[:, index, :, round(example.codec.lowpass_hz / self.config.sample_rate * length) :] = 0
        return torch.fft.irfft(mixed, length)[..., augmentation.EDGE_SAMPLES :][..., :samples]

    def _spectra(self, strips: Sequence[Strip], samples: int, length: int) -> Tensor:
        """Return the spectra `(strips, 2, bins)` of strips of one tempo and pitch."""
        tempo, pitch = strips[0].tempo, strips[0].pitch
        reach = augmentation.source_samples(samples, tempo, pitch)
        crops = [crop for strip in strips for crop in strip.crops]
        gains = torch.tensor([crop.gains for crop in crops], device=self.device)[..., None] / FULL_SCALE
        audio = torch.stack([_read(crop, reach) for crop in crops]).to(self.device) * gains
        if len(crops) > len(strips):
            audio = torch.stack([part.sum(0) for part in audio.split([len(strip.crops) for strip in strips])])
        resampled = augmentation.resampled_samples(samples, pitch)
        if tempo != pitch:
            audio = augmentation.stretch(audio, tempo / pitch, resampled)
        return augmentation.resampled_spectrum(audio, length)

    def _room_spectra(self, strips: Sequence[Strip], length: int, generator: torch.Generator) -> dict[int, Tensor]:
        wet = [strip for strip in strips if strip.room is not None]
        if not wet:
            return {}
        tails = augmentation.room_responses([strip.room for strip in wet], self.config.sample_rate, generator)
        return dict(zip(map(id, wet), torch.fft.rfft(tails[..., :length], length), strict=True))

    def _eq_curves(self, strips: Sequence[Strip], length: int) -> dict[int, Tensor]:
        equalized = [strip for strip in strips if strip.eq_db is not None]
        if not equalized:
            return {}
        points_db = np.stack([strip.eq_db for strip in equalized])
        return dict(
            zip(map(id, equalized), augmentation.eq_gains(points_db, length // 2 + 1, self.device), strict=True)
        )


def _at_levels(vocals: Tensor, accompaniment: Tensor, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Return mixture and vocals with the levels of the examples."""
    wanted_db, limit_db, level_db = torch.tensor(
        [
            (torch.nan if example.ratio_db is None else example.ratio_db, example.ratio_limit_db, example.level_db)
            for example in examples
        ],
        device=vocals.device,
    ).T[:, :, None, None]
    ratio_db = 20 * torch.log10(_rms(vocals).clamp(min=_AUDIBLE) / _rms(accompaniment).clamp(min=_AUDIBLE))
    is_set = (ratio_db.abs() >= limit_db) & ~wanted_db.isnan()
    vocals = vocals * torch.where(is_set, 10 ** ((wanted_db - ratio_db) / 20), 1.0)
    mixture = vocals + accompaniment
    gain = 10 ** (level_db / 20) / _rms(mixture).clamp(min=_AUDIBLE)
    return mixture * gain, vocals * gain


def _rms(audio: Tensor) -> Tensor:
    return audio.square().mean((1, 2), keepdim=True).sqrt()


def _read(crop: Crop, reach: int) -> Tensor:
    """Return `(2, reach)` int16 samples, from the beginning again where the stem ends before."""
    stem, stop = crop.stem, crop.start + reach
    if stop <= stem.shape[1]:
        audio = stem[:, crop.start : stop]
    else:
        audio = stem.roll(-crop.start, 1).repeat(1, -(-reach // stem.shape[1]))[:, :reach]
    return audio.flip(0) if crop.swapped else audio.expand(2, -1)


def _fit(recordings: Sequence[Recording], device: torch.device) -> bool:
    """Tell whether recordings fit on a device beside the training."""
    if device.type != "cuda":
        return True
    held = sum(
        stem.nbytes
        for recording in recordings
        for stem in (recording.vocals, *recording.accompaniment)
        if stem is not None
    )
    return held < _GPU_SHARE * torch.cuda.mem_get_info(device)[0]
