import contextlib
import multiprocessing

import numpy as np
import pytest

from realtime.live.devices import DeviceInfo, choose_device, find_device, list_devices
from realtime.live.errors import LiveError
from tests.servers import JackPlayer, jack_server

ALSA, JACK, MME, WASAPI = "ALSA", "JACK Audio Connection Kit", "MME", "Windows WASAPI"


def device(index, name, host_api, inputs, outputs, default_for=()):
    return DeviceInfo(index, name, host_api, inputs, outputs, 44100, False, default_for)


DEVICES = (
    device(0, "HDA Intel: ALC257 (hw:0,0)", ALSA, 2, 2),
    device(1, "Scarlett 2i2: USB Audio (hw:1,0)", ALSA, 2, 2),
    device(2, "HDMI 0 (hw:0,3)", ALSA, 0, 8),
    device(3, "default", ALSA, 32, 32, ("input", "output")),
    device(4, "Line In", MME, 2, 0),
    device(5, "Line In", WASAPI, 2, 0),
    device(6, "Webcam", ALSA, 1, 0),
)


@pytest.mark.parametrize(
    ("text", "direction", "index"),
    [
        ("1", "input", 1),
        ("HDMI 0 (hw:0,3)", "output", 2),
        ("hdmi", "output", 2),
        ("scarlett", "input", 1),
        (" Webcam ", "input", 6),
        ("webcam, alsa", "input", 6),
        ("Line In, MME", "input", 4),
        ("Line In", "input", 5),
        ("", "output", 3),
        ("default", "input", 3),
    ],
)
def test_a_device_is_found_by_what_people_call_it(text, direction, index):
    assert choose_device(DEVICES, text, direction).index == index


@pytest.mark.parametrize("entry", DEVICES, ids=lambda entry: entry.label)
def test_every_label_names_its_device(entry):
    direction = "input" if entry.input_channels else "output"
    assert choose_device(DEVICES, entry.label, direction) == entry
    assert choose_device(DEVICES, str(entry.index), direction) == entry


@pytest.mark.parametrize(
    ("text", "direction", "said"),
    [
        ("Scarlet 2i3", "input", "try 'Scarlett 2i2"),
        ("webkam", "input", "try 'Webcam'"),
        ("99", "input", "no audio device '99'"),
        ("HDMI", "input", "HDMI 0.* has no input"),
        ("Webcam", "output", "Webcam.* has no output"),
        ("hw:", "output", "could be .*HDA.*Scarlett.*more of the name"),
    ],
)
def test_a_name_that_does_not_fit_is_answered_with_those_that_do(text, direction, said):
    with pytest.raises(LiveError, match=said):
        choose_device(DEVICES, text, direction)


@pytest.mark.parametrize("text", ["", "Webcam"])
def test_a_machine_without_a_device_is_told_what_to_do(text):
    with pytest.raises(LiveError, match="no audio output: connect one"):
        choose_device(DEVICES[4:], text, "output")


def test_without_a_default_the_best_one_is_taken():
    assert choose_device(DEVICES[4:], "", "input").host_api == WASAPI


def _report(connection):
    found = {}
    for text, direction in (("", "input"), ("", "output"), ("source", "input"), ("sink", "output"), ("sink", "input")):
        try:
            found[text, direction] = find_device(text, direction)
        except LiveError as error:
            found[text, direction] = str(error)
    connection.send((list_devices(), found))


def test_a_running_jack_server_and_its_clients_are_found():
    with contextlib.ExitStack() as stack:
        stack.enter_context(jack_server(48000))
        stack.enter_context(JackPlayer(np.zeros((2, 10), np.float32)))
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        child = context.Process(target=_report, args=(theirs,))
        child.start()
        devices, found = ours.recv()
        child.join()
    jack = {entry.name: entry for entry in devices if entry.host_api == JACK}
    assert jack.keys() == {"system", "source", "sink"}
    assert {entry.default_rate_hz for entry in jack.values()} == {48000}
    assert found["", "input"] == found["", "output"] == jack["system"]
    assert found["source", "input"] == jack["source"]
    assert found["sink", "output"] == jack["sink"]
    assert "is an audio output and has no input" in found["sink", "input"]
