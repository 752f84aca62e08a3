"""Paths that are too long for SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from discord_achievements.client.disk.journal import paths
from tests.support.storages import DATABASE, HALF, POSIX_ONLY, Start, definition, left_by_crash, played


def long_folder(tmp_path: Path, length: int) -> Path:
    """Return a folder in which the cache's path has that many bytes."""
    rest = length - len(str(tmp_path)) - len(f"/{DATABASE}")
    names = []
    while rest > 0:
        names.append("x" * (min(rest, 101) - 1 if rest != 102 else 50))
        rest -= len(names[-1]) + 1
    folder = tmp_path.joinpath(*names)
    assert len(str(folder / DATABASE)) == length
    return folder


@POSIX_ONLY
@pytest.mark.parametrize("length", [495, *range(500, 516, 3), 600, 2000])
def test_a_path_of_any_length_works(start: Start, tmp_path: Path, length: int) -> None:
    folder = long_folder(tmp_path, length)
    game = start(folder)
    game.storage.define([definition(10)])
    game.play(10)
    game.write(20)
    other = start(folder)
    other.play(30)
    game.storage.database.changed_elsewhere()
    assert game.pending().keys() == {10, 30}
    moved = left_by_crash(game, tmp_path / "short")
    assert start(moved).pending().keys() == {10, 20, 30}
    for one in (game, other):
        one.storage.close()
    again = start(folder)
    assert again.storage.error is None
    assert again.pending().keys() == {10, 20, 30}
    assert again.storage.database.definition_count() == 1
    again.storage.close()
    assert not list(paths(folder))


@POSIX_ONLY
def test_a_folder_that_a_crash_left_can_move_to_a_long_path_and_back(start: Start, tmp_path: Path) -> None:
    game = start(tmp_path / "before")
    game.play(10)
    assert (tmp_path / "before" / f"{DATABASE}-wal").stat().st_size
    long = long_folder(tmp_path, 700)
    long.parent.mkdir(parents=True)
    left_by_crash(game, long)
    there = start(long)
    there.play(20)
    assert there.pending() == {10: HALF, 20: HALF}
    back = start(left_by_crash(there, tmp_path / "back"))
    assert back.storage.error is None
    assert back.pending() == {10: HALF, 20: HALF}


@POSIX_ONLY
def test_a_damaged_file_at_a_long_path_is_set_aside(start: Start, tmp_path: Path) -> None:
    long = long_folder(tmp_path, 700)
    path = played(long, 10)
    path.write_bytes(b"nonsense" * 1000)
    game = start(long)
    assert "damaged" in str(game.storage.error)
    assert game.storage.durable
    game.play(20)
    assert (long / f"{DATABASE}.corrupt-1").read_bytes() == b"nonsense" * 1000
