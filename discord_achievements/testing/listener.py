"""A small HTTP server that can be stopped at any moment and leaves no thread behind."""

from __future__ import annotations

import math
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from ..client.net.sockets import cut
from ..client.net.transport import MAX_BODY_BYTES, Request, Response

_POLL_S = 0.02


class Exchange(BaseHTTPRequestHandler):
    """One connection, to which the answers to its requests are written."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def write(self, data: bytes) -> None:
        """Send bytes unchanged."""
        self.wfile.write(data)

    def respond(self, response: Response) -> None:
        """Send a whole answer."""
        start, body = encode(response)
        self.write(start if self.command == "HEAD" else start + body)

    def hang_up(self) -> None:
        """Close the connection after this exchange."""
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, since faults here are intended."""

    def _exchange(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= MAX_BODY_BYTES:
            self.hang_up()
            return
        body = self.rfile.read(length) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.serve(Request(self.command, self.path, headers, body, timeout_s=math.inf), self)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do_PATCH = _exchange


class Listener(HTTPServer):
    """Listens on 127.0.0.1 from `start` to `stop`; before that the port is taken and connections are refused.

    `serve` is called for each request, on its connection's thread. `mistakes` keeps its exceptions, except those of
    connections that the client has closed.
    """

    # On Windows this would let a second server take the port.
    allow_reuse_address = os.name == "posix"
    request_queue_size = 128

    def __init__(
        self, port: int, serve: Callable[[Request, Exchange], None], ssl_context: ssl.SSLContext | None
    ) -> None:
        super().__init__(("127.0.0.1", port), Exchange, bind_and_activate=False)
        self.serve = serve
        self.mistakes: list[BaseException] = []
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._loop: threading.Thread | None = None
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise
        if ssl_context is not None:
            # The handshake may be slow, so the connection's thread does it.
            self.socket = ssl_context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def start(self) -> None:
        """Accept connections."""
        self.server_activate()
        self._loop = threading.Thread(target=self.serve_forever, args=(_POLL_S,), name="fault server", daemon=True)
        self._loop.start()

    def stop(self) -> None:
        """Cut all connections and wait until all threads have ended."""
        if self._loop is not None:
            self.shutdown()
            self._loop.join()
        with self._lock:
            connections, threads = list(self._connections), self._threads
        for connection in connections:
            cut(connection)
        for thread in threads:
            thread.join()
        self.server_close()

    def server_bind(self) -> None:
        """Bind without http.server's look-up of the host's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on its own thread."""
        thread = threading.Thread(
            target=self._run, args=(request, client_address), name="fault server connection", daemon=True
        )
        with self._lock:
            self._connections.add(request)
            self._threads = [*(known for known in self._threads if known.is_alive()), thread]
        thread.start()

    def _run(self, connection: Any, address: Any) -> None:
        try:
            self.finish_request(connection, address)
        except OSError:
            pass  # the client disconnected, or the server was stopped
        except Exception:
            mistake = sys.exception()
            assert mistake is not None
            self.mistakes.append(mistake)
        finally:
            with self._lock:
                self._connections.discard(connection)
            self.shutdown_request(connection)


def encode(response: Response) -> tuple[bytes, bytes]:
    """Return the bytes of an answer's head and body."""
    bodiless = response.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    headers = dict(response.headers) if bodiless else {**response.headers, "content-length": str(len(response.body))}
    return head(response.status, headers), b"" if bodiless else response.body


def head(status: int, headers: dict[str, str]) -> bytes:
    """Return the bytes of the status line and the headers."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
