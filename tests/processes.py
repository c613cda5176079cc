"""What Linux tells of other processes."""

import signal
import time
from pathlib import Path

_PATIENCE_S = 60.0


def _workers(process_id: int) -> list[int]:
    """Return the processes that `multiprocessing` has spawned for a process and that are still there."""
    tasks = Path(f"/proc/{process_id}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _ignores_interrupts(process_id: int) -> bool:
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    (ignored,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))
    return bool(ignored & 1 << signal.SIGINT - 1)


def wait_for_worker(process_id: int) -> int:
    """Return a process that was spawned for another, once it ignores Ctrl-C."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        for worker in filter(_ignores_interrupts, _workers(process_id)):
            return worker
        time.sleep(0.01)
    raise AssertionError("there is no process that ignores Ctrl-C")
