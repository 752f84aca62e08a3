"""A game with the real manager, in its own process, that obeys commands and reports what it sees."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.support.running import APP, ROOT, environment

# A game's loop that reads commands and prints what it sees, as lines of JSON.
GAME = """
import json, queue, sys, threading
from discord_achievements import AchievementManager, ResultError

commands = queue.Queue()
threading.Thread(target=lambda: [commands.put(json.loads(line)) for line in sys.stdin], daemon=True).start()

def report(**what):
    print(json.dumps(what), flush=True)

def show(one):
    return [one.achievement_id, one.percent_complete, one.unlocked_at, one.synced]

application_id, base_url, token, folder = sys.argv[1:]
with AchievementManager(int(application_id), base_url=base_url, token=token, data_dir=folder) as manager:
    manager.on_user_achievement_update = lambda one: report(event=show(one))
    manager.on_connection_change.connect(lambda online: report(online=online))
    done = False
    while not done:
        manager.run_callbacks()
        try:
            name, *arguments = commands.get(timeout=0.005)
        except queue.Empty:
            continue
        if name == "set":
            manager.set_user_achievement(*arguments, lambda result, a=arguments: report(result=result.name, of=a))
        elif name == "fetch":
            manager.fetch_user_achievements(lambda result: report(fetched=result.name))
        elif name == "list":
            count = manager.count_user_achievements()
            report(list=[show(manager.get_user_achievement_at(index)) for index in range(count)])
        elif name == "name":
            report(name=manager.get_achievement(*arguments).name)
        elif name == "pending":
            report(pending=manager.pending_count)
        else:
            done = True
"""


class GameProcess:
    """A game on one device of a player, in its own process.

    `reports` is everything it has reported; over TLS it trusts the certificate in `trusted`.
    """

    def __init__(self, base_url: str, token: str, folder: Path, trusted: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", GAME, str(APP), base_url, token, str(folder)],
            env=environment() | ({"REQUESTS_CA_BUNDLE": str(trusted)} if trusted else {}),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.reports: list[dict[str, Any]] = []
        self._unread: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def next_report(self, name: str) -> Any:
        """Return the game's next report of that name."""
        while True:
            report = self._unread.get(timeout=30)
            if name in report:
                return report[name]

    def percents(self, achievement_id: int) -> list[int]:
        """Return the percents of an achievement's update events so far."""
        events = [report["event"] for report in self.reports if "event" in report]
        return [percent for id_, percent, *_ in events if id_ == achievement_id]

    def fetched(self) -> dict[int, list[Any]]:
        """Fetch, and return the list's entries by id."""
        self.do("fetch")
        assert self.next_report("fetched") == "OK"
        self.do("list")
        return {entry[0]: entry for entry in self.next_report("list")}

    def close(self) -> None:
        self.do("quit")
        assert self._process.wait(30) == 0
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            report = json.loads(line)
            self.reports.append(report)
            self._unread.put(report)
