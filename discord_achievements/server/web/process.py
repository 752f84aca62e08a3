"""One process of the service: uvicorn on a socket that is already bound, until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from ..settings import Settings
from ..stores.base import Store
from .app import App
from .http_connection import Connection

LAST_RESORT_S = 5.0
"""Seconds after `graceful_timeout_s` at which a process that has not ended is killed."""

_CHECK_S = 1.0  # how often slow clients are looked for
_log = logging.getLogger(__name__)


def serve_store(store: Store, settings: Settings, listening: socket.socket, on_started: Callable[[], None]) -> int:
    """Serve `store` on a bound socket until SIGTERM or SIGINT; return the exit status. **Blocks**."""
    app = App(store, settings)
    config = uvicorn.Config(
        app,
        http=Connection,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(settings.keep_alive_s),
        timeout_graceful_shutdown=int(settings.graceful_timeout_s),
        limit_concurrency=settings.max_connections,
        backlog=2048,
    )
    server = _Server(config, app, settings, on_started)
    # Once stopped, uvicorn raises the signal that stopped it a second time; for us that is the normal end.
    with suppress(KeyboardInterrupt), _ignoring(signal.SIGTERM):
        server.run([listening])
    return 0


class _Server(uvicorn.Server):
    """uvicorn's server, which also looks for slow clients and ends event streams before it waits for requests."""

    def __init__(self, config: uvicorn.Config, app: App, settings: Settings, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._settings = settings
        self._on_started = on_started
        self._next_check = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + _CHECK_S
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.cut_if_slow(self._settings.header_timeout_s, self._settings.write_timeout_s)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # The timer continues after the server has ended: the interpreter waits for all threads at its exit, and one of
        # them may be waiting for a database.
        last_resort = threading.Timer(self._settings.graceful_timeout_s + LAST_RESORT_S, _die)
        last_resort.daemon = True
        last_resort.start()
        self._app.end_streams()
        await super().shutdown(sockets)


def _die() -> None:
    _log.error("the service did not stop in time; killing the process")
    os._exit(1)


@contextmanager
def _ignoring(number: signal.Signals) -> Iterator[None]:
    """Ignore a signal, except while uvicorn handles it itself."""
    before = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(number, before)
