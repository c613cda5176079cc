"""What the engine says is wrong, in the user's language."""

from __future__ import annotations

from gui.translation import mark, tr
from realtime.live.client import EngineSnapshot, Problem

_WORDS = {
    Problem.NO_DEVICE: mark("There is no audio device for this: connect one or start the sound server."),
    Problem.UNKNOWN_DEVICE: mark("There is no audio device “{subject}”: choose another one."),
    Problem.DEVICE_BUSY: mark("{subject} is in use by another program: close that or choose another device."),
    Problem.DEVICE_GONE: mark("{subject} is gone: plug it in again or choose another device."),
    Problem.DEVICE_REFUSES: mark("{subject} does not open: plug it in again or choose another device."),
    Problem.DEVICE_LOST: mark("The audio device stopped answering; it is tried again."),
    Problem.SERVER_SILENT: mark("The JACK server does not answer: restart it, then try again."),
    Problem.MODEL_UNUSABLE: mark("The model “{subject}” cannot be used: choose another one."),
    Problem.MODEL_FAILS: mark("The model “{subject}” fails, so the original is heard: choose another one."),
    Problem.SONG_UNREADABLE: mark("This song cannot be played: {subject}"),
    Problem.RECORDING_ENDED: mark("{subject}: nothing can be recorded there; make room or choose another folder."),
    Problem.ENGINE_RESTARTED: mark("The audio engine stopped and was started again."),
}


def trouble(snapshot: EngineSnapshot) -> str:
    """Return what is wrong as a sentence; empty where all is well.

    The engine's own English says more than a sentence for every problem of the kind, so it is taken where the window
    is English, and where the kind is not known.
    """
    words = _WORDS.get(snapshot.problem, "")
    if words and tr(words) != words:
        return tr(words, subject=snapshot.subject)
    text = snapshot.message.rstrip(".")
    return text and f"{text[:1].upper()}{text[1:]}."
