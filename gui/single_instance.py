"""A second start joins the first: it hands its files over and ends."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal
from PyQt6.QtNetwork import QLocalServer, QLocalSocket

_TIMEOUT_MS = 1000
_POLL_MS = 20


def default_name() -> str:
    """Return the name under which this user's window listens."""
    return f"unsing-{getpass.getuser()}"


def hand_over(name: str, files: Sequence[Path]) -> bool:
    """Send files to the window that listens under `name` and bring it to the front; False where there is none."""
    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(_TIMEOUT_MS):
        return False
    socket.write(json.dumps([str(path.absolute()) for path in files]).encode() + b"\n")
    return socket.waitForBytesWritten(_TIMEOUT_MS)


class Door(QObject):
    """Listens for later starts; `knocked` tells the files they bring, a list of paths that may be empty.

    Args:
        name: What `hand_over` calls.
        parent: Who owns it.
    """

    knocked = pyqtSignal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)
        self._guests: list[QLocalSocket] = []
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(self._listen)
        if not self._server.listen(name):
            QLocalServer.removeServer(name)  # left by one that crashed: nobody answered there
            self._server.listen(name)

    def close(self) -> None:
        """Listen no more."""
        self._poll.stop()
        self._server.close()
        self._guests.clear()

    def _greet(self) -> None:
        """Let all in that wait; they are read in turn, for a guest may leave while it is being heard."""
        while (socket := self._server.nextPendingConnection()) is not None:
            self._guests.append(socket)
        self._poll.start()

    def _listen(self) -> None:
        for socket in tuple(self._guests):
            if socket.canReadLine():
                self._hear(bytes(socket.readLine()))
            if socket.state() is not QLocalSocket.LocalSocketState.ConnectedState and not socket.canReadLine():
                self._guests.remove(socket)
                socket.deleteLater()
        if not self._guests:
            self._poll.stop()

    def _hear(self, line: bytes) -> None:
        try:
            names = json.loads(line)
        except ValueError:
            return
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            self.knocked.emit([Path(name) for name in names])
