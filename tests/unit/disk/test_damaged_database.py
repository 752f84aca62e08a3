"""A damaged database is set aside, and no byte of it is deleted."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from discord_achievements.client.disk.database import SCHEMA_VERSION
from discord_achievements.client.disk.pacing import SLICE_ROWS
from discord_achievements.client.worker.news import News
from discord_achievements.client.worker.session import Session
from discord_achievements.domain.models import Achievement
from tests.support.storages import DATABASE, DONE, HALF, POSIX_ONLY, Start, left_by_crash, played


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: b"this is no database, and never was one",
        lambda good: random.Random(1).randbytes(len(good)),
        lambda good: bytes(len(good)),
        lambda good: good[: len(good) // 2],
        lambda good: good[:1000],
        lambda good: good[:4096] + bytes(4096) + good[8192:],
        lambda good: good[:4096] + random.Random(2).randbytes(len(good) - 4096),
        lambda good: good[4096:] + good[:4096],
        lambda good: good.replace(b"pending_percent", b"pending_\xff\x00rcent"),
        lambda good: good.replace(b"pending_percent", b"pending_percens"),
    ],
    ids=["text", "garbage", "zeros", "half", "first_bytes", "zero_page", "garbage_pages", "turned", "schema", "column"],
)
def test_a_damaged_database_is_set_aside_and_a_new_one_created(
    start: Start, tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = played(tmp_path, *range(1, 200))
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    game = start(tmp_path)
    aside = tmp_path / f"{DATABASE}.corrupt-1"
    assert aside.read_bytes() == damaged
    assert game.storage.error is not None
    assert aside.name in game.storage.error
    assert caplog.messages == [game.storage.error]
    game.play(10, DONE)
    game.storage.close()

    again = start(tmp_path)
    assert again.storage.error is None
    assert again.pending() == {10: DONE}


def test_every_damaged_database_is_kept(start: Start, tmp_path: Path) -> None:
    for number in range(1, 4):
        (tmp_path / DATABASE).write_text(f"damaged {number}")
        start(tmp_path).storage.close()
    kept = {path.name: path.read_text() for path in tmp_path.glob("*corrupt*")}
    assert kept == {f"{DATABASE}.corrupt-{number}": f"damaged {number}" for number in range(1, 4)}


def test_the_journal_survives_a_damaged_database(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.write(10)
    folder = left_by_crash(game, tmp_path / "after")
    (folder / DATABASE).write_bytes(b"damaged")
    assert start(folder).pending() == {10: HALF}


@pytest.mark.parametrize("seed", range(60))
def test_with_any_damage_the_game_continues_and_no_byte_is_deleted(start: Start, tmp_path: Path, seed: int) -> None:
    path = played(tmp_path, *range(1, 200))
    rng = random.Random(seed)
    damaged = bytearray(path.read_bytes())
    offset, length = rng.randrange(len(damaged)), rng.choice((1, 1, 1, 16, 512))
    damaged[offset : offset + length] = rng.randbytes(len(damaged[offset : offset + length]))
    path.write_bytes(damaged)
    game = start(tmp_path)
    game.play(500, DONE)
    for columns in game.storage.database.columns(game.player.id, SLICE_ROWS):
        assert columns.ids
    assert game.pending()[500] == DONE
    if game.storage.error is not None and game.storage.durable:
        assert (tmp_path / f"{DATABASE}.corrupt-1").read_bytes() == damaged
    game.storage.close()
    assert start(tmp_path).pending()[500] == DONE


@pytest.mark.parametrize("side", ["-wal", "-shm"])
@pytest.mark.parametrize("seed", range(5))
def test_garbage_in_side_files_loses_nothing_of_the_database_file(
    start: Start, tmp_path: Path, side: str, seed: int
) -> None:
    played(tmp_path / "before", 10)
    game = start(tmp_path / "before")
    game.play(20)
    folder = left_by_crash(game, tmp_path / "after")
    file = folder / f"{DATABASE}{side}"
    rng = random.Random(seed)
    data = bytearray(file.read_bytes())
    begin = rng.randrange(len(data))
    data[begin:] = rng.randbytes(len(data) - begin)
    file.write_bytes(data)
    after = start(folder)
    assert after.pending()[10] == HALF
    assert after.play(30).pending == HALF


def test_a_database_of_a_later_version_is_neither_used_nor_changed(start: Start, tmp_path: Path) -> None:
    path = played(tmp_path, 10)
    for version in (SCHEMA_VERSION + 1, SCHEMA_VERSION):
        with closing(sqlite3.connect(path)) as file:
            file.execute(f"PRAGMA user_version = {version}")
        if version == SCHEMA_VERSION:
            break
        before = path.read_bytes()
        for number in (20, 30):
            game = start(tmp_path)
            assert game.storage.error is not None
            assert f"schema {version}" in game.storage.error
            game.play(number)
            game.storage.close()
        assert path.read_bytes() == before
    assert start(tmp_path).pending() == {10: HALF, 20: HALF, 30: HALF}


# Values that nobody stores


@pytest.mark.parametrize(
    "crafted",
    [
        "percent = 'x'",
        "percent = 101",
        "percent = -1",
        "pending_percent = 1000",
        "pending_percent = 0.5",
        "unlocked_at_us = 'x'",
        "pending_unlocked_at_us = 9223372036854775807",
        "pending_unlocked_at_us = -9223372036854775807",
        "revision = 'x'",
    ],
)
def test_a_database_with_impossible_progress_counts_as_damaged(start: Start, tmp_path: Path, crafted: str) -> None:
    path = played(tmp_path, 10)
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"UPDATE progress SET {crafted}")
        file.commit()
    game = start(tmp_path)
    assert "damaged" in str(game.storage.error)
    game.play(20)
    assert game.pending() == {20: HALF}


@POSIX_ONLY
def test_a_list_is_made_although_the_file_was_truncated(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path)
    game.storage.define(Achievement(1, id_, f"Name {id_}", "What to do " * 20) for id_ in range(10, 10 * 300, 10))
    due_at = game.storage.tend(0.0)
    assert due_at is not None
    game.storage.tend(due_at)
    file = tmp_path / DATABASE
    with closing(sqlite3.connect(file)) as other:  # after whose change nothing in SQLite's memory counts
        os.truncate(file, file.stat().st_size // 2)
        other.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    session = SimpleNamespace(player=game.storage.players.get(game.player.id))
    news = News(game.storage, cast(Session, session), lambda _: None, knows_users=False)
    news.first_list()
    assert "malformed" in str(game.storage.error)
    assert game.play(5).pending == HALF
