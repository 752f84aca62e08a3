"""How to end a connection on which another thread is waiting."""

from __future__ import annotations

import _socket
import socket
import sys
from contextlib import suppress


def cut(sock: socket.socket) -> None:
    """End a connection; a read that is waiting returns at once. **Thread**: any.

    The thread that uses the socket still has to close the object.
    """
    with suppress(OSError, ValueError):  # it may have ended already
        # Not by the object's own method. That of a TLS socket drops the encryption first, and what its thread sends at
        # that moment would go out as clear text; and libraries such as gevent replace the class while sockets are open.
        plain = _socket.socket(fileno=sock.fileno())
        try:
            plain.shutdown(socket.SHUT_RDWR)
        finally:
            plain.detach()
    if sys.platform == "win32":
        # Windows wakes a waiting read only when the handle is closed; macOS may lose the wake-up when it is.
        with suppress(OSError):
            socket.close(sock.detach())
