"""Write the golden vectors of the transform pairs, from the formulas alone: a DFT sum and overlap-add by hand.

Nothing of the project is imported, so that agreement means something. Run it as
`python tests/realtime/golden/make_vectors.py`; the vectors are the same in every run.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import windows

VECTORS = Path(__file__).with_name("stft.npz")
PAIRS = {
    "hann": (32, 8, "hann", "hann"),
    "sqrt_hann": (32, 8, "sqrt_hann", "sqrt_hann"),
    "mixed": (32, 16, "sqrt_hann", "hann"),
    "asymmetric": (64, 8, "asymmetric", "asymmetric"),
}
SAMPLES = 96


def analysis_window(n_fft: int, hop: int, name: str) -> NDArray[np.float64]:
    """Return the analysis window, `(n_fft,)`."""
    if name != "asymmetric":
        return windows.hann(n_fft, sym=False) ** (0.5 if name == "sqrt_hann" else 1)
    rise = [np.sin(np.pi * n / (2 * (n_fft - hop))) for n in range(n_fft - hop)]
    return np.array(rise + [np.cos(np.pi * n / (2 * hop)) for n in range(hop)])


def synthesis_window(n_fft: int, hop: int, analysis_name: str, name: str) -> NDArray[np.float64]:
    """Return the synthesis window, zero outside its span, `(n_fft,)`."""
    analysis = analysis_window(n_fft, hop, analysis_name)
    if name == "asymmetric":
        window = np.zeros(n_fft)
        for i, product in enumerate(windows.hann(2 * hop, sym=False), start=n_fft - 2 * hop):
            window[i] = product / analysis[i]
        return window
    window = windows.hann(n_fft, sym=False) ** (0.5 if name == "sqrt_hann" else 1)
    gain = np.zeros(8 * n_fft)
    for start in range(0, 7 * n_fft, hop):
        gain[start : start + n_fft] += analysis * window
    steady = gain[4 * n_fft : 5 * n_fft]
    return window / steady


def analyze(audio: NDArray[np.float64], n_fft: int, hop: int, window: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the spectrum `(channels, bins, frames)` whose frame `t` ends with hop `t`, by the DFT sum."""
    n, k = np.arange(n_fft), np.arange(n_fft // 2 + 1)
    kernel = np.exp(-2j * np.pi * np.outer(k, n) / n_fft)
    padded = np.concatenate([np.zeros((len(audio), n_fft - hop)), audio], axis=1)
    starts = range(0, audio.shape[1], hop)
    return np.stack([(padded[:, start : start + n_fft] * window) @ kernel.T for start in starts], axis=-1)


def synthesize(
    spectrum: NDArray[np.complex128],
    n_fft: int,
    hop: int,
    window: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the overlap-added audio on the time axis of the analyzed audio, `(channels, frames * hop)`."""
    channels, bins, frames = spectrum.shape
    n, k = np.arange(n_fft), np.arange(bins)
    kernel = np.exp(2j * np.pi * np.outer(n, k) / n_fft) / n_fft
    both_sides = np.where((k == 0) | (k == n_fft // 2), 1, 2)
    padded = np.zeros((channels, n_fft + (frames - 1) * hop))
    for frame in range(frames):
        segment = ((spectrum[..., frame] * both_sides) @ kernel.T).real
        padded[:, frame * hop : frame * hop + n_fft] += segment * window
    return padded[:, n_fft - hop :]


def make_vectors() -> dict[str, NDArray]:
    """Return every stored array by its name."""
    audio = np.random.default_rng(5).standard_normal((2, SAMPLES))
    vectors = {"audio": audio}
    for pair, (n_fft, hop, analysis_name, synthesis_name) in PAIRS.items():
        analysis = analysis_window(n_fft, hop, analysis_name)
        synthesis = synthesis_window(n_fft, hop, analysis_name, synthesis_name)
        spectrum = analyze(audio, n_fft, hop, analysis)
        mask = np.exp(-np.arange(n_fft // 2 + 1) / n_fft)
        vectors[f"{pair}.spectrum"] = spectrum
        vectors[f"{pair}.masked"] = synthesize(spectrum * mask[:, None], n_fft, hop, synthesis)
    return vectors


if __name__ == "__main__":
    np.savez_compressed(VECTORS, **make_vectors())
