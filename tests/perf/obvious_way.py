"""The control for every sync: how one would write it at first.

A thread that calls `requests`, `response.json()`, builds an object per achievement and hands all rows to
`executemany`. Nothing about it is wrong; it holds the interpreter lock through each long call.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType

import requests


@dataclass
class ListedAchievement:
    """One entry of the player's list."""

    achievement_id: int
    name: str
    description: str
    secret: bool
    secure: bool
    icon_hash: str
    percent_complete: int
    unlocked_at: str | None


class ObviousSync:
    """Fetches the list in a thread, stores it, and hands it over in `run_callbacks()`."""

    def __init__(self, url: str, token: str, database: Path) -> None:
        self.achievements: list[ListedAchievement] = []
        self.completed = 0
        self._url = url
        self._token = token
        self._database = database
        self._wanted: queue.Queue[bool] = queue.Queue()
        self._fetched: queue.Queue[list[ListedAchievement] | Exception] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="obvious-sync", daemon=True)
        self._thread.start()

    def __enter__(self) -> ObviousSync:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wanted.put(False)
        self._thread.join()

    def fetch(self) -> None:
        """Ask the thread for one sync."""
        self._wanted.put(True)

    def run_callbacks(self) -> None:
        """Take over a fetched list; raises what the thread raised."""
        try:
            fetched = self._fetched.get_nowait()
        except queue.Empty:
            return
        if isinstance(fetched, Exception):
            raise fetched
        self.achievements = fetched
        self.completed += 1

    def _run(self) -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {self._token}"
        database = sqlite3.connect(self._database)
        database.execute(
            "CREATE TABLE achievement (id INTEGER PRIMARY KEY, name, description, secret, secure, icon_hash,"
            " percent_complete, unlocked_at)"
        )
        while self._wanted.get():
            try:
                self._fetched.put(self._sync(session, database))
            except (requests.RequestException, sqlite3.Error) as exc:
                self._fetched.put(exc)
        database.close()
        session.close()

    def _sync(self, session: requests.Session, database: sqlite3.Connection) -> list[ListedAchievement]:
        response = session.get(self._url, timeout=10)
        response.raise_for_status()
        achievements = [
            ListedAchievement(
                int(entry["id"]),
                entry["name"],
                entry["description"],
                entry["secret"],
                entry["secure"],
                entry["icon_hash"],
                entry["percent_complete"],
                entry["unlocked_at"],
            )
            for entry in response.json()
        ]
        with database:
            database.executemany(
                "INSERT OR REPLACE INTO achievement VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [astuple(achievement) for achievement in achievements],
            )
        return achievements
