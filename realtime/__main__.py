"""Starts the command, and answers Ctrl-C quietly from the first import on."""

import os
import signal
import sys

_INTERRUPTED = 130

if __name__ == "__main__":
    # Not by an exception: a library that meets one while it loads turns it into an error of its own.
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    from realtime.command import main

    signal.signal(signal.SIGINT, before)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
