"""Several processes of the service on one socket: starts them, replaces those that die, stops them all.

The first process and each worker hold the two ends of a pipe. A worker says through it that it has started, and stops
when the other end is closed, which also happens when the first process is killed.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from ...domain.errors import DiscordAchievementsError
from ..settings import Settings
from .app import open_store
from .logs import log_to_stderr
from .process import LAST_RESORT_S, serve_store

_RESTART_S = 0.5
_STARTED = b"started"
_log = logging.getLogger(__name__)

Pipe = Any  # multiprocessing has another type for it on each platform


class Workers:
    """Keeps `settings.workers` processes running on one bound socket."""

    def __init__(self, settings: Settings, listening: socket.socket) -> None:
        self._settings = settings
        self._listening = listening
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[Pipe, multiprocessing.process.BaseProcess] = {}
        self._stopping = threading.Event()

    def run(self, on_started: Callable[[], None]) -> int:
        """Run until SIGTERM or SIGINT and return the exit status; `on_started` is called once all have started.

        **Blocks**.
        """
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
        mark_process_dead(process.pid)  # type: ignore[no-untyped-call]  # otherwise its streams are counted for ever
        if not self._stopping.is_set():
            _log.error("a worker ended with status %s; starting another", process.exitcode)
            if not self._stopping.wait(_RESTART_S):
                self._start()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _end(self) -> None:
        for pipe in self._running:
            pipe.close()
        deadline = time.monotonic() + self._settings.graceful_timeout_s + LAST_RESORT_S
        for process in self._running.values():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _nothing() -> None:
    pass


def _work(environment: dict[str, str], listening: socket.socket, pipe: Pipe) -> None:
    """Be a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches every process; the first one stops the others

    def watch() -> None:
        with suppress(EOFError, OSError):
            pipe.recv_bytes()
        signal.raise_signal(signal.SIGTERM)

    def started() -> None:
        with suppress(OSError):  # the first process is stopping or has died: watch() notices
            pipe.send_bytes(_STARTED)
        threading.Thread(target=watch, name="parent", daemon=True).start()

    settings = Settings.from_environment(environment)
    log_to_stderr(settings.log_level, settings.log_format)
    try:
        serve_store(open_store(settings.database), settings, listening, started)
    except DiscordAchievementsError as exc:
        sys.exit(f"the worker cannot start: {exc}")
