"""Stems written in every format: what comes back is what went in, and nothing is left half-done."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from realtime.contract import StftSpec
from realtime.files.errors import AudioFileError
from realtime.files.formats import StemFormat
from realtime.files.reading import open_audio
from realtime.files.writing import AudioWriter
from tests.plugins import identity, make_spec

LOSSLESS_STEPS = {("wav", 16): 2**-15, ("wav", 24): 2**-23, ("wav", 32): 0, ("flac", 16): 2**-15, ("flac", 24): 2**-23}


def tones(channels, samples, rate):
    """Low tones, each channel its own; the fourth of six is the bass channel, so all stay below 120 Hz."""
    frequencies = np.linspace(50, 110, channels)[:, np.newaxis]
    return (0.5 * np.sin(2 * np.pi * frequencies * np.arange(samples) / rate)).astype(np.float32)


def write(path, stem_format, audio, rate, block=5000):
    writer = AudioWriter(path, stem_format, rate, len(audio), audio.shape[1])
    for start in range(0, audio.shape[1], block):
        writer.write(audio[:, start : start + block])
    writer.finish()
    writer.commit()
    return writer


def read(path):
    with open_audio(path) as reader:
        return np.concatenate(list(reader.blocks(4096)), axis=1), reader


def snr_db(estimate, reference):
    return 10 * np.log10(np.sum(reference**2) / np.sum((estimate - reference) ** 2))


@pytest.mark.parametrize(("name", "bits"), LOSSLESS_STEPS)
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (96000, 6), (192000, 8)])
def test_lossless_formats_are_off_by_half_a_step_at_most(tmp_path, name, bits, rate, channels):
    audio = np.random.default_rng(0).uniform(-0.99, 0.99, (channels, 4001)).astype(np.float32)
    path = tmp_path / f"stem.{name}"
    write(path, StemFormat(name, bits), audio, rate, block=333)
    back, reader = read(path)
    assert (reader.sample_rate, reader.channels, reader.frames) == (rate, channels, 4001)
    assert np.abs(back.astype(float) - audio).max() <= LOSSLESS_STEPS[name, bits] / 2


@pytest.mark.parametrize("bits", [16, 24])
def test_integer_samples_survive_a_round_trip_to_the_bit(tmp_path, bits):
    """Lowest, highest and small steps of the scale; float32 holds all 24-bit integers."""
    top = 2 ** (bits - 1)
    audio = (np.array([[-top, top - 1, 0, 1, -1, top // 3, -top // 3]]) / top).astype(np.float32)
    write(tmp_path / "a.wav", StemFormat("wav", bits), audio, 44100)
    assert np.array_equal(read(tmp_path / "a.wav")[0], audio)


@pytest.mark.parametrize("name", ["mp3", "ogg", "m4a"])
@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("samples", [1, 1000, 1024, 1152, 30001])
def test_lossy_formats_keep_the_length_to_the_sample(tmp_path, name, rate, samples):
    audio = tones(2, samples, rate)
    path = tmp_path / f"stem.{name}"
    write(path, StemFormat(name), audio, rate)
    back, reader = read(path)
    assert back.shape == audio.shape
    assert reader.sample_rate == rate
    if samples > 30000:
        assert snr_db(back, audio) > 20


@pytest.mark.parametrize("channels", range(1, 7))
def test_m4a_keeps_channels_in_their_places(tmp_path, channels):
    audio = tones(channels, 30001, 44100)
    write(tmp_path / "a.m4a", StemFormat("m4a"), audio, 44100)
    back, _ = read(tmp_path / "a.m4a")
    assert all(snr_db(back[channel], audio[channel]) > 20 for channel in range(channels))


@pytest.mark.parametrize(("name", "bits"), [("wav", 16), ("wav", 24), ("flac", 24), ("ogg", None), ("mp3", None)])
def test_clipped_samples_are_counted(tmp_path, name, bits):
    audio = tones(2, 5000, 44100)
    audio[0, 10:13], audio[1, 20] = 1.5, -1.0001
    writer = write(tmp_path / f"a.{name}", StemFormat(name, bits), audio, 44100)
    assert writer.clipped_samples == 4


def test_floating_point_never_clips(tmp_path):
    audio = np.float32([[3.5, -7, 1]])
    assert write(tmp_path / "a.wav", StemFormat(), audio, 44100).clipped_samples == 0
    assert np.array_equal(read(tmp_path / "a.wav")[0], audio)


@pytest.mark.parametrize(("frames", "container"), [(2**29 - 1, "RF64"), (None, "RF64"), (10**8, "WAV")])
def test_wav_beyond_four_gigabytes_becomes_rf64(tmp_path, frames, container):
    writer = AudioWriter(tmp_path / "a.wav", StemFormat(), 48000, 2, frames)
    audio = tones(2, 1000, 48000)
    writer.write(audio)
    writer.finish()
    writer.commit()
    assert soundfile.info(tmp_path / "a.wav").format == container
    assert np.array_equal(read(tmp_path / "a.wav")[0], audio)


@pytest.mark.parametrize(("name", "bits"), [("flac", 32), ("mp3", 16), ("ogg", 24), ("m4a", 32), ("tiff", None)])
def test_impossible_depths_are_refused(name, bits):
    with pytest.raises(AudioFileError, match=name):
        StemFormat(name, bits)


@pytest.mark.parametrize(
    ("name", "rate", "channels"),
    [
        ("mp3", 44100, 3),
        ("mp3", 96000, 2),
        ("mp3", 44000, 2),
        ("m4a", 44100, 8),
        ("m4a", 192000, 2),
        ("flac", 44100, 9),
        ("ogg", 384000, 2),
    ],
)
def test_rates_and_channels_that_do_not_fit_are_named(name, rate, channels):
    problem = StemFormat(name).problem(rate, channels)
    assert name in problem
    assert (str(rate) in problem) != (f"{channels} channels" in problem)
    assert StemFormat("wav").problem(rate, channels) is None


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "ogg", "m4a"])
def test_only_commit_makes_the_file_and_discard_leaves_nothing(tmp_path, name):
    writer = AudioWriter(tmp_path / f"a.{name}", StemFormat(name), 44100, 2, 9000)
    writer.write(tones(2, 9000, 44100))
    assert not (tmp_path / f"a.{name}").exists()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from realtime.command import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("name", "samples", "limit"),
    [
        ("wav", 50000, 50000),
        ("flac", 50000, 50000),
        ("m4a", 50000, 10000),
        ("flac", 4000, 15000),
        ("ogg", 4000, 5000),
        ("mp3", 4000, 3500),
        ("wav", 50000, 20),
        ("wav", 20, 300),
    ],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, name, samples, limit):
    """The system refuses to let any file grow beyond the limit, which programs see just as a full disk.

    The short songs reach it only when their last bytes are written, the shortest when its receipt is; 20 bytes do not
    even hold a header.
    """
    model = identity(tmp_path / "model.onnx", make_spec(StftSpec(2048, 512, "asymmetric", "asymmetric")))
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "song.wav", rng.uniform(-0.5, 0.5, (samples, 2)), 44100)
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            LIMITED,
            str(limit),
            "separate",
            str(tmp_path / "song.wav"),
            "-o",
            str(tmp_path / "out"),
            "--model",
            str(model),
            "--format",
            name,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert str(tmp_path / "out" / "song") in result.stderr
    assert "MB more are needed" in result.stderr
    assert not (tmp_path / "out").exists()
