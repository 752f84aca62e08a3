"""A storage that is driven as a game drives it, for tests of what is on disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from discord_achievements import Achievement
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.storage import Storage
from discord_achievements.client.state import State
from discord_achievements.domain.progress import Progress, reach

ROOT = Path(__file__).parents[2]
ANNA, BERT = owners.of_user(1), owners.of_user(2)
AT_US = 1_700_000_000_000_000
HALF, DONE = reach(50, AT_US), reach(100, AT_US)
DATABASE = "achievements.sqlite3"
POSIX_ONLY = pytest.mark.skipif(
    sys.platform == "win32", reason="needs POSIX users, limits, or files that can be replaced while they are open"
)


class DrivenStorage:
    """A storage that is driven as by a game: `play` is what a set does, up to where the worker has stored it."""

    def __init__(self, folder: Path, owner: bytes = ANNA) -> None:
        self.storage = Storage(folder)
        self.owner = owner
        self.seq = 0
        self.player = self.storage.player_of(owner)

    def write(self, achievement_id: int, progress: Progress = HALF) -> None:
        """Write to the journal only, as the game's thread does."""
        self.seq += 1
        assert self.storage.journal is not None
        at_us = progress.unlocked_at_us or AT_US
        assert self.storage.journal.write(self.seq, achievement_id, progress.percent, at_us, self.owner)

    def take(self, achievement_id: int, progress: Progress = HALF) -> State:
        """Store what was written, as the worker does."""
        return self.storage.take(self.player.id, {achievement_id: progress}, self.seq)[achievement_id].after

    def play(self, achievement_id: int, progress: Progress = HALF) -> State:
        self.write(achievement_id, progress)
        return self.take(achievement_id, progress)

    def apply(self, achievement_id: int, change: Callable[[State], State]) -> None:
        """Have the service change one state."""

        def commit() -> None:
            database = self.storage.database
            before = database.states(self.player.id, [achievement_id])[achievement_id]
            database.write_states(self.player.id, {achievement_id: change(before)})

        self.storage.change(commit)

    def pending(self) -> dict[int, Progress]:
        return self.storage.database.pending(self.player.id)


Start = Callable[..., DrivenStorage]


def left_by_crash(game: DrivenStorage, to: Path) -> Path:
    """Copy what is on disk if `game` is killed now, and return the copy."""
    shutil.copytree(game.storage.folder, to)
    return to


def played(folder: Path, *achievement_ids: int) -> Path:
    """Play and close; return the database file."""
    game = DrivenStorage(folder)
    if achievement_ids:
        game.storage.take(game.player.id, dict.fromkeys(achievement_ids, HALF), 1)
    game.storage.close()
    return folder / DATABASE


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def definition(number: int, name: str = "Name") -> Achievement:
    return Achievement(1, number, name, "What to do")
