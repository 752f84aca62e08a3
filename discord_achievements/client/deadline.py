"""A deadline for a whole HTTP answer: `requests` times each read by itself, so that one could drip for ever."""

from __future__ import annotations

import http.client
import io
import math
import socket
import time
from typing import Any

_TIMEOUTS = 2


class DeadlineAnswer(http.client.HTTPResponse):
    """An answer that has to be whole within twice its connection's time-out."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        timeout_s = sock.gettimeout()
        until = math.inf if timeout_s is None else time.monotonic() + _TIMEOUTS * timeout_s
        self._bytes = _Until(self.fp.detach(), until)
        self.fp = io.BufferedReader(self._bytes)


class DeadlineStreamAnswer(DeadlineAnswer):
    """The same for an answer which may go on for ever after its headers, unless it is a refusal."""

    def begin(self) -> None:
        """Read the headers."""
        super().begin()
        if self.status == http.HTTPStatus.OK:
            self._bytes.until = math.inf


class _Until(io.RawIOBase):
    """The bytes of a connection, up to a moment."""

    def __init__(self, raw: io.RawIOBase, until: float) -> None:
        self.until = until
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if time.monotonic() > self.until:
            raise TimeoutError("the answer came too slowly")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
