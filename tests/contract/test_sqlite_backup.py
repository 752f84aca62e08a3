"""Backup and restore of a SQLite database that services have open."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.errors import DiscordAchievementsError
from discord_achievements.domain.models import Achievement
from discord_achievements.server.stores.base import Application, Key, Raise, Token
from discord_achievements.server.stores.sqlite import SqliteStore
from discord_achievements.server.stores.sqlite_backup import back_up, restore
from tests.support.waiting import until

APP, AT_US = 461618159171141643, 1_700_000_000_000_000
KEY = Key(APP, 5, 9)


class Database:
    """A database that a service has open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(str(path))
        self.store.add_application(
            Application(APP, "A Game", AT_US), Token("b" * 12, b"\x00" * 32, TokenKind.BOT, APP, None, AT_US, None)
        )
        self.store.add_achievement(Achievement(APP, 9, "Name", "Description", icon_hash="1" * 32), None)

    def reach(self, percent: int) -> None:
        self.store.write([Raise(KEY, percent, 0)], AT_US)

    @property
    def percent(self) -> int:
        return self.store.records(APP, 5)[9].progress.percent


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "service.sqlite3")
    made.reach(10)
    yield made
    made.store.close()


def test_an_open_database_continues_with_what_was_restored_under_a_new_history(
    tmp_path: Path, database: Database
) -> None:
    file = tmp_path / "elsewhere" / "backup.sqlite3"
    back_up(database.path, file)
    database.reach(60)
    history, generation = database.store.history(), database.store.generation()
    renewed = restore(file, database.path)
    assert (database.percent, database.store.history()) == (10, renewed)
    assert renewed != history
    until(lambda: database.store.generation() != generation, "what was read before the restore is read again")
    database.store.ping()
    database.reach(70)
    with closing(SqliteStore(str(database.path))) as another:
        assert another.records(APP, 5)[9].progress.percent == 70
    assert {path.name for path in tmp_path.iterdir()} == {
        "elsewhere", *(f"service.sqlite3{suffix}" for suffix in ("", "-wal", "-shm")),
    }  # fmt: skip
    assert [path.name for path in file.parent.iterdir()] == ["backup.sqlite3"]
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_generation_differs_even_if_the_backup_has_the_same_one(tmp_path: Path, database: Database) -> None:
    back_up(database.path, tmp_path / "backup")
    for _ in range(3):
        before = database.store.generation()
        restore(tmp_path / "backup", database.path)
        until(lambda before=before: database.store.generation() != before, "another generation")  # type: ignore[misc]


def test_a_backup_replaces_nothing(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "backup"
    file.write_text("dear to somebody")
    with pytest.raises(DiscordAchievementsError, match="exists; choose"):
        back_up(database.path, file)
    assert file.read_text() == "dear to somebody"


def test_there_is_no_backup_of_what_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DiscordAchievementsError, match=r"there is no file .*service\.sqlite3"):
        back_up(tmp_path / "service.sqlite3", tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def foreign(path: Path, _: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE anything (x)")


def newer(path: Path, backup: Path) -> None:
    path.write_bytes(backup.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")


def damaged(path: Path, backup: Path) -> None:
    content = bytearray(backup.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 200] = bytes(200)
    path.write_bytes(content)


UNUSABLE: dict[str, Callable[[Path, Path], object]] = {
    "missing": lambda path, _: path.unlink(missing_ok=True),
    "empty": lambda path, _: path.write_bytes(b""),
    "no database": lambda path, _: path.write_bytes(b"something else" * 500),
    "cut off": lambda path, backup: path.write_bytes(backup.read_bytes()[:9000]),
    "damaged": damaged,
    "another program's": foreign,
    "a newer version's": newer,
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_used_is_not_restored(tmp_path: Path, database: Database, kind: str) -> None:
    back_up(database.path, tmp_path / "backup")
    UNUSABLE[kind](tmp_path / "unusable", tmp_path / "backup")
    history = database.store.history()
    with pytest.raises(DiscordAchievementsError):
        restore(tmp_path / "unusable", database.path)
    database.reach(20)
    assert (database.percent, database.store.history()) == (20, history)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", ["missing", "empty", "no database", "cut off", "damaged", "another program's"])
def test_a_backup_takes_the_place_of_a_database_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    made = Database(tmp_path / "service.sqlite3")
    made.reach(10)
    history = made.store.history()
    back_up(made.path, tmp_path / "backup")
    made.reach(60)
    made.store.close()
    made.path.unlink()
    UNUSABLE[kind](made.path, tmp_path / "backup")
    made.path.with_name("service.sqlite3-wal").write_bytes(b"of another file")
    assert restore(tmp_path / "backup", made.path) != history
    with closing(SqliteStore(str(made.path))) as store:
        assert store.records(APP, 5)[9].progress.percent == 10
