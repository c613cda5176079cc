"""Audio files of every kind read as blocks: rate, channels, length and content."""

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from realtime.files.errors import AudioFileError
from realtime.files.reading import open_audio

SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_24"),
    "aiff": ("AIFF", "PCM_24"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "rf64": ("RF64", "FLOAT"),
}
FFMPEG = {"m4a": "aac", "mp4": "aac", "webm": "libopus", "mka": "flac", "mov": "pcm_s16le"}


def tones(channels, samples, rate):
    frequencies = np.linspace(200, 2000, channels)[:, np.newaxis]
    return (0.5 * np.sin(2 * np.pi * frequencies * np.arange(samples) / rate)).astype(np.float32)


def write_av(path, codec, audio, rate, options=None, with_audio=True, with_video=False):
    """Write audio, and perhaps a small grey video, with FFmpeg's libraries."""
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream("mpeg4" if path.suffix == ".mp4" else "libvpx", rate=25) if with_video else None
        layout = {1: "mono", 2: "stereo", 8: "7.1"}[len(audio)]
        stream = container.add_stream(codec, rate=rate, layout=layout) if with_audio else None
        if video:
            video.width = video.height = 32
            video.pix_fmt = "yuv420p"
            for _ in range(audio.shape[1] * 25 // rate):
                container.mux(video.encode(av.VideoFrame.from_ndarray(np.full((48, 32), 128, np.uint8), "yuv420p")))
            container.mux(video.encode(None))
        if stream:
            for start in range(0, audio.shape[1], 4096):
                interleaved = np.ascontiguousarray(audio[:, start : start + 4096].T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def read(path, block=4096):
    with open_audio(path) as reader:
        return np.concatenate(list(reader.blocks(block)), axis=1), reader


def snr_db(estimate, reference):
    return 10 * np.log10(np.sum(reference**2) / (np.sum((estimate - reference) ** 2) + 1e-20))


@pytest.mark.parametrize("suffix", SOUNDFILE)
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_of_soundfile(tmp_path, suffix, channels):
    container, subtype = SOUNDFILE[suffix]
    audio = tones(channels, 30001, 48000)
    soundfile.write(tmp_path / f"a.{suffix}", audio.T, 48000, format=container, subtype=subtype)
    back, reader = read(tmp_path / f"a.{suffix}")
    assert (reader.sample_rate, reader.channels, reader.frames) == (48000, channels, 30001)
    assert back.dtype == np.float32
    assert back.shape == audio.shape
    assert snr_db(back, audio) > 25


@pytest.mark.parametrize("suffix", FFMPEG)
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_of_ffmpeg(tmp_path, suffix, channels):
    audio = tones(channels, 30001, 48000)
    back, reader = read(write_av(tmp_path / f"a.{suffix}", FFMPEG[suffix], audio, 48000))
    assert (reader.sample_rate, reader.channels) == (48000, channels)
    assert reader.frames == pytest.approx(30001, abs=1500)
    length = min(back.shape[1], 30001)
    assert abs(back.shape[1] - 30001) <= (1024 if FFMPEG[suffix] == "aac" else 0)
    assert snr_db(back[:, :length], audio[:, :length]) > 20


def test_eight_channels_of_ffmpeg_stay_in_their_places(tmp_path):
    audio = tones(8, 9000, 48000)
    back, _ = read(write_av(tmp_path / "a.mka", "flac", audio, 48000))
    np.testing.assert_allclose(back, audio, rtol=0, atol=2**-15)


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_the_sound_of_a_video(tmp_path, suffix):
    audio = tones(2, 48000, 48000)
    path = write_av(tmp_path / f"a.{suffix}", FFMPEG[suffix], audio, 48000, with_video=True)
    back, _ = read(path)
    assert snr_db(back[:, :48000], audio[:, : back.shape[1]]) > 20


@pytest.mark.parametrize(
    ("suffix", "options"), [("mp4", {"movflags": "faststart"}), ("webm", {}), ("mka", {}), ("m4a", {}), ("mp4", {})]
)
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.9])
def test_a_cut_container_is_noticed(tmp_path, suffix, options, kept):
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 200000)).astype(np.float32)
    path = write_av(tmp_path / f"a.{suffix}", FFMPEG[suffix], audio, 48000, options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(AudioFileError, match=path.name):
        read(path)


@pytest.mark.parametrize("suffix", SOUNDFILE)
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_cut_file_is_noticed(tmp_path, suffix, kept):
    container, subtype = SOUNDFILE[suffix]
    path = tmp_path / f"a.{suffix}"
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (200000, 2))
    soundfile.write(path, audio, 48000, format=container, subtype=subtype)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(AudioFileError, match=r"cut short"):
        read(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_found_in_time_and_channel(tmp_path, value):
    audio = tones(2, 20000, 8000)
    audio[1, 10000] = value
    soundfile.write(tmp_path / "a.wav", audio.T, 8000, subtype="FLOAT")
    with pytest.raises(AudioFileError, match=r"1\.2500 s in channel 2"):
        read(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", SOUNDFILE)
def test_block_size_does_not_change_what_is_read(tmp_path, suffix):
    container, subtype = SOUNDFILE[suffix]
    soundfile.write(tmp_path / f"a.{suffix}", tones(2, 100000, 48000).T, 48000, format=container, subtype=subtype)
    expected, _ = read(tmp_path / f"a.{suffix}", block=100000)
    for block in (1000, 1152, 9600):
        assert np.array_equal(read(tmp_path / f"a.{suffix}", block)[0], expected)


@pytest.mark.parametrize(("subtype", "size"), [("PCM_16", 0xFFFFFFFF), ("PCM_16", 0x7FFFF000), ("PCM_24", 0x7FFFEFFC)])
def test_wav_of_unknown_length_is_read_to_its_end(tmp_path, subtype, size):
    """Who writes into a pipe leaves the sizes of a WAV file at the highest value, SoX at half of it."""
    audio = tones(2, 5000, 44100)
    path = tmp_path / "a.wav"
    soundfile.write(path, audio.T, 44100, subtype=subtype)
    data = bytearray(path.read_bytes())
    place = data.index(b"data")
    data[4:8] = data[place + 4 : place + 8] = size.to_bytes(4, "little")
    path.write_bytes(data)
    assert read(path)[0].shape == audio.shape


def test_mp3_without_a_length_header_is_not_taken_for_a_cut_one(tmp_path):
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (200000, 2)) * np.linspace(0, 1, 200000)[:, np.newaxis] ** 4
    path = tmp_path / "a.mp3"
    with soundfile.SoundFile(path, "w", 44100, 2, format="MP3", compression_level=0.5, bitrate_mode="VARIABLE") as file:
        file.write(audio)
    data = path.read_bytes()
    header = max(data.find(b"Xing"), data.find(b"Info"))
    path.write_bytes(data[data.index(data[:2], header) :])
    assert abs(read(path)[0].shape[1] - 200000) < 3000


def test_a_sample_rate_nobody_can_mean_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((10, 1)), 10)
    with pytest.raises(AudioFileError, match="10 Hz"):
        open_audio(tmp_path / "a.wav")
