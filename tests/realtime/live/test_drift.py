import numpy as np
import pytest

from realtime.live.drift import DriftCorrector

BLOCK = 256
LOCKED_S = 30


class Clocks:
    """An input and an output device with clocks of their own, in simulated time.

    `drift_ppm` is by how much the input's clock runs ahead of its nominal rate; the input hears a sine of `hz` true
    hertz. Callbacks come up to `jitter_s` late.
    """

    def __init__(self, drift_ppm, source_hz=44100, target_hz=44100, hz=1000.0, jitter_s=0.0, seed=0):
        self.corrector = DriftCorrector(1, source_hz, target_hz, BLOCK, BLOCK, reserve_samples=128)
        self.hz, self.target_hz = hz, target_hz
        self.source_hz = source_hz * (1 + drift_ppm * 1e-6)
        self.fed = self.read = 0
        self.jitter_s, self._rng = jitter_s, np.random.default_rng(seed)
        self.fills, self.drifts, self.corrections = [], [], []

    def run(self, seconds):
        """Return what the output reads meanwhile, `(n,)`."""
        blocks = []
        for _ in range(int(seconds * self.target_hz / BLOCK)):
            now = (self.read + BLOCK) / self.target_hz
            self._feed_until(now)
            out = np.empty((1, BLOCK), np.float32)
            self.corrector.read(out, now + self._late())
            self.read += BLOCK
            blocks.append(out[0])
            self.fills.append(self.corrector.fill_samples)
            self.drifts.append(self.corrector.drift_ppm)
            self.corrections.append(self.corrector.correction_ppm)
        return np.concatenate(blocks)

    def _feed_until(self, now):
        while (self.fed + BLOCK) / self.source_hz <= now:
            time_s = np.arange(self.fed, self.fed + BLOCK) / self.source_hz
            self.fed += BLOCK
            self.corrector.feed(
                np.float32(np.sin(2 * np.pi * self.hz * time_s))[None], self.fed / self.source_hz + self._late()
            )

    def _late(self):
        return self._rng.uniform(0, self.jitter_s)


def sine_snr_db(signal, hz, rate):
    """Return how far what is no sine of about `hz` lies below the one in `signal`."""
    time_s = np.arange(len(signal)) / rate
    for _ in range(4):
        wave = np.exp(2j * np.pi * hz * time_s)
        basis = np.stack([wave.real, wave.imag, time_s * wave.real, time_s * wave.imag], axis=1)
        weights = np.linalg.lstsq(basis, signal.astype(np.float64), rcond=None)[0]
        amplitude = weights[0] - 1j * weights[1]
        hz += ((weights[2] - 1j * weights[3]) / amplitude).imag / (2 * np.pi)
    residue = signal - basis[:, :2] @ weights[:2]
    return 10 * np.log10(np.mean(signal.astype(np.float64) ** 2) / np.mean(residue**2))


@pytest.mark.parametrize(("drift_ppm", "seconds"), [(100, 150), (-300, 30)])
def test_two_clocks_apart_for_minutes_neither_starve_nor_flood(drift_ppm, seconds):
    clocks = Clocks(drift_ppm, jitter_s=0.002)
    clocks.run(LOCKED_S)
    corrector = clocks.corrector
    assert corrector.starvations == corrector.skips == 0
    settled = len(clocks.fills)
    clocks.run(seconds)
    assert corrector.starvations == corrector.skips == 0
    assert np.abs(np.array(clocks.fills[settled:]) - corrector.target_samples).max() < 0.004 * 44100
    assert np.mean(clocks.drifts[settled:]) == pytest.approx(drift_ppm, abs=5)
    assert np.abs(np.array(clocks.drifts[settled:]) - drift_ppm).max() < 40


def test_once_locked_the_pitch_moves_slower_than_anyone_hears():
    clocks = Clocks(200, jitter_s=0.003)
    clocks.run(LOCKED_S)
    settled = len(clocks.corrections)
    clocks.run(30)
    corrections = np.array(clocks.corrections[settled:])
    assert np.abs(np.diff(corrections)).max() * 44100 / BLOCK <= 50 + 1e-6
    assert np.abs(corrections).max() < 1000


@pytest.mark.parametrize(("source_hz", "target_hz"), [(44100, 44100), (48000, 44100), (44100, 48000), (96000, 44100)])
@pytest.mark.parametrize("hz", [1000.0, 10000.0])
def test_a_sine_stays_a_sine(source_hz, target_hz, hz):
    clocks = Clocks(100, source_hz, target_hz, hz)
    clocks.run(LOCKED_S)
    assert clocks.corrector.starvations == clocks.corrector.skips == 0
    assert sine_snr_db(clocks.run(1), hz, target_hz) > 80


def test_an_impulse_comes_out_as_late_as_the_corrector_says():
    corrector = DriftCorrector(1, 44100, 44100, BLOCK, BLOCK, reserve_samples=100)
    heard = []
    for turn in range(400):
        now = (turn + 1) * BLOCK / 44100
        block = np.zeros((1, BLOCK), np.float32)
        block[0, 17] = turn == 300
        corrector.feed(block, now)
        out = np.empty((1, BLOCK), np.float32)
        corrector.read(out, now)
        heard.append(out[0])
    # Sample 17 of the block lies BLOCK - 17 before its end, and so much earlier than `now` was it recorded.
    assert np.argmax(np.abs(np.concatenate(heard))) == 300 * BLOCK + 17 + corrector.delay_samples


def test_silence_is_read_before_anything_is_fed():
    corrector = DriftCorrector(2, 44100, 44100, BLOCK, BLOCK, reserve_samples=0)
    out = np.ones((2, BLOCK), np.float32)
    assert corrector.read(out, 1.0) is False
    assert not out.any()
    assert corrector.starvations == 0


def test_an_input_that_stops_is_one_starvation_and_comes_back():
    clocks = Clocks(0)
    clocks.run(5)
    clocks.source_hz, source_hz = 1e-9, clocks.source_hz
    clocks.run(0.5)
    assert clocks.corrector.starvations == 1
    clocks.source_hz = source_hz
    clocks.run(20)
    assert clocks.corrector.starvations == 1
    assert np.sqrt(np.mean(clocks.run(1) ** 2)) == pytest.approx(np.sqrt(0.5), rel=0.01)


def test_an_output_that_stalls_skips_once_and_is_on_time_again():
    clocks = Clocks(0)
    clocks.run(5)
    clocks.read += 40 * BLOCK
    clocks.run(5)
    assert clocks.corrector.skips == 1
    assert clocks.fills[-1] == pytest.approx(clocks.corrector.target_samples, abs=5)
