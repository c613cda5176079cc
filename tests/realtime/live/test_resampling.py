import numpy as np
import pytest

from realtime.live.resampling import Resampler

RATES = [
    (48000, 44100),
    (44100, 48000),
    (96000, 44100),
    (44100, 96000),
    (22050, 44100),
    (44100, 192000),
    (44100, 44101),
]


def in_blocks(resampler, signal, sizes):
    """Return `signal` through `resampler`, cut into blocks of `sizes` in turn."""
    parts, at = [], 0
    for turn in range(signal.shape[1]):
        size = sizes[turn % len(sizes)]
        parts.append(resampler.process(signal[:, at : at + size]))
        at += size
        if at >= signal.shape[1]:
            break
    return np.concatenate(parts, axis=1)


def sine(hz, rate, samples, start=0):
    return np.float32(np.sin(2 * np.pi * hz * np.arange(start, start + samples) / rate))[None]


def decibels(signal, noise):
    return 10 * np.log10(np.mean(np.square(signal, dtype=np.float64)) / np.mean(np.square(noise, dtype=np.float64)))


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES)
@pytest.mark.parametrize("hz", [100, 997, 10000])
def test_a_sine_is_the_same_sine_delay_samples_later(source_hz, target_hz, hz):
    if hz > 0.4 * min(source_hz, target_hz):
        hz = 0.4 * min(source_hz, target_hz)
    resampler = Resampler(source_hz, target_hz, 1)
    result = resampler.process(sine(hz, source_hz, source_hz))
    settled = 4 * resampler.delay_samples + 100
    expected = sine(hz, target_hz, result.shape[1] - settled, settled - resampler.delay_samples)
    assert decibels(expected, result[:, settled:] - expected) > 80


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES)
def test_an_impulse_comes_out_exactly_delay_samples_late(source_hz, target_hz):
    resampler = Resampler(source_hz, target_hz, 1)
    place = source_hz // np.gcd(source_hz, target_hz) * 3 if np.gcd(source_hz, target_hz) > 1 else source_hz
    signal = np.zeros((1, place + source_hz // 4), np.float32)
    signal[0, place] = 1
    late = place * target_hz // source_hz + resampler.delay_samples
    result = resampler.process(signal)[0]
    assert np.argmax(np.abs(result)) == late
    np.testing.assert_allclose(result[late - 20 : late], result[late + 20 : late : -1], atol=1e-6)


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES)
def test_blocks_of_any_size_give_the_same_samples(source_hz, target_hz, rng):
    signal = rng.standard_normal((2, 20000), np.float32)
    whole = Resampler(source_hz, target_hz, 2).process(signal)
    for sizes in ([1], [256], [1, 700, 3, 0, 64]):
        cut = in_blocks(Resampler(source_hz, target_hz, 2), signal[:, :5000] if sizes == [1] else signal, sizes)
        np.testing.assert_allclose(cut, whole[:, : cut.shape[1]], atol=1e-6)


@pytest.mark.parametrize(("source_hz", "target_hz"), RATES)
def test_as_many_samples_leave_as_time_has_passed(source_hz, target_hz):
    resampler = Resampler(source_hz, target_hz, 1)
    left = 0
    for turn in range(1, 300):
        left += resampler.process(np.zeros((1, 64), np.float32)).shape[1]
        assert left == -(-turn * 64 * target_hz // source_hz)


@pytest.mark.parametrize(("source_hz", "target_hz"), [*RATES, (44100, 44100)])
def test_it_knows_how_many_samples_bring_a_chunk(source_hz, target_hz):
    resampler = Resampler(source_hz, target_hz, 1)
    for count in (512, 1, 300, 7, 512, 1024):
        wanted = resampler.wanted(count)
        early = resampler.process(np.zeros((1, wanted - 1), np.float32)).shape[1]
        last = resampler.process(np.zeros((1, 1), np.float32)).shape[1]
        assert early < count <= early + last


@pytest.mark.parametrize(("source_hz", "target_hz"), [(96000, 44100), (48000, 44100), (48000, 22050)])
def test_what_the_lower_rate_cannot_hold_is_taken_out(source_hz, target_hz):
    hz = 0.5 * target_hz + 0.55 * (source_hz - target_hz)
    if hz >= source_hz / 2:
        hz = 0.5 * target_hz * 1.08
    loud = sine(hz, source_hz, source_hz)
    assert decibels(loud, Resampler(source_hz, target_hz, 1).process(loud)[:, 5000:-5000]) > 80


def test_equal_rates_pass_bit_for_bit_without_delay(rng):
    resampler = Resampler(48000, 48000, 2)
    signal = rng.standard_normal((2, 777), np.float32)
    assert resampler.delay_samples == 0
    np.testing.assert_array_equal(resampler.process(signal), signal)


def test_reset_forgets_the_past(rng):
    resampler = Resampler(48000, 44100, 2)
    signal = rng.standard_normal((2, 1000), np.float32)
    first = resampler.process(signal)
    resampler.reset()
    np.testing.assert_array_equal(resampler.process(signal), first)


@pytest.mark.parametrize("target_hz", [44100, 48000, 96000, 192000])
def test_the_delay_is_far_below_what_can_be_heard(target_hz):
    assert 1000 * Resampler(48000, target_hz, 2).delay_samples / target_hz < 1.5


@pytest.mark.parametrize("rates", [(0, 44100), (44100, -1)])
def test_a_rate_that_is_none_is_refused(rates):
    with pytest.raises(ValueError, match="above 0"):
        Resampler(*rates, 2)


def test_a_block_of_other_channels_is_refused():
    with pytest.raises(ValueError, match=r"expected \(2, n\)"):
        Resampler(48000, 44100, 2).process(np.zeros((1, 4), np.float32))
