"""Runs the service: one process or several on one port, until it is told to stop."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

import uvicorn
from prometheus_client.multiprocess import mark_process_dead

from ...domain.errors import ConfigurationError, DiscordAchievementsError
from ..settings import Settings
from ..stores.base import Store
from .app import App, open_store
from .http_connection import Connection

_CHECK_S = 1.0  # how often slow clients are looked for
_RESTART_S = 0.5
_LAST_RESORT_S = 5.0  # beyond graceful_timeout_s
_STARTED = b"started"
_OPEN_FILES_MAX = 1_048_576  # where the system sets no limit
_log = logging.getLogger(__name__)


def serve(settings: Settings, on_listening: Callable[[str], None]) -> int:
    """Run until SIGTERM or SIGINT and return the exit status; `on_listening` gets the URL once requests are answered.

    Raises `StoreUnavailable` and `ConfigurationError` when it cannot start.
    """
    _log_to_stderr(settings.log_level)
    _allow_open_files()
    listening = _bind(settings)
    host, port = listening.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    with listening:
        if settings.workers == 1:
            return serve_store(open_store(settings.database), settings, listening, lambda: on_listening(url))
        open_store(settings.database).close()  # migrates once, and fails here rather than in every worker
        with tempfile.TemporaryDirectory(prefix="discord_achievements_metrics") as folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            return _Workers(settings, listening).run(lambda: on_listening(url))


class Server(uvicorn.Server):
    """uvicorn's server, which looks for slow clients and ends event streams before it waits for requests."""

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
        # It runs on after the server's end: the interpreter waits for all threads, and one may wait for a database.
        last_resort = threading.Timer(self._settings.graceful_timeout_s + _LAST_RESORT_S, _die)
        last_resort.daemon = True
        last_resort.start()
        self._app.end_streams()
        await super().shutdown(sockets)


def _die() -> None:
    _log.error("something does not end in time; ending the process")
    os._exit(1)


def serve_store(store: Store, settings: Settings, listening: socket.socket, on_started: Callable[[], None]) -> int:
    """Serve `store` in this process, on a socket that is bound, until SIGTERM or SIGINT; return the exit status."""
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
    server = Server(config, app, settings, on_started)
    # Once it has stopped, uvicorn raises the signal that stopped it once more; for us that is the normal end.
    with suppress(KeyboardInterrupt), _ignoring(signal.SIGTERM):
        server.run([listening])
    return 0


@contextmanager
def _ignoring(number: signal.Signals) -> Iterator[None]:
    """Have a signal do nothing, save where uvicorn listens for it itself."""
    before = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(number, before)


Pipe = Any  # multiprocessing has another type for it on each platform


class _Workers:
    """Keeps `settings.workers` processes running on one socket.

    Each holds one end of a pipe: it says through it that it has started, and stops when the other end is closed, which
    also happens when this process is killed.
    """

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._settings = settings
        self._listening = listening
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[Pipe, multiprocessing.process.BaseProcess] = {}
        self._stopping = threading.Event()

    def run(self, on_started: Callable[[], None]) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for _ in range(self._settings.workers):
            self._start()
        waiting_for = set(self._running)
        while not self._stopping.is_set():
            for pipe in wait(list(self._running), timeout=0.2):
                if self._has_started(pipe):
                    waiting_for.discard(pipe)
                    if not waiting_for and on_started is not _nothing:
                        on_started()
                        on_started = _nothing
                else:
                    self._replace(pipe)
        self._end()
        return 0

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(self._settings.to_environment(), self._listening, theirs), daemon=False
        )
        process.start()
        theirs.close()
        self._running[ours] = process

    def _has_started(self, pipe: Pipe) -> bool:
        try:
            return bool(pipe.recv_bytes() == _STARTED)
        except (EOFError, OSError):
            return False

    def _replace(self, pipe: Pipe) -> None:
        process = self._running.pop(pipe)
        pipe.close()
        process.join()
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call]  # or its streams would be counted for ever
        if not self._stopping.is_set():
            _log.error("a worker ended with status %s; starting another", process.exitcode)
            if not self._stopping.wait(_RESTART_S):
                self._start()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _end(self) -> None:
        for pipe in self._running:
            pipe.close()
        deadline = time.monotonic() + self._settings.graceful_timeout_s + _LAST_RESORT_S
        for process in self._running.values():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _nothing() -> None:
    pass


def _work(environment: dict[str, str], listening: socket.socket, pipe: Pipe) -> None:
    """Be a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all; the first process stops the others

    def watch() -> None:
        with suppress(EOFError, OSError):
            pipe.recv_bytes()
        signal.raise_signal(signal.SIGTERM)

    def started() -> None:
        with suppress(OSError):  # the first process is stopping, or gone: watch() notices
            pipe.send_bytes(_STARTED)
        threading.Thread(target=watch, name="parent", daemon=True).start()

    settings = Settings.from_environment(environment)
    _log_to_stderr(settings.log_level)
    try:
        serve_store(open_store(settings.database), settings, listening, started)
    except DiscordAchievementsError as exc:
        sys.exit(f"the worker cannot start: {exc}")


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let two programs take one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.set_inheritable(True)
    except OSError as exc:
        listening.close()
        where, reason = f"{settings.host}:{settings.port}", exc.strerror or exc
        if exc.errno == errno.EADDRINUSE:
            reason = "it is in use; is another `serve` running? --port takes another"
        raise ConfigurationError(f"cannot listen on {where}: {reason}") from exc
    except BaseException:
        listening.close()
        raise
    return listening


def _allow_open_files() -> None:
    """Take as many open files as the system lets us have: each connection is one. Worker processes inherit it."""
    if sys.platform != "win32":  # where there is no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES_MAX)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (ValueError, OSError) as exc:  # macOS refuses more than its kernel's own limit
                _log.warning("open files stay limited to %d, and so do connections: %s", soft, exc)


class _Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("discord_achievements", "uvicorn.error"):
        logging.getLogger(name).setLevel(level.upper())
