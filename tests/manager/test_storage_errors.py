"""Storage that fails, is damaged, or is full for a moment."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from discord_achievements import AchievementManager, ConfigurationError, Result
from discord_achievements.client.disk.journal import SLOTS
from tests.support.disks import longest_file
from tests.support.managers import APPLICATION_ID, OK, SECURE, WALK, WIN, GameLoop, Start, write_catalogue
from tests.support.service_games import LISTS_APART_S, ServiceAndGames, Tokens, eventually, wait_for_stream


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Callable[[Path], GameLoop]]:
    """Starts games without a service on a data folder, and closes them after the test."""
    games: list[GameLoop] = []

    def start(folder: Path) -> GameLoop:
        catalogue = write_catalogue(tmp_path)
        games.append(GameLoop(AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=folder)))
        return games[-1]

    yield start
    for game in games:
        game.manager.close()


Local = Callable[[Path], GameLoop]


def play(game: GameLoop) -> None:
    """Use the manager as a game does; none of it may depend on the disk."""
    assert game.fetch() is OK
    assert game.set(WALK, 40) is OK
    assert game.set(WIN, 100) is OK
    assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
    assert game.updates == [(WALK, 40), (WIN, 100)]


def test_without_a_folder_the_game_continues_in_memory(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "occupied").write_text("a file where the folder should be")
    game = start(data_dir=tmp_path / "occupied")
    assert game.fetch() is OK
    game.set(WALK, 40)
    game.set(WIN, 100)
    assert game.percents == {WALK: 40, WIN: 100, SECURE: 0}
    assert game.updates == [(WALK, 40), (WIN, 100)]
    game.manager.close()
    assert game.manager.storage_error is not None
    assert "occupied" in game.manager.storage_error
    assert "occupied" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]  # logged once
    assert (tmp_path / "occupied").read_text() == "a file where the folder should be"


def test_without_a_service_nothing_is_ok_until_it_can_be_stored(local: Local, tmp_path: Path) -> None:
    folder = tmp_path / "occupied"
    folder.write_text("a file where the folder should be")
    game = local(folder)
    assert game.set(WALK, 40) is Result.INTERNAL_ERROR
    assert not game.manager.flush(0)
    folder.unlink()
    assert game.manager.flush(30)
    assert game.manager.storage_error is None
    assert game.set(WIN, 100) is OK
    game.manager.close()
    again = local(folder)
    again.fetch()
    assert again.percents == {WALK: 40, WIN: 100, SECURE: 0}


def test_without_a_database_what_is_in_the_journal_is_ok(local: Local, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "achievements.sqlite3").mkdir(parents=True)
    for percent in (40, 50):
        game = local(folder)
        assert game.set(WALK, percent) is OK
        assert game.set(WIN, 100) is OK
        assert game.manager.storage_error is not None
        game.manager.close()
    again = local(folder)
    again.fetch()
    assert again.percents == {WALK: 50, WIN: 100, SECURE: 0}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_what_a_crash_left_before_a_full_disk_is_sent_once_there_is_room(world: ServiceAndGames) -> None:
    before = world.start(Tokens(OSError("the sign-in is down")), down=True)
    before.set(WALK, 40)
    left = shutil.copytree(world.folder / "data", world.folder / "left")
    before.manager.close()
    with longest_file(0):
        game = world.online(Tokens("ann-1"), data_dir=left)

    line = world.lines[-1]
    wait_for_stream(game, line)
    line.hold("GET", late=True)
    count = len(line.statuses)
    game.manager.fetch_user_achievements(game.results.append)
    eventually(lambda: len(line.statuses) == count + 1)  # a 304, which does not say whose the list is
    world.clock.advance(60.0)
    eventually(lambda: game.manager.storage_error is None)
    line.release()
    game.until(lambda: game.results)
    world.clock.advance(LISTS_APART_S)
    game.until(lambda: world.percents() == {WALK: 40})
    assert len(list(left.glob("journal-*"))) == 1


def test_an_idle_game_leaves_nothing_in_the_log(local: Local, tmp_path: Path) -> None:
    game = local(tmp_path / "data")
    assert game.set(WALK, 40) is OK
    log = tmp_path / "data" / "achievements.sqlite3-wal"
    eventually(lambda: not log.stat().st_size)


def test_a_damaged_file_is_set_aside_and_never_deleted(start: Start, tmp_path: Path) -> None:
    game = start()
    game.set(WALK, 10)
    game.manager.close()
    (database,) = (tmp_path / "data").glob("*.sqlite3")
    damaged = b"this is not a database, but it is this player's" * 100
    database.write_bytes(damaged)

    again = start()
    assert again.manager.storage_error is not None
    play(again)
    again.manager.close()
    assert damaged in [path.read_bytes() for path in (tmp_path / "data").iterdir()]

    third = start()  # everything is in order again
    assert third.manager.storage_error is None
    third.fetch()
    assert third.percents == {WALK: 40, WIN: 100, SECURE: 0}


def test_the_default_data_folder_is_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    catalogue = write_catalogue(tmp_path)
    with AchievementManager(APPLICATION_ID, achievements=catalogue) as manager:
        GameLoop(manager).set(WALK, 10)
    (folder,) = (tmp_path / "home").rglob(str(APPLICATION_ID))
    assert folder.parent.name == "discord_achievements"
    assert list(folder.iterdir())


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG folders are those of other systems")
def test_a_relative_xdg_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.chdir(tmp_path)
    AchievementManager(APPLICATION_ID, achievements=write_catalogue(tmp_path)).close()
    assert not (tmp_path / "relative").exists()
    assert list((tmp_path / "home").rglob(str(APPLICATION_ID)))


def test_a_relative_data_folder_is_that_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    catalogue = write_catalogue(tmp_path)
    monkeypatch.chdir(tmp_path)
    with AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir="data") as manager:
        monkeypatch.chdir(elsewhere)
        GameLoop(manager).set(WALK, 10)
        assert manager.data_dir == tmp_path / "data"
        assert manager.storage_error is None
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["achievements.sqlite3"]
    assert not list(elsewhere.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no working directory")
def test_a_relative_data_folder_in_a_removed_working_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    catalogue = write_catalogue(tmp_path)
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="data_dir: 'data' is relative"):
        AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir="data")
    AchievementManager(APPLICATION_ID, achievements=catalogue, data_dir=tmp_path / "data").close()


def test_a_set_that_finds_the_journal_full_is_logged_and_stored(
    world: ServiceAndGames, caplog: pytest.LogCaptureFixture
) -> None:
    line = world.line()
    line.hold()
    game = world.start(line=line)
    game.manager.run_callbacks()
    eventually(lambda: line.requests)  # the worker is busy, and stores nothing meanwhile
    ids = range(1, SLOTS + 3)
    for achievement_id in ids[:SLOTS]:
        game.manager.set_user_achievement(achievement_id, 50)
    assert game.manager.storage_error is None
    for achievement_id in ids[SLOTS:]:
        game.manager.set_user_achievement(achievement_id, 50)
    assert "journal is full" in str(game.manager.storage_error)
    line.transport.go_down()
    line.release()
    eventually(lambda: game.manager.storage_error is None)  # all of it is on disk now
    assert sum("journal is full" in message for message in caplog.messages) == 1
    game.manager.close()
    assert world.start(down=True).manager.pending_count == len(ids)
