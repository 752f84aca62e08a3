"""Shared by the manager's tests: a catalogue, a game that records what it receives, other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import pytest

from discord_achievements import AchievementManager, Result, ResultError, UserAchievement
from discord_achievements.testing import run_until

APPLICATION_ID = 461618159171141643
OK = Result.OK
UNKNOWN = 999
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PATIENCE_S = 20.0  # for things that take milliseconds unless the machine is busy
# Ascending, as in the list; the catalogue below has them in another order.
WALK, WIN, SECRET, SECURE = 580159119969878046, 580159119969878047, 580159119969878048, 580159119969878049
PLAIN: dict[str, Any] = {"id": WALK, "name": "Walk", "description": "Walk a mile."}
WIN_ENTRY: dict[str, Any] = {"id": WIN, "name": "Win the Game", "description": "You won!"}
SECRET_ENTRY: dict[str, Any] = {"id": SECRET, "name": "Psst", "description": "You found it.", "secret": True}
SECURE_ENTRY: dict[str, Any] = {"id": SECURE, "name": "Champion", "description": "Win a season.", "secure": True}
ENTRIES = (SECURE_ENTRY, SECRET_ENTRY, WIN_ENTRY, PLAIN)
# Tests that use `start` or `game` run in both modes, except those with this mark.
without_a_service = pytest.mark.parametrize("start", ["local"], indirect=True)


def write_catalogue(folder: Path, entries: Iterable[dict[str, Any]] = ENTRIES, **top: Any) -> Path:
    """Write a catalogue with `entries` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "achievements.json"
    path.write_text(json.dumps({"application_id": APPLICATION_ID, "achievement": list(entries), **top}))
    return path


class GameLoop:
    """Drives a manager as a game does: calls it, runs its callbacks, and records results and events in order."""

    def __init__(self, manager: AchievementManager) -> None:
        self.manager = manager
        self.results: list[Result] = []
        self.events: list[UserAchievement] = []
        self.connection: list[bool] = []
        manager.on_user_achievement_update.connect(self.events.append)
        manager.on_connection_change.connect(self.connection.append)

    def set(self, achievement_id: int, percent: int) -> Result:
        """Set, wait for the result, and return it."""
        return self._ask(lambda: self.manager.set_user_achievement(achievement_id, percent, self.results.append))

    def fetch(self) -> Result:
        """Fetch, wait for the result, and return it."""
        return self._ask(lambda: self.manager.fetch_user_achievements(self.results.append))

    def until(self, condition: Callable[[], object]) -> None:
        """Run callbacks until `condition` is true."""
        run_until(self.manager, condition, PATIENCE_S)

    def percent(self, achievement_id: int) -> int:
        """Return an achievement's percent in the list."""
        return self.manager.get_user_achievement(achievement_id).percent_complete

    @property
    def percents(self) -> dict[int, int]:
        """The whole list, read by index: percent by id."""
        found = map(self.manager.get_user_achievement_at, range(self.manager.count_user_achievements()))
        return {one.achievement_id: one.percent_complete for one in found}

    @property
    def updates(self) -> list[tuple[int, int]]:
        """The update events: id and percent."""
        return [(event.achievement_id, event.percent_complete) for event in self.events]

    def _ask(self, call: Callable[[], None]) -> Result:
        count = len(self.results)
        call()
        self.until(lambda: len(self.results) > count)
        assert len(self.results) == count + 1
        return self.results[-1]


class Start(Protocol):
    """Starts a manager with the test's own data folder and catalogue."""

    def __call__(self, **options: Any) -> GameLoop: ...


def result_of(call: Callable[[], object]) -> Result:
    """Return the result that a getter raises."""
    with pytest.raises(ResultError) as caught:
        call()
    return caught.value.result


class Boom(Exception):
    """Raised by the game's own code."""


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start `code` in a new process."""
    # Some games fork while threads run; Python 3.12 and later warn about it.
    command = [sys.executable, "-W", "error", "-W", "ignore:::__main__", "-c", textwrap.dedent(code)]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `code` in a new process, and wait for its end."""
    with python(code, *arguments) as process:
        out, err = process.communicate(timeout=2 * PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
