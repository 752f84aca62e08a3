"""The event stream: server-sent events read on a thread of their own, which only passes them on.

A read from a socket cannot wait for the game's commands too, so the reader is the one thread beside the worker. It
owns nothing but its connection. Source of the format: HTML Living Standard, server-sent events.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from ...domain.errors import ApiError, TransportError, WireError
from ...domain.retry import Outcome
from .api import check
from .transport import Request, Stream, Transport

_MAX_EVENT_BYTES = 64 * 1024
_JOIN_S = 1.0
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_log = logging.getLogger("discord_achievements")


class ServerEvent(NamedTuple):
    """One event: its type, its data, the last event id so far."""

    type: str
    data: str
    id: str


class StreamOpened(NamedTuple):
    """The stream is up. `reader` tells which one, in case another has taken its place since."""

    reader: StreamReader


class StreamEvent(NamedTuple):
    """Something came."""

    reader: StreamReader
    event: ServerEvent


class StreamEnded(NamedTuple):
    """The stream is over: refused with `outcome`, or, where that is None, it ended after it had been up."""

    reader: StreamReader
    outcome: Outcome | None
    retry_s: float | None


class SseParser:
    """Turns the bytes of a stream into events; `retry_s` is what the service last asked for."""

    def __init__(self) -> None:
        self.retry_s: float | None = None
        self._rest = b""
        self._type = ""
        self._data: list[str] = []
        self._bytes = 0
        self._id = ""
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Return the events that `chunk` completes. Raises `WireError` for a line or event that is too long."""
        if not chunk:
            return []
        rest_of_crlf = self._after_cr and chunk.startswith(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        chunk = chunk[rest_of_crlf:]
        lines = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        events = []
        for line in lines:
            if line.startswith(b":"):
                continue  # a comment, which keeps the connection alive
            self._bytes += len(line) + 1
            self._check_length(0)
            if line:
                self._field(line.removeprefix(_BYTE_ORDER_MARK).decode(errors="replace"))
                continue
            if self._data:
                events.append(ServerEvent(self._type or "message", "\n".join(self._data), self._id))
            self._type, self._data, self._bytes = "", [], 0
        self._check_length(len(self._rest))
        return events

    def _check_length(self, more: int) -> None:
        if self._bytes + more > _MAX_EVENT_BYTES:
            raise WireError(f"an event of the stream is longer than {_MAX_EVENT_BYTES} bytes")

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value[:9]) / 1000


class StreamReader:
    """One connection to the event stream, and its thread; everything it has to tell goes to `post`."""

    def __init__(self, transport: Transport, request: Request, post: Callable[[object], None]) -> None:
        self._transport = transport
        self._request = request
        self._post = post
        self._stream: Stream | None = None
        self._opened = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="discord_achievements events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. **Blocks** until its thread is gone, for one second at most."""
        self._stopped = True
        if self._stream is not None:
            self._stream.close()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        parser = SseParser()
        outcome: Outcome | None = None
        try:
            self._stream = self._transport.open_stream(self._request)
            if not self._stopped:
                self._read(self._stream, parser)
        except TransportError as exc:
            outcome = None if self._opened else exc  # one that was up and broke has ended
        except (ApiError, WireError) as exc:
            outcome = exc
        except Exception:
            _log.exception("the event stream cannot be read on")
            outcome = WireError("the reader of the event stream failed")
        finally:
            if self._stream is not None:
                self._stream.close()
        self._post(StreamEnded(self, outcome, parser.retry_s))

    def _read(self, stream: Stream, parser: SseParser) -> None:
        check(stream.response)
        kind = stream.response.headers.get("content-type", "")
        if stream.response.status != 200 or not kind.lower().startswith("text/event-stream"):
            raise WireError(f"the event stream answers HTTP {stream.response.status} with {kind!r:.60}")
        self._opened = True
        self._post(StreamOpened(self))
        for chunk in stream:
            if self._stopped:
                return
            for event in parser.feed(chunk):
                self._post(StreamEvent(self, event))
