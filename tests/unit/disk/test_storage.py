"""Ordinary play: what is set is on disk, and stays; the definitions; moving to a service."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import Achievement, AchievementManager, Result
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.database import Database
from discord_achievements.client.disk.pacing import SLICE_ROWS
from discord_achievements.client.disk.players import Players
from discord_achievements.client.state import reported
from discord_achievements.domain.catalogue import Catalogue, CatalogueEntry
from discord_achievements.domain.progress import Progress, reach
from discord_achievements.testing import run_until
from tests.support.storages import AT_US, DATABASE, HALF, POSIX_ONLY, DrivenStorage, Start, definition, played

# Ordinary play


def test_progress_is_kept_until_the_next_start(start: Start, tmp_path: Path) -> None:
    played(tmp_path / "new" / "folder", 10, 20)
    game = start(tmp_path / "new" / "folder")
    assert game.pending() == {10: HALF, 20: HALF}
    assert game.storage.error is None


def test_only_the_database_is_left_behind(tmp_path: Path) -> None:
    path = played(tmp_path, 10)
    assert list(tmp_path.iterdir()) == [path]
    with closing(sqlite3.connect(tmp_path / DATABASE)) as file:
        assert file.execute("SELECT count(*) FROM journal").fetchone() == (0,)


@POSIX_ONLY
def test_a_new_folder_is_private_to_the_user(tmp_path: Path) -> None:
    played(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_sets_are_committed_when_take_returns(start: Start, tmp_path: Path) -> None:
    game, other = start(tmp_path), start(tmp_path)
    for percent in range(1, 50):
        game.play(10, reach(percent, AT_US))
        assert other.pending() == {10: reach(percent, AT_US)}


def test_each_commit_is_synchronized_with_the_disk(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def recording(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(connect(*args, **kwargs))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", recording)
    start(tmp_path)
    (connection,) = connections
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: nothing less syncs the log each time"


def test_ok_is_reported_only_after_the_commit(tmp_path: Path) -> None:
    definitions = (CatalogueEntry(Achievement(1, 10, "Name", "What to do"), None, None),)
    with AchievementManager(1, achievements=Catalogue(1, definitions, "a test"), data_dir=tmp_path) as manager:
        seen: list[tuple[Result, dict[int, Progress]]] = []

        def look(result: Result) -> None:
            with closing(Database(tmp_path / DATABASE)) as on_disk:
                seen.append((result, on_disk.pending(Players(on_disk).of_owner(owners.LOCAL, b"").id)))

        for percent in (1, 50, 99):
            manager.set_user_achievement(10, percent, look)
            run_until(manager, lambda: seen)
            assert seen.pop() == (Result.OK, {10: Progress(percent, None)})


def test_setting_the_same_in_every_frame_writes_nothing(start: Start, tmp_path: Path) -> None:
    game, other = start(tmp_path), start(tmp_path)
    game.play(10)
    other.storage.database.changed_elsewhere()
    for _ in range(5):
        assert game.play(10).pending == HALF
        assert game.play(10, reach(20, AT_US)).pending == HALF
    assert not other.storage.database.changed_elsewhere()
    assert game.storage.journal is not None
    assert game.storage.journal.is_committed


def test_many_sets_are_taken_at_once(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    sets = {number: reach(number % 101, AT_US) for number in range(1, 4 * SLICE_ROWS)}
    taken = game.storage.take(game.player.id, sets, 1)
    assert {number: one.after.pending for number, one in taken.items()} == sets
    assert game.pending() == sets


# The write-ahead log


def test_the_log_is_empty_once_the_game_has_been_idle_for_a_moment(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    due_at = game.storage.tend(100.0)
    assert due_at is not None
    assert 100 < due_at < 101
    assert game.storage.tend(due_at) is None
    assert (tmp_path / "before" / f"{DATABASE}-wal").stat().st_size == 0
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "before" / DATABASE, tmp_path / "alone")
    assert start(tmp_path / "alone").pending() == {10: HALF}
    assert game.storage.tend(due_at) is None, "nothing is to be done until something changes"


# Definitions, and moving to a service


def test_the_catalogues_definitions_are_the_only_ones(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.storage.define(definition(number) for number in range(1, 3 * SLICE_ROWS))
    game.play(10)
    game.storage.define([definition(10, "New"), definition(1000)])
    assert game.storage.database.definition_ids().keys() == {10, 1000}
    texts = game.storage.database.texts(10)
    assert texts is not None
    assert texts[0] == b"New"
    assert game.pending() == {10: HALF}


def test_unchanged_definitions_are_not_written(start: Start, tmp_path: Path) -> None:
    game, other = start(tmp_path), start(tmp_path)
    game.storage.define([definition(10), definition(20)])
    other.storage.database.changed_elsewhere()
    game.storage.define([definition(10), definition(20)])
    assert not other.storage.database.changed_elsewhere()


def test_progress_of_local_mode_is_pending_for_the_first_service(start: Start, tmp_path: Path) -> None:
    played(tmp_path, 10)
    game = start(tmp_path)
    game.storage.use_service("https://one.example/api/v10")
    assert game.pending() == {10: HALF}


def test_progress_confirmed_by_one_service_is_pending_for_another(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.storage.define([definition(10)])
    game.storage.use_service("https://one.example/api/v10")
    game.play(10)
    game.apply(10, lambda state: reported(state, HALF, 5))
    game.storage.change(game.storage.remember_answer)
    assert game.pending() == {}

    game.storage.use_service("https://one.example/api/v10")
    assert (game.storage.answered, game.pending()) == (True, {})
    game.storage.use_service("https://two.example/api/v10")
    assert (game.storage.answered, game.pending()) == (False, {10: HALF})


def test_the_runs_of_running_games_are_known(start: Start, tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)
    third = DrivenStorage(tmp_path)
    third.storage.close()
    for game in (first, second):
        assert set(game.storage.other_runs()) == {first.storage.run, second.storage.run}
