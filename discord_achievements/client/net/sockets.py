"""How to end a connection that another thread is waiting on."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress


def cut(sock: socket.socket) -> None:
    """End a connection; a read of it that waits returns at once. **Thread**: any.

    Closing the socket object stays with the thread that uses it.
    """
    with suppress(OSError):  # it may have ended by itself
        # The plain socket's method: the one of a TLS socket forgets the encryption first, and what its thread
        # sends in that moment would go out in clear text.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    if sys.platform == "win32":
        # Windows wakes a waiting read only when the handle is closed; macOS may lose the wake-up when it is.
        with suppress(OSError):
            socket.close(sock.detach())
