"""Storage continues in memory while the database's file fails, and returns to the file once it works."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from discord_achievements.client.disk.database import Database
from discord_achievements.client.disk.journal import paths
from tests.support.disks import longest_file
from tests.support.storages import DATABASE, HALF, DrivenStorage, Start, definition, played

# A database that another process has locked


HOLD = """
import sqlite3, sys

database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
database.rollback()
database.close()
"""


class Holder:
    """Another program that locks the database until `release`."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"

    def release(self) -> None:
        self._process.communicate("\n", timeout=30)


def test_a_database_locked_during_play_loses_nothing(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.play(10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game.play(20)
        game.play(30)
        assert game.pending().keys() == {10, 20, 30}
        assert game.storage.error is not None
        assert "locked" in game.storage.error
        game.storage.close()
    finally:
        holder.release()
    again = start(tmp_path)
    assert again.storage.error is None
    assert again.pending().keys() == {10, 20, 30}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_lists_can_be_forgotten_on_a_full_disk(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.play(10)
    game.storage.change(lambda: game.storage.players.remember_list(game.player.id, '"etag"', "cursor"))
    due_at = game.storage.tend(0.0)
    assert due_at is not None
    game.storage.tend(due_at)
    with longest_file(0):
        game.storage.forget_lists()
    assert "cannot be written" in str(game.storage.error)
    assert game.pending() == {10: HALF}
    assert game.storage.players.get(game.player.id).etag is None


@pytest.mark.parametrize("is_new", [True, False])
def test_a_database_locked_at_the_start_loses_nothing(start: Start, tmp_path: Path, is_new: bool) -> None:
    if not is_new:
        played(tmp_path, 10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game = start(tmp_path)
        game.play(20)
        assert game.pending().keys() == ({20} if is_new else {10, 20})
        assert game.storage.error is not None
        assert "locked" in game.storage.error
        game.storage.close()
    finally:
        holder.release()
    again = start(tmp_path)
    assert again.storage.error is None
    assert again.pending().keys() == ({20} if is_new else {10, 20})


def test_a_database_locked_for_a_moment_is_waited_for(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    holder = Holder(tmp_path / DATABASE)
    taking = threading.Thread(target=game.play, args=(10,))
    taking.start()
    holder.release()
    taking.join(30)
    assert game.storage.error is None
    assert game.pending() == {10: HALF}


def test_a_cache_that_is_free_again_is_used_again(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.play(10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game.play(20)
        due_at = game.storage.tend(0.0)
        assert due_at is not None
        due_at = game.storage.tend(due_at)
        assert "locked" in str(game.storage.error)
    finally:
        holder.release()
    other = start(tmp_path)
    other.play(30)
    while game.storage.error is not None:
        assert due_at is not None
        assert due_at < 100
        due_at = game.storage.tend(due_at)
    game.play(40)
    assert game.pending() == other.pending() == dict.fromkeys((10, 20, 30, 40), HALF)
    assert game.storage.journal is not None
    assert game.storage.journal.is_committed


@pytest.mark.parametrize("is_new", [True, False])
def test_a_cache_that_was_held_at_the_start_is_used_once_it_is_free(start: Start, tmp_path: Path, is_new: bool) -> None:
    if not is_new:
        played(tmp_path, 10)
    holder = Holder(tmp_path / DATABASE)
    try:
        game = start(tmp_path)
        game.storage.define([definition(20)])
        game.storage.use_service("https://one.example/api/v10")
        game.play(20)
    finally:
        holder.release()
    due_at = game.storage.tend(0.0)
    assert due_at is not None
    game.storage.tend(due_at)
    assert game.storage.durable
    assert game.storage.error is None
    expected = {20: HALF} if is_new else {10: HALF, 20: HALF}
    game.storage.close()
    assert start(tmp_path).pending() == expected
    assert len(list(paths(tmp_path))) == 1


def test_what_is_kept_in_memory_is_stored_when_the_game_ends(start: Start, tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    game = DrivenStorage(tmp_path)
    game.play(10)
    (tmp_path / DATABASE).rmdir()
    game.storage.close()
    assert list(tmp_path.iterdir()) == [tmp_path / DATABASE]
    assert start(tmp_path).pending() == {10: HALF}


# A file that fails


class NoRoom(Database):
    """A database whose log cannot be moved into its file."""

    def settle(self) -> None:
        if self.path is not None:
            raise sqlite3.OperationalError("database or disk is full")


def test_a_log_that_cannot_be_emptied_is_one_more_failure_of_the_file(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.storage.database.close()
    game.storage.database = NoRoom(tmp_path / DATABASE)
    game.play(10)
    due_at = game.storage.tend(100.0)
    assert due_at is not None
    due_at = game.storage.tend(due_at)
    assert due_at is not None
    assert "full" in str(game.storage.error)
    game.storage.tend(due_at)
    assert game.storage.error is None
    assert game.pending() == {10: HALF}


class Unreadable(Database):
    """A database whose file can neither be written nor read, as on a disk that fails."""

    def transaction(self) -> AbstractContextManager[None]:
        if self.path is not None:
            raise sqlite3.OperationalError("disk I/O error")
        return super().transaction()

    def copy_to_memory(self) -> Database:
        raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_is_set_while_the_file_cannot_even_be_read_is_stored_later(
    start: Start, tmp_path: Path, is_gone: bool
) -> None:
    game = start(tmp_path)
    game.play(10)
    game.storage.database.close()
    path, elsewhere = tmp_path / DATABASE, tmp_path / "elsewhere"
    game.storage.database = Unreadable(path)
    if is_gone:
        path.rename(elsewhere)
        path.mkdir()
    game.play(20)
    assert game.pending() == ({20: HALF} if is_gone else {10: HALF, 20: HALF})
    if is_gone:
        path.rmdir()
        elsewhere.rename(path)
    due_at = game.storage.tend(100.0)
    assert due_at is not None
    game.storage.tend(due_at)
    assert game.storage.error is None
    assert game.pending() == {10: HALF, 20: HALF}
