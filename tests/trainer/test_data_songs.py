"""Readers of songs: layouts, alignment, and what is not a song."""

import av
import numpy as np
import pytest
import soundfile

from trainer.data.songs import STEMS_STREAMS, SongError, find_songs

RATE = 44100


def ratio_db(reference, error):
    return 10 * np.log10((reference.astype(np.float64) ** 2).sum() / (error.astype(np.float64) ** 2).sum())


def music(rng, seconds=2.0):
    """Noise with a spectrum that falls like music's and random loudness, so that any shift shows."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal((2, count)))
    spectrum[:, 1:] /= np.maximum(np.fft.rfftfreq(count, 1 / RATE)[1:], 100)
    audio = np.fft.irfft(spectrum, count) * np.repeat(rng.uniform(0.2, 1, 20), -(-count // 20))[:count]
    return (0.2 * audio / np.abs(audio).max()).astype(np.float32)


def write_stems_file(path, parts):
    with av.open(str(path), "w", format="mp4") as container:
        streams = []
        for _ in STEMS_STREAMS:
            stream = container.add_stream("aac", rate=RATE, layout="stereo")
            stream.bit_rate = 256_000
            streams.append(stream)
        for stream, name in zip(streams, STEMS_STREAMS, strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(parts[name]), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])


@pytest.fixture
def parts(rng):
    stems = {name: music(rng) for name in ("drums", "bass", "other", "vocals")}
    return stems | {"mixture": sum(stems.values())}


def test_the_streams_of_a_stems_file_sit_where_they_were_before_encoding(tmp_path, parts):
    write_stems_file(tmp_path / "A - B.stem.mp4", parts)
    (song,) = find_songs(tmp_path)
    decoded, sample_rate = song.load_parts()
    assert (song.name, sample_rate) == ("A - B", RATE)
    for name, original in parts.items():
        count = min(original.shape[1], decoded[name].shape[1])
        assert original.shape[1] - count < 1024
        assert ratio_db(original[:, :count], original[:, :count] - decoded[name][:, :count]) > 20
    stems = sum(audio for name, audio in decoded.items() if name != "mixture")
    assert ratio_db(decoded["mixture"], decoded["mixture"] - stems) > 20


def test_a_stems_files_references_sum_to_its_mixture(tmp_path, parts):
    write_stems_file(tmp_path / "song.stem.mp4", parts)
    references = find_songs(tmp_path)[0].load()
    np.testing.assert_array_equal(references.mixture, references.vocals + references.accompaniment)


def test_musdb_hq_folders_hold_the_sum_of_the_instruments(tmp_path, parts):
    folder = tmp_path / "test" / "A - B"
    folder.mkdir(parents=True)
    for name, audio in parts.items():
        soundfile.write(folder / f"{name}.wav", audio.T, RATE, subtype="FLOAT")
    (song,) = find_songs(tmp_path)
    references = song.load()
    assert song.name == "A - B"
    np.testing.assert_array_equal(references.mixture, parts["mixture"])
    np.testing.assert_array_equal(references.vocals, parts["vocals"])
    np.testing.assert_allclose(references.accompaniment, parts["mixture"] - parts["vocals"], atol=1e-6)


@pytest.mark.parametrize(
    "present", [("vocals", "accompaniment"), ("vocals", "mixture"), ("vocals", "mixture", "accompaniment")]
)
def test_folders_of_vocals_and_accompaniment_or_mixture(tmp_path, parts, present):
    whole = {
        "vocals": parts["vocals"],
        "mixture": parts["mixture"],
        "accompaniment": parts["mixture"] - parts["vocals"],
    }
    for name in present:
        soundfile.write(tmp_path / f"{name}.flac", whole[name].T, RATE, subtype="PCM_24")
    (song,) = find_songs(tmp_path)
    references = song.load()
    for name, audio in whole.items():
        np.testing.assert_allclose(getattr(references, name), audio, atol=1e-6)


def test_a_passage_is_the_same_as_that_part_of_the_whole(tmp_path, parts):
    write_stems_file(tmp_path / "song.stem.mp4", parts)
    for name in ("vocals", "mixture"):
        soundfile.write(tmp_path / f"{name}.wav", parts[name].T, RATE)
    for song in find_songs(tmp_path):
        whole, passage = song.load(), song.load(start_s=0.5, seconds=1.0)
        np.testing.assert_array_equal(passage.mixture, whole.mixture[:, RATE // 2 : RATE // 2 + RATE])


def test_the_length_is_known_without_decoding(tmp_path, parts):
    write_stems_file(tmp_path / "song.stem.mp4", parts)
    for name in ("vocals", "mixture"):
        soundfile.write(tmp_path / f"{name}.wav", parts[name].T, RATE)
    songs = find_songs(tmp_path)
    assert len(songs) == 2
    assert [song.seconds() for song in songs] == pytest.approx([2.0, 2.0], abs=0.1)


def test_the_digest_follows_the_content_and_not_the_name(tmp_path, parts):
    digests = []
    for name, voice in (("one", parts["vocals"]), ("two", parts["vocals"]), ("three", parts["drums"])):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "vocals.wav", voice.T, RATE)
        soundfile.write(tmp_path / name / "mixture.wav", parts["mixture"].T, RATE)
        digests.append(find_songs(tmp_path / name)[0].digest())
    assert digests[0] == digests[1] != digests[2]


def write_pair(folder, vocals, mixture, rates=(RATE, RATE)):
    soundfile.write(folder / "vocals.wav", vocals.T, rates[0])
    soundfile.write(folder / "mixture.wav", mixture.T, rates[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder, a: write_pair(folder, a, a, (RATE, 48000)), "sample rates"),
        (lambda folder, a: write_pair(folder, a[:1], a), "channel counts"),
        (lambda folder, a: write_pair(folder, a[:, :RATE], a), "equally long"),
        (lambda folder, a: write_pair(folder, a[:, :0], a[:, :0]), "no samples"),
        (lambda folder, a: [write_pair(folder, a, a), (folder / "vocals.wav").write_text("la la la")], r"vocals\.wav"),
        (lambda folder, a: (folder / "x.stem.mp4").write_text("la la la"), r"x\.stem\.mp4"),
        (lambda folder, a: (folder / "x.stem.mp4").touch(), r"x\.stem\.mp4"),
    ],
    ids=["rates", "channels", "lengths", "no samples", "text as wav", "text as mp4", "empty file"],
)
def test_a_broken_song_is_refused_in_one_sentence(tmp_path, rng, change, message):
    change(tmp_path, music(rng))
    (song,) = find_songs(tmp_path)
    with pytest.raises(SongError, match=message) as refusal:
        song.load()
    assert str(tmp_path) in str(refusal.value)


@pytest.mark.parametrize("names", [(), ("vocals.wav",), ("mixture.wav", "accompaniment.wav"), ("song.mp3",)])
def test_a_folder_without_songs_says_what_was_expected(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(SongError, match=r"holds no songs; expected \*\.stem\.mp4"):
        find_songs(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SongError, match="nowhere"):
        find_songs(tmp_path / "nowhere")
