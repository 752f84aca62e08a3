"""Connects to PostgreSQL in such a way that no wait for it is endless.

The server ends statements that take too long, and the operating system notices a host that acknowledges nothing. What
remains is a host that acknowledges and never answers: a stalled disk, a paused pooler, a proxy that has lost its other
side. So each wait for an answer is bounded here as well, by a little more than the server's own bound.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator
from typing import Any, NamedTuple, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo

T = TypeVar("T")

_RETRY_S = 1.0  # after a failed connection, seconds without another attempt
_OPTIONS: dict[str, str | int] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "discord_achievements",
}


class Bounds(NamedTuple):
    """Seconds to wait for PostgreSQL: `answer_s` is measured here, `statement_s` and `lock_s` by the server.

    `connect_s` is an integer of at least 2, and counts for each address of the host.
    """

    answer_s: float = 10.0
    statement_s: float = 8.0
    lock_s: float = 5.0
    connect_s: int = 5


BOUNDS = Bounds()


class PostgresConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer within `answer_s`.

    The statement may then have taken effect or not. Raises `psycopg.OperationalError`.
    """

    answer_s = BOUNDS.answer_s

    @classmethod
    def open(cls, url: str, *, autocommit: bool = False, bounds: Bounds = BOUNDS) -> Self:
        """Connect. **Blocks** for `bounds.connect_s` at most for each address of the host."""
        options = (
            f"-c statement_timeout={bounds.statement_s * 1000:.0f} -c lock_timeout={bounds.lock_s * 1000:.0f}"
            " -c idle_in_transaction_session_timeout=30s"
        )
        conninfo = make_conninfo(url, connect_timeout=bounds.connect_s, options=options, **_OPTIONS)
        connection = cls.connect(conninfo, autocommit=autocommit)
        connection.answer_s = bounds.answer_s
        return connection

    @classmethod
    def open_patient(cls, url: str) -> Self:
        """Connect for work that may take minutes: only connecting is bounded. **Blocks** like `open`."""
        connection = cls.connect(make_conninfo(url, connect_timeout=BOUNDS.connect_s, **_OPTIONS))
        connection.answer_s = math.inf
        return connection

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        """Run `gen` until it ends or the time is up; psycopg resumes it ten times a second even if nothing has come."""
        deadline = time.monotonic() + self.answer_s
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() >= deadline:
                    self.close()
                    raise psycopg.OperationalError(f"the server has not answered within {self.answer_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            value: T = done.value
            return value


class Connector:
    """Connects to the database at `url`, from any thread.

    For a second after a failure, and while one thread then tries again, all others fail at once: otherwise a silent
    host would cost each thread the whole time-out, one request after the other.
    """

    def __init__(self, url: str, bounds: Bounds = BOUNDS) -> None:
        self._url = url
        self._bounds = bounds
        self._lock = threading.Lock()
        self._failure: str | None = None
        self._try_again_at = 0.0

    def __call__(self) -> PostgresConnection:
        """Return a new connection; raises `psycopg.OperationalError`."""
        with self._lock:
            if self._failure is not None:
                if time.monotonic() < self._try_again_at:
                    raise psycopg.OperationalError(self._failure)
                self._try_again_at = time.monotonic() + self._bounds.connect_s
        try:
            connection = PostgresConnection.open(self._url, bounds=self._bounds)
        except psycopg.Error as exc:
            with self._lock:
                self._failure = str(exc)
                self._try_again_at = time.monotonic() + _RETRY_S
            raise
        self._failure = None
        return connection
