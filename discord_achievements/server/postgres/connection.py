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
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo

T = TypeVar("T")

_CONNECT_WITHIN_S = 5
_AWAY_S = 1.0  # the database is left alone for so long after a connection failed
_OPTIONS: dict[str, str | int] = {
    "connect_timeout": _CONNECT_WITHIN_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "discord_achievements",
}
_BOUNDS = "-c statement_timeout=8s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s"


class PostgresConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer within `answer_within_s`.

    The statement may then have taken effect or not. Raises `psycopg.OperationalError`.
    """

    answer_within_s = 10.0

    @classmethod
    def open(cls, url: str, *, autocommit: bool = False, answer_within_s: float | None = None) -> Self:
        """Connect. **Blocks** for five seconds at most for each address of the host."""
        connection = cls.connect(make_conninfo(url, options=_BOUNDS, **_OPTIONS), autocommit=autocommit)
        if answer_within_s is not None:
            connection.answer_within_s = answer_within_s
        return connection

    @classmethod
    def open_patient(cls, url: str) -> Self:
        """Connect for what may take minutes: statements and waits for others have no bound. **Blocks** as above."""
        connection = cls.connect(make_conninfo(url, **_OPTIONS))
        connection.answer_within_s = math.inf
        return connection

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        """Do what `gen` does, which is resumed ten times a second also when nothing has come, for so long at most."""
        deadline = time.monotonic() + self.answer_within_s
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() >= deadline:
                    self.close()
                    raise psycopg.OperationalError(f"the server has not answered within {self.answer_within_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            value: T = done.value
            return value


class Connector:
    """Connects to the database at `url`, from any thread.

    After a failure the others fail at once for a second, and while one tries again: a host that is silent would
    otherwise take five seconds of each thread, one request after the other.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._failure: str | None = None
        self._try_again_at = 0.0

    def __call__(self) -> PostgresConnection:
        """Return a new connection; raises `psycopg.OperationalError`."""
        with self._lock:
            if self._failure is not None:
                if time.monotonic() < self._try_again_at:
                    raise psycopg.OperationalError(self._failure)
                self._try_again_at = time.monotonic() + _CONNECT_WITHIN_S
        try:
            connection = PostgresConnection.open(self._url)
        except psycopg.Error as exc:
            with self._lock:
                self._failure = str(exc)
                self._try_again_at = time.monotonic() + _AWAY_S
            raise
        self._failure = None
        return connection
