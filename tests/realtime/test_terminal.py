"""The command line: results on standard output, one sentence for each problem on standard error, exit codes."""

import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest
import soundfile

from realtime.catalog import shipped_models
from realtime.command import main, print_models
from realtime.contract import StftSpec
from tests.plugins import identity, make_graph, make_spec, one_pole, save_graph

SPEC = make_spec(StftSpec(512, 256, "sqrt_hann", "sqrt_hann"))


@pytest.fixture
def model(tmp_path):
    return one_pole(tmp_path / "model.onnx", SPEC)


def song(path, samples=2000, channels=2, rate=44100):
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (samples, channels)), rate)
    return path


def separate(capfd, *arguments):
    code = main(["separate", *map(str, arguments)])
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err
    return code, printed.out, printed.err


def empty(path):
    path.write_bytes(b"")


def zero_length(path):
    soundfile.write(path, np.zeros((0, 2)), 44100)


def text(path):
    path.write_text("This is not audio.\n" * 100)


def cut_wav(path):
    song(path, 50000)
    path.write_bytes(path.read_bytes()[:100000])


def cut_flac(path):
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (50000, 2)), 44100, format="FLAC")
    path.write_bytes(path.read_bytes()[:100000])


def cut_mp3(path):
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (90000, 2)), 44100, format="MP3")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_ogg(path):
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (90000, 2)), 44100, format="OGG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def header_only(path):
    song(path)
    path.write_bytes(path.read_bytes()[:20])


def holed_flac(path):
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (50000, 2)), 44100, format="FLAC")
    data = bytearray(path.read_bytes())
    data[60000:90000] = bytes(30000)
    path.write_bytes(data)


def not_a_number(path):
    audio = np.zeros((3000, 2), np.float32)
    audio[1000, 1] = np.nan
    soundfile.write(path, audio, 44100, subtype="FLOAT")


def infinite(path):
    soundfile.write(path, np.full((30, 1), np.inf, np.float32), 44100, subtype="FLOAT")


def silent_video(path):
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 32), 128, np.uint8), "yuv420p")))
        container.mux(stream.encode(None))


BAD = {
    "missing.wav": lambda path: None,
    "loop.wav": lambda path: path.symlink_to(path),
    "long" * 99: lambda path: None,
    "folder.wav/inner.wav": lambda path: path.parent.write_text("a file"),
    "empty.wav": empty,
    "zero.wav": zero_length,
    "zero.flac": zero_length,
    "text.wav": text,
    "text.mp3": text,
    "text.flac": text,
    "text.ogg": text,
    "text.m4a": text,
    "text.raw": text,
    "cut.wav": cut_wav,
    "cut.flac": cut_flac,
    "cut.mp3": cut_mp3,
    "cut.ogg": cut_ogg,
    "header.wav": header_only,
    "hole.flac": holed_flac,
    "nan.wav": not_a_number,
    "inf.wav": infinite,
    "video.mp4": silent_video,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_the_next_song_is_done(tmp_path, capfd, model, name):
    BAD[name](tmp_path / name)
    good = song(tmp_path / "good.wav")
    code, out, err = separate(capfd, tmp_path / name, good, "-o", tmp_path / "out", "--model", model)
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith(f"{tmp_path / name}: ")
    assert ";" in err
    assert "2 songs: 1 separated, 1 failed; the stems are in" in out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "ogg", "m4a"])
def test_text_under_the_name_of_audio_is_called_what_it_is(tmp_path, capfd, model, suffix):
    text(tmp_path / f"text.{suffix}")
    code, _, err = separate(capfd, tmp_path / f"text.{suffix}", "-o", tmp_path / "out", "--model", model)
    assert code == 2
    assert "it is not audio" in err


@pytest.mark.parametrize(
    ("samples", "channels", "rate"), [(1, 1, 48000), (1, 2, 44100), (3000, 8, 96000), (3000, 3, 8000)]
)
@pytest.mark.parametrize("name", ["wav", "flac", "ogg"])
def test_odd_but_good_input(tmp_path, capfd, model, samples, channels, rate, name):
    source = song(tmp_path / "song.wav", samples, channels, rate)
    code, _, err = separate(capfd, source, "-o", tmp_path / "out", "--model", model, "--format", name)
    assert (code, err) == (0, "")
    for stem in ("vocals", "accompaniment"):
        info = soundfile.info(tmp_path / "out" / "song" / f"{stem}.{name}")
        assert (info.frames, info.channels, info.samplerate) == (samples, channels, rate)


def test_the_end_says_where_and_how_fast(tmp_path, capfd, model):
    code, out, err = separate(capfd, song(tmp_path / "a.wav"), "-o", tmp_path / "out", "--model", model)
    assert (code, err) == (0, "")
    assert str(tmp_path / "out") in out
    assert "real-time factor" in out
    assert "11.6 ms" in out


def test_default_format_is_32_bit_floating_point_wav(tmp_path, capfd, model):
    separate(capfd, song(tmp_path / "a.wav"), "-o", tmp_path / "out", "--model", model)
    assert soundfile.info(tmp_path / "out" / "a" / "vocals.wav").subtype == "FLOAT"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--targets", "drums"], "vocals, accompaniment"),
        (["--format", "mp3", "--bit-depth", "24"], "mp3"),
        (["--format", "flac", "--bit-depth", "32"], "flac"),
        (["--model", "nosuchmodel"], "nosuchmodel"),
        (["--model", "no/such.onnx"], "no/such.onnx"),
        (["-o", "{tmp}/a.wav"], "a.wav"),
        (["-o", "{tmp}/a.wav/deeper"], "a.wav"),
    ],
)
def test_wrong_choices_are_one_sentence(tmp_path, capfd, model, arguments, named):
    source = song(tmp_path / "a.wav")
    chosen = [argument.format(tmp=tmp_path) for argument in arguments]
    code, _, err = separate(capfd, source, "-o", tmp_path / "out", "--model", model, *chosen)
    assert code == 2
    assert err.count("\n") == 1
    assert named in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["separate"],
        ["separate", "a.wav"],
        ["separate", "a.wav", "-o", "out", "--format", "xyz"],
        ["separate", "a.wav", "-o", "out", "--bit-depth", "8"],
        ["separate", "a.wav", "-o", ""],
        ["separate", "", "-o", "out"],
        ["separate", "a.wav", "-o", "out", "--nosuchoption"],
        ["nosuchcommand"],
    ],
)
def test_wrong_usage_is_one_sentence_that_points_to_the_help(capfd, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    command = "python -m realtime separate" if arguments[:1] == ["separate"] else "python -m realtime"
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1
    assert printed.endswith(f"see {command} --help\n")


def test_empty_names_of_targets_are_passed_over(tmp_path, capfd, model):
    source = song(tmp_path / "a.wav")
    code, _, err = separate(capfd, source, "-o", tmp_path / "out", "--model", model, "--targets", "vocals,")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out" / "a").iterdir()) == ["unsing.json", "vocals.wav"]


def test_a_checkpoint_is_no_model_yet(tmp_path, capfd):
    checkpoint = tmp_path / "model.safetensors"
    checkpoint.write_bytes(bytes(8))
    code, _, err = separate(capfd, song(tmp_path / "a.wav"), "-o", tmp_path / "out", "--model", checkpoint)
    assert code == 2
    assert err.endswith(f"export it first: python -m export {checkpoint}\n")


def test_a_model_without_our_metadata_is_refused(tmp_path, capfd):
    metadata = {**SPEC.to_metadata(), "unsing.contract": "7"}
    foreign = save_graph(tmp_path / "foreign.onnx", {}, make_graph(SPEC, []))
    newer = save_graph(tmp_path / "newer.onnx", metadata, make_graph(SPEC, []))
    for model in (foreign, newer):
        code, _, err = separate(capfd, song(tmp_path / "a.wav"), "-o", tmp_path / "out", "--model", model)
        assert code == 2
        assert err.count("\n") == 1
        assert model.name in err


def test_a_folder_without_audio_is_named(tmp_path, capfd, model):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x")
    code, out, err = separate(capfd, tmp_path / "notes", "-o", tmp_path / "out", "--model", model)
    assert code == 2
    assert err.startswith(f"{tmp_path / 'notes'}: ")
    assert "1 not audio" in out


def test_a_song_the_format_cannot_hold_is_named(tmp_path, capfd, model):
    source = song(tmp_path / "wide.wav", channels=8)
    code, _, err = separate(capfd, source, "-o", tmp_path / "out", "--model", model, "--format", "mp3")
    assert code == 2
    assert err.startswith(f"{source}: mp3 cannot hold its 8 channels")


def test_models_shows_what_the_card_says(tmp_path, capfd):
    scores = {"accompaniment": {"SDR": 9}, "vocals": {"SIR": 9.5, "SDR": 4.567}}
    card = {"scores": scores, "test_set": "25 previews", "rtf": 0.0625, "cpu": "Zen 4"}
    spec = make_spec(StftSpec(2048, 512, "asymmetric", "asymmetric"), license="CC BY 4.0", version="7", card=card)
    print_models([identity(tmp_path / "carded.onnx", spec), identity(tmp_path / "bare.onnx", SPEC)])
    out = capfd.readouterr().out
    table = out.splitlines()
    assert [line.split()[0] for line in table[:3]] == ["name", "carded", "bare"]
    for fact in ("7", "23.2 ms", "44100 Hz", "vocals 4.6 dB, accompaniment 9.0 dB", "0.062", "MB"):
        assert fact in table[1]
    for fact in ("accompaniment: SDR 9.0 dB", "vocals: SDR 4.6 dB, SIR 9.5 dB", "25 previews", "Zen 4", "CC BY 4.0"):
        assert fact in out


def test_models_lists_what_ships(capfd):
    assert main(["models"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(shipped_models())]] == [
        path.stem for path in shipped_models()
    ]


@pytest.mark.parametrize(
    "arguments", [["models"], ["--help"], ["separate", "{song}", "-o", "{out}", "--model", "{model}"]]
)
def test_a_reader_that_has_enough_is_no_error(tmp_path, model, arguments):
    """The reading end of the pipe is closed before the first line comes."""
    names = {"song": song(tmp_path / "a.wav"), "out": tmp_path / "out", "model": model}
    command = [sys.executable, "-m", "realtime", *(argument.format(**names) for argument in arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert not list(tmp_path.glob("**/*.part"))


def test_output_that_cannot_be_printed_is_not_blamed_on_the_song(tmp_path, model):
    command = [sys.executable, "-m", "realtime", "separate", song(tmp_path / "a.wav"), "-o", tmp_path / "out"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*map(str, command), "--model", str(model)], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("standard output: no space left")
    assert done.stderr.count("\n") == 1


def test_interrupt_while_the_program_loads_is_quiet():
    command = [sys.executable, "-X", "importtime", "-m", "realtime", "models"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while "argparse" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert "Traceback" not in errors


def test_interrupt_leaves_no_half_file_and_a_rerun_continues(tmp_path):
    model = identity(tmp_path / "slow.onnx", make_spec(StftSpec(64, 16, "sqrt_hann", "sqrt_hann")))
    first, second = song(tmp_path / "first.wav", 2000), song(tmp_path / "second.wav", 500_000)
    out = tmp_path / "out"
    arguments = ["separate", first, second, "-o", out, "--model", model]
    command = [sys.executable, "-m", "realtime", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(out.glob("second/.vocals.*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "2 songs: 1 separated" in printed
    assert "continues" in printed
    assert [path.name for path in out.iterdir()] == ["first"]

    song(second, 3000)
    rerun = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "2 songs: 1 separated, 1 done before" in rerun.stdout
    stems = sorted(path.name for path in (out / "second").iterdir())
    assert stems == ["accompaniment.wav", "unsing.json", "vocals.wav"]
