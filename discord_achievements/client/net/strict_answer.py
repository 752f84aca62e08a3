"""HTTP answers, strict where http.client and `requests` are lenient: about time, and about headers that are cut off.

`requests` times each read on its own, so an answer could drip for ever. http.client treats a connection that ends amid
the headers as the end of the headers, so a truncated answer could pass for a success without a body.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import time
from typing import Any

_TIMEOUTS = 2


class StrictAnswer(http.client.HTTPResponse):
    """An answer that must be whole within twice its connection's time-out."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        timeout_s = sock.gettimeout()
        until = math.inf if timeout_s is None else time.monotonic() + _TIMEOUTS * timeout_s
        self._incoming = _Incoming(self.fp.detach(), until)
        self.fp = io.BufferedReader(self._incoming)

    def begin(self) -> None:
        """Read the headers."""
        super().begin()
        if self._incoming.ended:
            raise http.client.HTTPException("the connection broke in the middle of the headers")


class StrictStreamAnswer(StrictAnswer):
    """The same for an answer that may continue for ever after its headers, unless it is a refusal."""

    def begin(self) -> None:
        """Read the headers."""
        super().begin()
        if self.status == http.HTTPStatus.OK:
            self._incoming.until = math.inf


class _Incoming(io.RawIOBase):
    """What arrives until a moment; `ended` is whether the other side has closed the connection."""

    def __init__(self, raw: io.RawIOBase, until: float) -> None:
        self.until = until
        self.ended = False
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if time.monotonic() > self.until:
            raise TimeoutError("the answer came too slowly")
        count = self._raw.readinto(buffer)
        self.ended = count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
