"""How this program connects to PostgreSQL: so that nobody waits for it for ever.

A server ends its own statements when they take too long, and the operating system notices a host that acknowledges
nothing. What is left is one that acknowledges and never answers: a stalled disk, a paused pooler, a proxy that has lost
the other side. So each wait for an answer is bounded here as well, by a little more than the server's own bound.
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

_AWAY_S = 1.0  # the database is left alone for so long after a connection failed
_OPTIONS: dict[str, str | int] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "discord_achievements",
}


class Bounds(NamedTuple):
    """How long is waited for PostgreSQL, in seconds: `answer_s` here, `statement_s` and `lock_s` by the server itself.

    `connect_s` is whole seconds, at least 2, for each address of the host.
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
        """Connect for what may take minutes: statements and waits for others have no bound. **Blocks** as above."""
        connection = cls.connect(make_conninfo(url, connect_timeout=BOUNDS.connect_s, **_OPTIONS))
        connection.answer_s = math.inf
        return connection

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        """Do what `gen` does, which is resumed ten times a second also when nothing has come, for so long at most."""
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

    After a failure the others fail at once for a second, and while one tries again: a host that is silent would
    otherwise take five seconds of each thread, one request after the other.
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
                self._try_again_at = time.monotonic() + _AWAY_S
            raise
        self._failure = None
        return connection
