"""One thread wakes another, without waiting itself."""

import _thread


class Wake:
    """A flag that a thread sets and another one waits for; a single lock, so that setting it costs under 1 us."""

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the waiting thread go on, now or when it comes to wait (one thread sets)."""
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is set, at most so long; return whether it was."""
        return self._lock.acquire(timeout=max(0.0, timeout_s))
