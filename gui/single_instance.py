"""A second start joins the first: it hands its files over and ends."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtNetwork import QLocalServer, QLocalSocket

_TIMEOUT_MS = 1000


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
        if not self._server.listen(name):
            QLocalServer.removeServer(name)  # left by one that crashed: nobody answered there
            self._server.listen(name)

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    def _greet(self) -> None:
        socket = self._server.nextPendingConnection()
        if socket is not None:
            socket.readyRead.connect(lambda: self._read(socket))
            socket.disconnected.connect(socket.deleteLater)
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        try:
            names = json.loads(bytes(socket.readLine()))
        except ValueError:
            return
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            self.knocked.emit([Path(name) for name in names])
