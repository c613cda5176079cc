"""The live commands of the terminal: live, devices, latency, benchmark."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from realtime.live import arguments as read
from realtime.live.client import EngineClient
from realtime.live.errors import LiveError
from realtime.live.memory import recall, remember
from realtime.live.parameters import EngineSnapshot, EngineState, Parameters, Problem, StreamSettings
from realtime.live.soak import ProcessLoad, SoakReport
from realtime.live.status_line import StatusLine
from realtime.live.text_files import write_text

_LOOKS_PER_S = 20
_INTERRUPTED = 130
_START_S = 30.0


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Declare the commands; what they need is imported when they run."""
    live = commands.add_parser(
        "live",
        help="take the singer out of live music",
        description="Take the singer out of what comes in, and play the rest with your own microphone on top, until "
        "Ctrl-C. Devices and faders that are not given are those of the last time.",
    )
    _add_stream(live)
    live.add_argument("--mic", metavar="DEV", help="your own microphone; '' for none")
    live.add_argument("--mic-channels", type=read.channels, metavar="N", help="its channel, from 1")
    live.add_argument("--vocals", type=read.level_db, metavar="DB", help="vocal fader, -inf to 6")
    live.add_argument("--accompaniment", type=read.level_db, metavar="DB", help="accompaniment fader")
    live.add_argument("--mic-gain", type=read.level_db, metavar="DB", help="microphone fader")
    live.add_argument("--reverb", type=read.share, metavar="SHARE", help="room on the microphone, 0 to 1")
    live.add_argument("--key", type=read.semitones, metavar="SEMITONES", help="key change, -6 to 6")
    live.add_argument("--song", metavar="FILE", help="play a file in place of the input")
    live.add_argument("--record", type=Path, metavar="DIR", help="record mix, microphone and stems to FLAC")
    live.add_argument("--seconds", type=read.positive, metavar="S", help="stop after so long")
    live.add_argument("--soak", type=read.positive, metavar="MINUTES", help="run so long and report on it")
    live.add_argument("-o", "--output-report", type=Path, metavar="FILE", help="write the soak's report as JSON")
    # Python's own pattern for what is a negative number and no option knows none that is infinite.
    live._negative_number_matcher = re.compile(r"-(inf|\d+|\d*\.\d+)$")
    live.set_defaults(run=_live)
    devices = commands.add_parser("devices", help="list audio devices", description="List audio devices.")
    devices.set_defaults(run=_devices)
    latency = commands.add_parser(
        "latency",
        help="measure the latency over a cable",
        description="Play chirps, hear them come back and tell how long that took, from mouth to ear. Connect the "
        "output to the input first.",
    )
    _add_stream(latency)
    latency.set_defaults(run=_latency)
    benchmark = commands.add_parser(
        "benchmark", help="measure how fast the models are here", description="Measure how fast the models are here."
    )
    benchmark.add_argument("models", nargs="*", metavar="NAME|PATH", help="default: all that ship")
    benchmark.add_argument("--seconds", type=read.positive, default=20.0, metavar="S", help="per model (default: 20)")
    benchmark.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the figures as JSON")
    benchmark.set_defaults(run=_benchmark)


def _add_stream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", metavar="DEV", help="where music comes from: name, number or 'name, host API'")
    parser.add_argument("--output", metavar="DEV", help="where it goes")
    parser.add_argument("--input-channels", type=read.channels, metavar="L,R", help="channels from 1, for example 3,4")
    parser.add_argument("--output-channels", type=read.channels, metavar="L,R")
    parser.add_argument("--model", metavar="NAME|PATH", help="a shipped model or an .onnx file")
    parser.add_argument(
        "--block", type=read.block, metavar="SAMPLES", help="what devices handle at a time (default: 256)"
    )


def _live(options: argparse.Namespace) -> int:
    if options.output_report and not options.soak:
        raise LiveError("-o is for the report of a soak; give --soak as well, or leave -o out")
    remembered = recall()
    before = remembered or (StreamSettings(), Parameters())
    settings = dataclasses.replace(_settings(options, before[0]), song=options.song or "")
    parameters = _parameters(options, before[1])
    seconds = 60 * options.soak if options.soak else options.seconds or math.inf
    stopped = _StopRequest()
    client = EngineClient()
    try:
        client.set(parameters)
        client.start(settings)
        if options.record:
            client.record(options.record)
        _wait_for_sound(client, stopped)
        if remembered:
            remember(dataclasses.replace(settings, song=""), parameters)
        report = _watch(client, settings, seconds, stopped, soak=bool(options.soak))
        failure = _stop(client)
    finally:
        client.close()
        stopped.restore()
    if report is not None:
        print(report.to_text())
        if options.output_report:
            write_text(options.output_report, report.to_json())
            print(f"the whole report: {options.output_report}")
    if failure:
        raise LiveError(failure)
    return _INTERRUPTED if stopped.is_set and not math.isinf(seconds) else 0


def _wait_for_sound(client: EngineClient, stopped: _StopRequest) -> None:
    end = time.monotonic() + _START_S
    while not stopped.is_set:
        snapshot = client.snapshot()
        if _has_failed(snapshot) or snapshot.problem is Problem.RECORDING_ENDED:
            raise LiveError(snapshot.message)
        if snapshot.state in (EngineState.RUNNING, EngineState.BYPASSED):
            return
        if time.monotonic() > end:
            raise LiveError("no sound came within half a minute; choose other devices with --input and --output")
        time.sleep(1 / _LOOKS_PER_S)


def _has_failed(snapshot: EngineSnapshot) -> bool:
    return snapshot.state is EngineState.FAILED and not snapshot.lost


def _stop(client: EngineClient) -> str:
    """End the music and return what was wrong with the recording or the song; empty for nothing."""
    client.stop()
    while (snapshot := client.snapshot()).state is not EngineState.STOPPED:
        time.sleep(1 / _LOOKS_PER_S)
    return snapshot.message if snapshot.problem in (Problem.RECORDING_ENDED, Problem.SONG_UNREADABLE) else ""


def _watch(
    client: EngineClient, settings: StreamSettings, seconds: float, stopped: _StopRequest, soak: bool
) -> SoakReport | None:
    """Show how it goes until the time is over or someone stops it; return the report of a soak."""
    meter = _stall_meter(settings) if soak else None
    began = minute = time.monotonic()
    first, memory = ProcessLoad.of(client.process_id), []
    line = StatusLine()
    snapshot = client.snapshot()
    while not stopped.is_set and (passed := time.monotonic() - began) < seconds:
        snapshot = client.snapshot()
        line.show(snapshot, passed, seconds)
        if time.monotonic() >= minute and (load := ProcessLoad.of(client.process_id)):
            memory.append(load.memory_mib)
            minute += 60
        if _has_failed(snapshot) or (snapshot.playback is not None and snapshot.playback.finished):
            break
        time.sleep(1 / _LOOKS_PER_S)
    line.close()
    if _has_failed(snapshot):
        raise LiveError(snapshot.message)
    passed, last = time.monotonic() - began, ProcessLoad.of(client.process_id)
    if meter is None:
        return None
    share = (last.cpu_s - first.cpu_s) / passed if first and last else None
    return SoakReport(passed, settings, snapshot, meter.finish(), share, tuple(memory))


def _stall_meter(settings: StreamSettings) -> object:
    from realtime.live.stall import StallMeter

    return StallMeter(settings)


class _StopRequest:
    """Set by Ctrl-C; the second one ends at once."""

    def __init__(self) -> None:
        self.is_set = False
        self._before = signal.signal(signal.SIGINT, self._on_signal)

    def restore(self) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True


def _devices(_: argparse.Namespace) -> int:
    from realtime.live.devices import list_devices

    devices = list_devices()
    if not devices:
        raise LiveError("there is no audio device; connect one, or start a sound server")
    rows = [("number", "name", "host API", "in", "out", "rate", "")]
    rows += [
        (
            str(device.index),
            device.name,
            device.host_api,
            str(device.input_channels),
            str(device.output_channels),
            f"{device.default_rate_hz} Hz",
            " and ".join(f"default {direction}" for direction in device.default_for) or "monitor" * device.is_monitor,
        )
        for device in devices
    ]
    _print_table(rows)
    return 0


def _latency(options: argparse.Namespace) -> int:
    from realtime.live.loopback import measure_latency

    result = measure_latency(_settings(options, StreamSettings()))
    for part in result.parts:
        print(f"{part.ms:8.2f} ms  {part.name}")
    total = sum(part.ms for part in result.parts)
    print(f"{total:8.2f} ms  sum of the parts")
    print(f"{result.measured_ms:8.2f} ms  measured ({result.heard} chirps, {result.spread_ms:.2f} ms apart at most)")
    print(f"The devices themselves claim {result.claimed_ms:.2f} ms.")
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    from realtime.catalog import find_model, shipped_models
    from realtime.live.benchmark import benchmark, machine
    from realtime.live.probe import recommend

    paths = [find_model(name) for name in options.models] or shipped_models()
    here = machine()
    print(f"{here['cpu']}, {here['cores']} cores; one thread, {options.seconds:g} s each at the pace of the music")
    timings = []
    for timing in benchmark(paths, options.seconds):
        timings.append(timing)
        print(f"  {timing.name}: done", file=sys.stderr)
    rows = [("model", "latency", "deadline", "p50", "p99", "p99.9", "max", "late", "RTF", "outside ORT", "memory")]
    rows += [
        (
            timing.name,
            f"{timing.latency_ms:.1f} ms",
            f"{timing.deadline_ms:.2f} ms",
            *(f"{value:.2f}" for value in (timing.p50_ms, timing.p99_ms, timing.p999_ms, timing.max_ms)),
            f"{timing.late} of {timing.hops}",
            f"{timing.rtf:.3f}",
            f"{100 * timing.outside_share:.1f} %",
            "-" if timing.peak_memory_mib is None else f"{timing.peak_memory_mib:.0f} MiB",
        )
        for timing in timings
    ]
    _print_table(rows)
    best = recommend(timings)
    print(f"recommended here: {best.name}" + ("" if best.is_safe else ", though this machine is slow for it"))
    if options.output:
        figures = {"machine": here, "models": [dataclasses.asdict(timing) for timing in timings]}
        write_text(options.output, json.dumps(figures, indent=2) + "\n")
        print(f"the figures: {options.output}")
    return 0


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _settings(options: argparse.Namespace, remembered: StreamSettings) -> StreamSettings:
    given = {
        "model": options.model,
        "input": options.input,
        "output": options.output,
        "microphone": getattr(options, "mic", None),
        "input_channels": options.input_channels,
        "output_channels": options.output_channels,
        "microphone_channels": getattr(options, "mic_channels", None),
        "block_samples": options.block,
    }
    return dataclasses.replace(remembered, **{name: value for name, value in given.items() if value is not None})


def _parameters(options: argparse.Namespace, remembered: Parameters) -> Parameters:
    given = {
        "vocals_db": options.vocals,
        "accompaniment_db": options.accompaniment,
        "microphone_db": options.mic_gain,
        "key_semitones": options.key,
        "reverb": options.reverb,
    }
    kept = dataclasses.replace(remembered, bypass=False, solo="")
    return dataclasses.replace(kept, **{name: value for name, value in given.items() if value is not None})
