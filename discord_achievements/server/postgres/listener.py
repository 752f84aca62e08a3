"""Receives PostgreSQL's NOTIFY on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg

from .connection import Bounds, PostgresConnection

_log = logging.getLogger(__name__)
_POLL_S = 0.5  # after which a stop is noticed
_RETRY_S = 0.5
QUIET_S = 5.0
"""Seconds without a message after which the server is asked for one, and then has as long to answer."""


class Listener:
    """Calls `on_message` with the payload of each NOTIFY on `channel`, on its own thread.

    A broken connection is replaced. Since messages sent in between are lost, `on_gap` is called each time a connection
    is up, including the first time. `listening` is whether it is up. A connection that has fallen silent is noticed
    within `2 * quiet_s` seconds.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        on_message: Callable[[str], None],
        on_gap: Callable[[], None],
        quiet_s: float = QUIET_S,
    ) -> None:
        self.listening = False
        self._url = url
        self._channel = channel
        self._on_message = on_message
        self._on_gap = on_gap
        self._quiet_s = quiet_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"LISTEN {channel}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread. **Blocks** for a second at most."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2 * _POLL_S)

    def _run(self) -> None:
        was_listening = True
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.Error as exc:
                if self.listening or was_listening:  # one line for each outage, however many attempts it takes
                    reason = str(exc).strip().partition("\n")[0]
                    _log.warning("not listening to PostgreSQL on %s; reconnecting: %s", self._channel, reason)
            was_listening = self.listening = False
            self._stopping.wait(_RETRY_S)

    def _listen(self) -> None:
        bounds = Bounds(answer_s=self._quiet_s)
        with PostgresConnection.open(self._url, autocommit=True, bounds=bounds) as connection:
            connection.execute(f'LISTEN "{self._channel}"'.encode())
            self.listening = True
            self._on_gap()
            heard_at = time.monotonic()
            while not self._stopping.is_set():
                for notification in connection.notifies(timeout=_POLL_S):
                    self._on_message(notification.payload)
                    heard_at = time.monotonic()
                if time.monotonic() - heard_at >= self._quiet_s:
                    connection.execute("SELECT 1")
                    heard_at = time.monotonic()
