"""Files that other programs replace, delete or restore while the game runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from discord_achievements.client.disk.database import SCHEMA_VERSION
from discord_achievements.client.disk.journal import paths
from tests.support.storages import DATABASE, DONE, HALF, POSIX_ONLY, DrivenStorage, Start, left_by_crash, played


def exchanged(path: Path, by: Path) -> None:
    """Put a copy in the file's place, as a program that synchronises folders does."""
    copy = path.with_name(f"{path.name}.part")
    shutil.copy(by, copy)
    copy.replace(path)


def file_replaced(folder: Path, older: Path) -> None:
    exchanged(folder / DATABASE, older / DATABASE)


def files_replaced(folder: Path, older: Path) -> None:
    for side in ("-wal", "-shm"):
        (folder / f"{DATABASE}{side}").unlink()
    exchanged(folder / DATABASE, older / DATABASE)


def file_replaced_by_nonsense(folder: Path, _: Path) -> None:
    (folder / "nonsense").write_bytes(b"nonsense" * 999)
    exchanged(folder / DATABASE, folder / "nonsense")


def file_deleted(folder: Path, _: Path) -> None:
    (folder / DATABASE).unlink()


def file_truncated(folder: Path, _: Path) -> None:
    os.truncate(folder / DATABASE, 0)


def file_truncated_to_a_page(folder: Path, _: Path) -> None:
    os.truncate(folder / DATABASE, 4096)


def log_deleted(folder: Path, _: Path) -> None:
    (folder / f"{DATABASE}-wal").unlink()


def side_files_deleted(folder: Path, _: Path) -> None:
    for side in ("-wal", "-shm"):
        (folder / f"{DATABASE}{side}").unlink()


def folder_deleted(folder: Path, _: Path) -> None:
    shutil.rmtree(folder)


def folder_renamed(folder: Path, _: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def folder_restored(folder: Path, older: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    shutil.copytree(older, folder)


def journals_deleted(folder: Path, _: Path) -> None:
    for path in paths(folder):
        path.unlink()


REPLACED = [
    file_replaced,
    files_replaced,
    file_replaced_by_nonsense,
    file_deleted,
    file_truncated,
    file_truncated_to_a_page,
    log_deleted,
    side_files_deleted,
    folder_deleted,
    folder_renamed,
    folder_restored,
]


@POSIX_ONLY
@pytest.mark.parametrize("is_killed", [True, False])
@pytest.mark.parametrize("replace", [*REPLACED, journals_deleted], ids=lambda replace: replace.__name__)
def test_what_is_set_after_files_were_replaced_is_in_the_files_that_are_there_then(
    start: Start, tmp_path: Path, replace: Callable[[Path, Path], None], is_killed: bool
) -> None:
    folder, older = tmp_path / "data", tmp_path / "older"
    played(folder, 10)
    shutil.copytree(folder, older)
    game = start(folder)
    game.play(20)
    replace(folder, older)
    game.play(30)
    game.play(40)
    if replace is not journals_deleted:
        assert "another program" in str(game.storage.error)
    if is_killed:
        folder = left_by_crash(game, tmp_path / "after")
    else:
        game.storage.close()
    again = start(folder)
    assert again.storage.error is None
    assert again.pending() == dict.fromkeys((10, 20, 30, 40), HALF)
    again.storage.close()
    assert not list(paths(folder))


@POSIX_ONLY
@pytest.mark.parametrize("replace", REPLACED, ids=lambda replace: replace.__name__)
def test_a_game_that_ends_after_files_were_replaced_takes_its_progress_along(
    start: Start, tmp_path: Path, replace: Callable[[Path, Path], None]
) -> None:
    folder, older = tmp_path / "data", tmp_path / "older"
    played(folder, 10)
    shutil.copytree(folder, older)
    game = start(folder)
    game.play(20)
    replace(folder, older)
    game.storage.close()
    again = start(folder)
    assert again.storage.error is None
    assert again.pending() == {10: HALF, 20: HALF}


@POSIX_ONLY
@pytest.mark.parametrize("is_changed_too", [False, True])
@pytest.mark.parametrize("pages", range(1, 10))
def test_a_file_that_is_truncated_after_its_log_was_emptied_is_noticed(
    start: Start, tmp_path: Path, pages: int, is_changed_too: bool
) -> None:
    """Emptying the log makes the file longer, and what is left may be longer than it was before.

    If the file is changed too, nothing that SQLite has in memory counts.
    """
    game = start(tmp_path / "data")
    for id_ in range(10, 10 * 300, 10):
        game.play(id_)
    due_at = game.storage.tend(0.0)
    assert due_at is not None
    assert game.storage.tend(due_at) is None
    file = tmp_path / "data" / DATABASE
    assert file.stat().st_size > pages * 4096
    with closing(sqlite3.connect(file)) as other:
        os.truncate(file, pages * 4096)
        if is_changed_too:
            with suppress(sqlite3.DatabaseError):
                other.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    game.play(5)
    game.storage.close()
    again = start(tmp_path / "data")
    assert again.pending()[5] == HALF


@POSIX_ONLY
def test_a_deleted_journal_is_created_again_at_once(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.play(10)
    journals_deleted(tmp_path, tmp_path)
    game.play(20)
    game.write(30)
    assert start(left_by_crash(game, tmp_path / "after")).pending().keys() == {10, 20, 30}


@POSIX_ONLY
def test_two_copies_that_have_gone_different_ways_are_united(start: Start, tmp_path: Path) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    played(folder, 10)
    shutil.copytree(folder, other)
    elsewhere = DrivenStorage(other)
    elsewhere.play(20)
    elsewhere.storage.close()
    game = start(folder)
    game.play(30)
    exchanged(folder / DATABASE, other / DATABASE)
    game.play(40, DONE)
    assert game.pending() == {10: HALF, 20: HALF, 30: HALF, 40: DONE}
