"""A pack gives the recordings its folders gave, says where they are from, and heals."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.training import SAMPLE_RATE, make_stems, tiny_config, write_song
from trainer.__main__ import main
from trainer.data import packing
from trainer.data.recordings import find_recordings
from trainer.data.sources import Source
from trainer.errors import TrainerError
from trainer.loop import split_recordings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sources(tmp_path, songs, rng):
    """Songs with a licence beside them, and a folder of two narrow voices."""
    (songs / "LICENSE.txt").write_text("Do as you please.")
    voices = tmp_path / "voices"
    voices.mkdir()
    time_s = np.arange(2 * 16000) / 16000
    for name, hz in (("low", 110), ("high", 330)):
        hiss = 1e-3 * rng.standard_normal(time_s.size)
        voice = 0.1 * sum(np.sin(2 * np.pi * k * hz * time_s) / k for k in range(1, 15)) + hiss
        soundfile.write(voices / f"{name}.wav", voice, 16000, subtype="PCM_16")
    return [str(songs), f"vocals={voices}@2"]


@pytest.fixture
def pack(tmp_path, sources):
    folder = tmp_path / "pack"
    assert main(["pack", *sources, "-o", str(folder), "--licence", "vocals=CC0"]) == 0
    return folder


def read(word):
    return list(find_recordings(Source.parse(word), SAMPLE_RATE))


def snr_db(reference, estimate):
    reference, estimate = (stem.astype(np.float64) for stem in (reference, estimate))
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


def index_of(pack):
    return json.loads((pack / "pack.json").read_text())


def test_a_pack_gives_the_recordings_of_its_folders(pack, sources):
    originals = [recording for word in sources for recording in read(word)]
    packed = read(f"{pack}@3")
    assert [r.name for r in packed] == [r.name for r in originals]
    for one, other in zip(originals, packed, strict=True):
        assert (other.source.kind, other.source.weight) == (one.source.kind, 3 * one.source.weight)
        assert other.samples == one.samples
        assert other.bandwidth_hz == pytest.approx(one.bandwidth_hz, rel=0.03)
        assert len(other.accompaniment) == len(one.accompaniment)
        for stem, again in zip((one.vocals, *one.accompaniment), (other.vocals, *other.accompaniment), strict=True):
            assert stem.shape == again.shape
            assert snr_db(stem, again) > 9  # the drums here are white noise, which no lossy codec keeps
        if one.source.kind == "songs":
            assert snr_db(one.vocals, other.vocals) > 20
    names = [[r.name for r in side] for side in split_recordings(packed, tiny_config())]
    assert names == [[r.name for r in side] for side in split_recordings(originals, tiny_config())]


def test_every_item_says_where_it_is_from_and_what_it_may_be_used_for(pack, tmp_path):
    index = index_of(pack)
    items = {item["name"]: item for item in index["items"]}
    [(file, digest)] = items["low"]["files"]
    assert file == "low.wav"
    assert digest == hashlib.sha256((tmp_path / "voices" / "low.wav").read_bytes()).hexdigest()
    assert (items["low"]["kind"], items["low"]["licence"], items["low"]["sample_rate"]) == ("vocals", "CC0", 16000)
    assert items["song"]["licence"] == "see LICENSE.txt"
    assert index["sources"][0]["documents"] == [["LICENSE.txt", "Do as you please."]]


def test_fit_takes_a_pack(pack, preset, tmp_path):
    assert main(["fit", str(preset), "--data", str(pack), "-o", str(tmp_path / "run"), "optimizer.steps=2"]) == 0


def test_pieces_keep_to_their_size_and_only_lost_ones_are_made_again(tmp_path, sources, monkeypatch, capsys):
    monkeypatch.setattr(packing, "PIECE_BYTES", 120_000)
    pack, words = tmp_path / "pack", ["pack", *sources, "-o", str(tmp_path / "pack")]
    assert main(words) == 0
    pieces = sorted(pack.glob("piece-*.zip"))
    assert len(pieces) > 2
    assert max(piece.stat().st_size for piece in pieces) <= 120_000
    assert [entry["file"] for entry in index_of(pack)["pieces"]] == [piece.name for piece in pieces]
    before = {piece: piece.stat().st_mtime_ns for piece in pieces}
    recordings = read(str(pack))
    pieces[0].unlink()
    damaged = bytearray(pieces[1].read_bytes())
    damaged[1000] ^= 1
    pieces[1].write_bytes(damaged)
    assert main(words) == 0
    assert sorted(pack.glob("piece-*.zip")) == pieces
    kept = {piece for piece in pieces if piece.stat().st_mtime_ns == before[piece]}
    song = {part.partition("/")[0] for stem in index_of(pack)["items"][0]["accompaniment"] for part in stem}
    assert {pieces[0], pieces[1]} <= set(pieces) - kept <= {pack / piece for piece in song}
    for one, other in zip(recordings, read(str(pack)), strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.vocals, other.vocals)
    assert not [path for path in pack.iterdir() if path.name.startswith(".")]


def test_missing_cut_and_damaged_pieces_are_named(pack):
    [piece] = pack.glob("piece-*.zip")
    whole = piece.read_bytes()
    damaged = whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:]
    for content, words in ((damaged, "is damaged"), (whole[:-1], "bytes instead of"), (None, "is missing")):
        piece.unlink() if content is None else piece.write_bytes(content)
        with pytest.raises(TrainerError, match=rf"piece-0001\.zip: .*{words}.*copy it again"):
            read(str(pack))


def test_ctrl_c_leaves_a_pack_that_is_gone_on_with(tmp_path, sources):
    long = tmp_path / "long"
    for number in range(6):
        write_song(long / f"song {number}", make_stems(60, number))
    pack = tmp_path / "pack"
    words = [sys.executable, "-m", "trainer", "pack", str(long), *sources, "-o", str(pack)]
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A job in the background starts without Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not pack.is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"the same command goes on" in errors
    assert b"Traceback" not in errors
    assert not [path for path in pack.iterdir() if path.suffix != ".zip" and path.name != "pack.json"]
    with pytest.raises(TrainerError, match=r"holds no songs|not whole"):
        read(str(pack))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["missing", "-o", "new"], "missing"),
        (["songs", "-o", "pack"], "other sources"),
        (["pack", "-o", "new"], "is a pack already"),
        (["vocals=pack", "-o", "new"], "leave out vocals="),
        (["songs", "-o", "tiny.toml"], "tiny.toml"),
        (["songs", "-o", "new", "--licence", "karaoke=CC0"], "--licence karaoke"),
        (["songs", "-o", "new", "--licence", "CC0"], "SOURCE=TEXT"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_get_one_sentence(words, named, pack, preset, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["pack", *words]) == 2
    [sentence] = capsys.readouterr().err.splitlines()
    assert named in sentence


def test_an_index_that_is_none_is_named(pack):
    (pack / "pack.json").write_text("{}")
    with pytest.raises(TrainerError, match=r"pack\.json"):
        read(str(pack))
