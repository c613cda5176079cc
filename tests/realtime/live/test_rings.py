import threading

import numpy as np

from realtime.live.rings import AudioRing


def counting(start, count):
    return np.arange(start, start + count, dtype=np.float32) + np.float32([[0], [0.5]])


def test_what_goes_in_comes_out_in_order_whatever_the_blocks(rng):
    ring = AudioRing(2, 100)
    written = read = 0
    while read < 5000:
        written += ring.write(counting(written, rng.integers(0, 90)))
        out = np.full((2, rng.integers(0, 90)), np.nan, np.float32)
        count = ring.read(out)
        np.testing.assert_array_equal(out[:, :count], counting(read, count))
        assert np.isnan(out[:, count:]).all()
        read += count
        assert ring.available == written - read
        assert ring.available + ring.space == ring.capacity


def test_a_full_ring_takes_no_more_and_keeps_what_it_has():
    ring = AudioRing(2, 10)
    assert ring.write(counting(0, 8)) == 8
    assert ring.write(counting(8, 8)) == 2
    assert ring.write(counting(0, 1)) == 0
    out = np.empty((2, 10), np.float32)
    assert ring.read(out) == 10
    np.testing.assert_array_equal(out, counting(0, 10))


def test_an_empty_ring_gives_nothing():
    ring = AudioRing(1, 10)
    out = np.full((1, 4), 7, np.float32)
    assert ring.read(out) == 0
    assert (out == 7).all()
    assert ring.discard(3) == 0


def test_discarding_drops_the_oldest():
    ring = AudioRing(2, 10)
    ring.write(counting(0, 6))
    assert ring.discard(4) == 4
    out = np.empty((2, 2), np.float32)
    ring.read(out)
    np.testing.assert_array_equal(out, counting(4, 2))
    assert ring.discard(1) == 0


def test_two_threads_lose_and_mix_up_nothing():
    ring, total = AudioRing(2, 1000), 100_000
    received = np.empty((2, total), np.float32)

    def write():
        at = 0
        while at < total:
            at += ring.write(counting(at, min(33, total - at)))

    writer = threading.Thread(target=write)
    writer.start()
    at = 0
    while at < total:
        at += ring.read(received[:, at : at + 47])
    writer.join()
    np.testing.assert_array_equal(received, counting(0, total))
