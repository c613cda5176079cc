"""Effects on batches of stereo audio, float32 `(..., 2, samples)` or its spectrum, on any device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

EQ_POINTS = 7  # about one per octave and a half
_OCTAVES = 10.0
EDGE_SAMPLES = 1024  # cut off at both ends, where a crop's end meets its beginning
_TAIL_S = 1.0
_STRETCH_FFT, _STRETCH_HOP = 2048, 512
_CODEC_FFT, _CODEC_BAND = 1024, 16


@dataclass(frozen=True)
class Room:
    """Exponentially decaying stereo noise behind the direct sound."""

    decay_s: float  # to -60 dB
    gap_s: float
    level_db: float  # below the direct sound

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Room:
        """Return a room between a booth and a hall."""
        return cls(rng.uniform(0.2, 1.5), rng.uniform(0.002, 0.04), rng.uniform(-20, -4))


@dataclass(frozen=True)
class Codec:
    """What lossy coding does to music: nothing above a low-pass, and noise where the music masks it."""

    lowpass_hz: float
    noise_db: float  # relative to the music in each band

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Codec:
        """Return a codec between 64 kbit/s and nearly transparent."""
        return cls(rng.uniform(10_000, 18_000), rng.uniform(-24, -8))


def spectrum_samples(samples: int) -> int:
    """Return how many samples are transformed to give `samples`."""
    return _fast(samples + 2 * EDGE_SAMPLES)


def resampled_samples(samples: int, pitch: float) -> int:
    """Return how many samples, played `pitch` times as fast, fill `spectrum_samples(samples)`."""
    return spectrum_samples(samples) if pitch == 1 else _fast(spectrum_samples(samples) * pitch)


def source_samples(samples: int, tempo: float, pitch: float) -> int:
    """Return how many samples of a recording `samples` are made of at another tempo and pitch."""
    resampled = resampled_samples(samples, pitch)
    return resampled if tempo == pitch else math.ceil(resampled * tempo / pitch) + _STRETCH_FFT


def _fast(samples: float) -> int:
    """Return the next even length whose Fourier transform is fast."""
    return 2 * scipy.fft.next_fast_len(math.ceil(samples / 2))


def resampled_spectrum(audio: Tensor, samples: int) -> Tensor:
    """Return the spectrum of `audio` as it sounds when played in the time of `samples` samples.

    Pitch and tempo change together. This is exact band-limited resampling of what is taken as one period of a sound.
    """
    spectrum = torch.fft.rfft(audio)
    bins = samples // 2 + 1
    missing = bins - spectrum.shape[-1]
    resized = F.pad(spectrum, (0, missing)) if missing > 0 else spectrum[..., :bins]
    return resized * (samples / audio.shape[-1])


def eq_gains(points_db: NDArray[np.float64], bins: int, device: torch.device) -> Tensor:
    """Return smooth gain curves `(curves, 1, bins)` through `(curves, EQ_POINTS)` gains, even on a logarithmic axis."""
    octaves = torch.log2(torch.linspace(1, 2**_OCTAVES, bins, device=device)) * ((EQ_POINTS - 1) / _OCTAVES)
    points = torch.arange(EQ_POINTS, device=device, dtype=torch.float32)[:, None]
    weights = (1 - (octaves - points).abs()).clamp(min=0)
    nepers = torch.tensor(points_db * (math.log(10) / 20), dtype=torch.float32, device=device)
    return torch.exp(nepers @ weights)[:, None]


def room_responses(rooms: list[Room], sample_rate: int, generator: torch.Generator) -> Tensor:
    """Return the reverberation of rooms, without the direct sound, `(rooms, 2, samples)`."""
    device = generator.device
    decay_s, gap_s, level_db = torch.tensor(
        [(room.decay_s, room.gap_s, room.level_db) for room in rooms], device=device
    ).T[:, :, None, None]
    time_s = torch.arange(round(_TAIL_S * sample_rate), device=device) / sample_rate
    tails = torch.randn(len(rooms), 2, time_s.numel(), generator=generator, device=device)
    tails *= torch.exp(-3 * math.log(10) * time_s / decay_s) * (time_s >= gap_s)
    return tails * (10 ** (level_db / 20) / tails.square().sum(-1, keepdim=True).sqrt())


def stretch(audio: Tensor, rate: float, samples: int) -> Tensor:
    """Play `(batch, 2, samples * rate or more)` `rate` times as fast at the same pitch, `samples` samples of it.

    A phase vocoder whose phases follow the sum of both channels, so that their difference, the stereo image, stays.
    """
    window = torch.hann_window(_STRETCH_FFT, device=audio.device)
    flat = torch.stft(audio.flatten(0, 1), _STRETCH_FFT, _STRETCH_HOP, window=window, center=False, return_complex=True)
    frames = flat.unflatten(0, audio.shape[:2])
    position = torch.arange(samples // _STRETCH_HOP + 1, device=audio.device) * rate
    earlier = position.long().clamp(max=frames.shape[-1] - 2)
    share = (position - earlier).to(frames.dtype)
    phase = _unit(frames.sum(1, keepdim=True))
    still = frames * phase.conj()  # what turns with the phase of the sum stands still
    between = torch.lerp(still[..., earlier], still[..., earlier + 1], share)
    # From one output frame to the next every bin turns as far as it does over one hop of the input.
    turns = phase[..., earlier + 1] * phase[..., earlier].conj()
    turned = torch.cumprod(torch.cat([phase[..., :1], turns[..., :-1]], -1), -1)
    # Loose phase locking (Puckette 1995): bins beside a peak turn with it, in opposite phase under this window.
    heard = F.pad(between.sum(1, keepdim=True) * turned, (0, 0, 1, 1))
    locked = _unit(heard[..., 1:-1, :] - heard[..., :-2, :] - heard[..., 2:, :])
    out = (between * locked).flatten(0, 1)
    return torch.istft(out, _STRETCH_FFT, _STRETCH_HOP, window=window, length=samples).unflatten(0, audio.shape[:2])


def _unit(spectrum: Tensor) -> Tensor:
    """Return the phase of a spectrum as numbers of size one."""
    return torch.polar(torch.ones_like(spectrum.real), spectrum.angle())


def add_coding_noise(audio: Tensor, noise_db: Tensor) -> Tensor:
    """Quantise `(batch, 2, samples)` band by band, as lossy codecs do, `(batch,)` dB relative to the music.

    Steps follow the level of their band, so the noise does too; a coefficient smaller than half a step is gone, which
    leaves the holes in the spectrum that low bit rates are known by.
    """
    window = torch.hann_window(_CODEC_FFT, device=audio.device).sqrt()
    spectrum = torch.stft(audio.flatten(0, 1), _CODEC_FFT, _CODEC_FFT // 2, window=window, return_complex=True)
    bands = torch.view_as_real(spectrum)[:, :-1].unflatten(1, (-1, _CODEC_BAND))
    ratio = (10 ** (noise_db / 10)).repeat_interleave(2)[:, None, None, None, None]
    power = bands.square().sum(-1, keepdim=True).mean(2, keepdim=True)
    # Steps s make noise of s^2 / 12 in either part of a coefficient, half of which no waveform can hold.
    steps = (12 * ratio * power).sqrt() + 1e-9
    coded = torch.view_as_complex((torch.round(bands / steps) * steps).flatten(1, 2).contiguous())
    coded = torch.cat([coded, spectrum[:, -1:]], 1)
    length = audio.shape[-1]
    return torch.istft(coded, _CODEC_FFT, _CODEC_FFT // 2, window=window, length=length).unflatten(0, audio.shape[:2])
