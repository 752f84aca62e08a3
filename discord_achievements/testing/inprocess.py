"""A transport to a `FakeService` in the same process: fast, exact, without sockets."""

from __future__ import annotations

from collections.abc import Callable

from ..client.net.transport import Request, Response
from ..domain.errors import TransportError
from .service import FakeService
from .streams import ByteStream

Intercept = Callable[[Request], Response | None]


class InProcessTransport:
    """Passes requests to `service`, on the caller's thread.

    `intercept`, if given, gets each request before the service. It may return an answer instead of the service, raise
    `TransportError`, or return None to let the request through. To lose an answer on the way back, call
    `service.handle(request)` in it and then raise.
    """

    def __init__(self, service: FakeService, *, intercept: Intercept | None = None) -> None:
        self.service = service
        self.intercept = intercept
        self._closed = False
        self._down = False
        self._streams: list[ByteStream] = []

    @property
    def is_drained(self) -> bool:
        """Whether an event stream is open whose reader has processed all events so far."""
        return any(stream.is_drained for stream in self._streams)

    def go_down(self) -> None:
        """Become unreachable: open streams break, requests fail. **Thread**: any."""
        self._down = True
        for stream in self._streams:
            stream.end(TransportError("the fake service has gone down"))

    def come_back(self) -> None:
        """Become reachable again. **Thread**: any."""
        self._down = False

    def send(self, request: Request) -> Response:
        """Return the service's answer. Raises `TransportError` while it is down and after `close`."""
        return self._intercepted(request) or self.service.handle(request)

    def open_stream(self, request: Request) -> ByteStream:
        """Return the service's stream, or its refusal. Raises `TransportError` as `send` does."""
        answer = self._intercepted(request)
        if answer is not None:
            return ByteStream(answer)
        stream = self.service.open_events(request)
        self._streams = [*(known for known in self._streams if not known.closed), stream]
        if self._down or self._closed:  # since the check above
            stream.end(TransportError("the fake service has gone down"))
        return stream

    def close(self) -> None:
        """End all streams; later requests fail. **Thread**: any."""
        self._closed = True
        for stream in self._streams:
            stream.close()

    def _intercepted(self, request: Request) -> Response | None:
        if self._closed:
            raise TransportError("this transport has been closed")
        if self._down:
            raise TransportError("the fake service is down")
        return self.intercept(request) if self.intercept else None
