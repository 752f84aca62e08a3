"""HTTP answers, strict where http.client and `requests` are lenient: their time, their headers, what comes after them.

`requests` times each read on its own, so an answer could drip for ever. http.client treats a connection that ends amid
the headers as the end of the headers, so a truncated answer could pass for a success without a body. It also takes
an interim answer such as 103 (Early Hints) for the answer itself, and the answer for that to the next request. The
same could happen after an answer that may have more to it than its headers say, so that connection is not used again.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import time
from typing import Any

_TIMEOUTS = 2
_INTERIM_MAX = 20
_WITHOUT_A_BODY = (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED)


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
        announces_a_body = "content-length" in self.headers or "transfer-encoding" in self.headers
        if self.status in _WITHOUT_A_BODY:
            self.chunked = False  # whatever the headers say
        if self.status != http.HTTPStatus.OK and not 400 <= self.status < 500:
            self.will_close |= self.status != http.HTTPStatus.NOT_MODIFIED or announces_a_body

    def _read_status(self) -> tuple[str, int, str]:
        # Source: RFC 9110, section 15.2. 101 is final, and never asked for here.
        for _ in range(_INTERIM_MAX + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed leaves it out
            if not 100 <= status < 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {_INTERIM_MAX} interim answers")


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
