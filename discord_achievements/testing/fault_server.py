"""A real HTTP server on this machine that fails in the ways real ones do."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections import Counter
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from ..client.net.transport import Request, Response
from ..domain import routes
from ..domain.errors import ErrorCode, TransportError
from .faults import STREAM_FAULTS, Fault, FaultPlan, fault_response
from .listener import Exchange, Listener, encode, head
from .service import FakeService, route_name
from .streams import ByteStream


class FaultServer:
    """Serves a `FakeService` over HTTP on 127.0.0.1, and fails on request.

    Use it as a context manager: it listens as soon as it exists, and at the end no thread and no socket is left. With
    an `ssl_context` it serves https. With `compress`, clients that accept gzip get long bodies compressed.

    **Thread**: any, but `go_down`, `come_back`, `heal` and `close` only from one thread at a time.
    """

    def __init__(
        self,
        service: FakeService,
        *,
        ssl_context: ssl.SSLContext | None = None,
        compress: bool = False,
        retry_after_s: int = 1,
        drip_s: float = 0.02,
    ) -> None:
        self.service = service
        self._ssl_context = ssl_context
        self._compress = compress
        self._retry_after_s = retry_after_s
        self._drip_s = drip_s
        self._lock = threading.Lock()
        self._plan = FaultPlan()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._streams: list[ByteStream] = []
        self._released = threading.Event()
        self._is_down = False
        self._listener = Listener(0, self._serve, ssl_context)
        self._port = self._listener.server_port
        self._listener.start()

    @property
    def base_url(self) -> str:
        """The address for a manager; it stays the same when the server goes down and comes back."""
        return f"http{'s' if self._ssl_context else ''}://127.0.0.1:{self._port}/api/v10"

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """The number of requests so far, by method and path."""
        with self._lock:
            return self._requests.copy()

    def fail(
        self,
        fault: Fault | ErrorCode,
        *,
        times: int | None = 1,
        method: str | None = None,
        route: str | None = None,
    ) -> None:
        """Make the next `times` requests fail with `fault`, or all of them until `heal()` if `times` is None.

        An `ErrorCode` is answered as that error. `method` ("PUT") and `route` ("get_user_achievements") select the
        requests; the event stream fails only if `route` names it or if it is a fault of streams. Several faults happen
        in the order of the calls. `REFUSE` is `go_down()`, whatever the other arguments.

        Raises `TypeError` and `ValueError` for a fault or a route that does not exist.
        """
        if fault is Fault.REFUSE:
            self.go_down()
            return
        if fault in STREAM_FAULTS:
            route = routes.USER_ACHIEVEMENT_EVENTS.name
        with self._lock:
            self._plan.add(fault, times=times, method=method, route=route)

    def heal(self) -> None:
        """Clear all faults, hang up on stalled requests, and become reachable."""
        with self._lock:
            self._plan.clear()
            self._released.set()
            self._released = threading.Event()
        self.come_back()

    def go_down(self) -> None:
        """Cut all connections and refuse new ones. The port stays reserved."""
        if not self._is_down:
            self._stop()
            self._listener = Listener(self._port, self._serve, self._ssl_context)
            self._is_down = True

    def come_back(self) -> None:
        """Listen again, at the same address."""
        if self._is_down:
            self._released = threading.Event()
            self._listener.start()
            self._is_down = False

    def drop_streams(self) -> None:
        """Break the open event streams."""
        for stream in self._open_streams():
            stream.end(_dropped())

    def close(self) -> None:
        """Stop for good. Raises an exception that occurred in the server itself, if there was one."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _stop(self) -> None:
        with self._lock:
            self._released.set()  # and remains set, so nothing starts to stall or to stream
        self.drop_streams()
        self._listener.stop()
        for mistake in self._listener.mistakes:
            raise mistake

    def _open_streams(self) -> list[ByteStream]:
        with self._lock:
            self._streams = [stream for stream in self._streams if not stream.closed]
            return list(self._streams)

    def _serve(self, request: Request, exchange: Exchange) -> None:
        path = unquote(urlsplit(request.url).path)
        route = route_name(request.method, path)
        with self._lock:
            self._requests[request.method, path] += 1
            fault = self._plan.take(request.method, route)
            released = self._released
        response = fault and fault_response(fault, self._retry_after_s)
        if response is not None:
            exchange.respond(response)
        elif fault is not None:
            self._fail(fault, request, exchange, released)
        elif route == routes.USER_ACHIEVEMENT_EVENTS.name and request.method == "GET":
            self._stream(request, exchange)
        else:
            exchange.respond(self._answer(request))

    def _answer(self, request: Request) -> Response:
        response = self.service.handle(request)
        if not self._compress or len(response.body) < 1024 or "gzip" not in request.headers.get("accept-encoding", ""):
            return response
        headers = {**response.headers, "content-encoding": "gzip", "vary": "accept-encoding"}
        return Response(response.status, headers, gzip.compress(response.body, compresslevel=1))

    def _fail(self, fault: Fault | ErrorCode, request: Request, exchange: Exchange, released: threading.Event) -> None:
        exchange.hang_up()
        if fault is Fault.STALL:
            released.wait()
        elif fault is Fault.CUT_BODY:
            start, body = encode(self._answer(request))
            exchange.write(start + body[: len(body) // 2])
        elif fault is Fault.DRIP:
            for byte in b"".join(encode(self._answer(request))):
                exchange.write(bytes([byte]))
                if released.wait(self._drip_s):
                    return
        elif fault is Fault.DROP_STREAM:
            stream = self.service.open_events(request)
            stream.close()
            exchange.write(_stream_head(stream.response))

    def _stream(self, request: Request, exchange: Exchange) -> None:
        stream = self.service.open_events(request)
        if stream.response.status != 200:
            exchange.respond(stream.response)
            return
        with self._lock:
            self._streams.append(stream)
            if self._released.is_set():
                stream.end(_dropped())
        try:
            exchange.write(_stream_head(stream.response))
            for data in stream:
                exchange.write(b"%x\r\n%s\r\n" % (len(data), data))
            exchange.write(b"0\r\n\r\n")
        except TransportError:
            exchange.hang_up()
        finally:
            stream.close()


def _dropped() -> TransportError:
    return TransportError("the fault server dropped the stream")


def _stream_head(response: Response) -> bytes:
    return head(response.status, {**response.headers, "transfer-encoding": "chunked"})
