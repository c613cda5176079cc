"""Real-time priority for a thread, where the system grants it."""

import os
from enum import IntEnum


class Priority(IntEnum):
    """Who goes first in the audio process.

    Even the least urgent thread is above all other programs: it may hold the interpreter lock, and while it waits for
    a processor with it, so does the mixer.
    """

    CONTROL = 5
    MODEL = 50
    MIXER = 55


def ask_for_priority(priority: Priority) -> bool:
    """Ask for real-time scheduling of the calling thread; return whether it was granted (Linux only)."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return False
    return True
