"""A backup is restored after the player went on: with the commands, the real service and real games."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.databases import Postgres
from tests.support.playing import GameProcess
from tests.support.running import (
    PLAYER,
    SECURE,
    WIN,
    Client,
    RunningService,
    environment,
    mine_path,
    prepare,
    progress_path,
    running,
)
from tests.support.waiting import until

pytestmark = pytest.mark.any_python

HISTORY = "X-Achievements-History"


def command(*arguments: object, database: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a database."""
    return subprocess.run(
        [sys.executable, "-m", "discord_achievements", "database", *map(str, arguments), "--json"],
        check=False,
        env=environment(database=database),
        capture_output=True,
        text=True,
        timeout=60,
    )


def renewed(*arguments: object, database: str) -> str:
    """Run a command that begins a new history, and return its id."""
    done = command(*arguments, database=database)
    assert done.returncode == 0, done.stderr
    history: str = json.loads(done.stdout)["history"]
    return history


@pytest.fixture
def start() -> Iterator[Callable[..., GameProcess]]:
    with ExitStack() as stack:

        def start(service: RunningService, token: str, folder: Path) -> GameProcess:
            game = GameProcess(service.url, token, folder)
            stack.callback(game.close)
            return game

        yield start


def held(service: RunningService, token: str) -> dict[int, int]:
    """Return what the service has of the player above 0."""
    with Client(service.host, f"Bearer {token}") as player:
        listed = player.get(mine_path()).json()
    return {int(one["id"]): one["percent_complete"] for one in listed if one["percent_complete"]}


def test_a_running_service_on_sqlite(tmp_path: Path, start: Callable[..., GameProcess]) -> None:
    database, file = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3", tmp_path / "backup.sqlite3"
    tokens = prepare(database)
    with running(database, rate_limits="off") as service, Client(service.host, f"Bearer {tokens.player}") as player:
        game = start(service, tokens.player, tmp_path / "game")
        game.fetched()
        game.do("set", WIN, 25)
        assert game.next_report("result") == "OK"
        done = command("backup", file, database=database)
        assert (done.returncode, json.loads(done.stdout)) == (0, {"backup": str(file)})
        before = player.get(mine_path()).headers
        for percent in (40, 60):
            game.do("set", WIN, percent)
            assert game.next_report("result") == "OK"
        history = renewed("restore", file, "--yes", database=database)
        # The first request after the restore makes the process notice it: open streams make their games fetch the list.
        after = player.get(mine_path(), {"If-None-Match": "nothing"}).headers
        assert after[HISTORY] == history != before[HISTORY]
        until(lambda: held(service, tokens.player) == {WIN: 60}, "the game sends again what the backup lacks")
        until(lambda: game.fetched()[WIN][1::2] == [60, True], "and then it is synced")
        assert game.percents(WIN) == [25, 40, 60], "the player hears nothing of it"
    assert service.log == []


def test_a_list_with_the_revisions_of_the_backup_and_other_values_is_not_taken_for_it(tmp_path: Path) -> None:
    database, file = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3", tmp_path / "backup.sqlite3"
    tokens = prepare(database)
    with (
        running(database, rate_limits="off") as service,
        Client(service.host, f"Bearer {tokens.player}") as player,
        Client(service.host, f"Bot {tokens.bot}") as bot,
    ):
        assert command("backup", file, database=database).returncode == 0
        bot.put(progress_path(WIN, PLAYER), {"percent_complete": 60})
        etag = player.get(mine_path()).headers["ETag"]
        assert player.get(mine_path(), {"If-None-Match": etag}).status_code == 304
        renewed("restore", file, "--yes", database=database)
        bot.put(progress_path(WIN, PLAYER), {"percent_complete": 20})
        again = player.get(mine_path(), {"If-None-Match": etag})
        assert (again.status_code, again.json()[0]["percent_complete"]) == (200, 20)


def test_postgresql_with_its_own_tools(postgres: Postgres, tmp_path: Path, start: Callable[..., GameProcess]) -> None:
    database, file = postgres.new_database(), tmp_path / "achievements.dump"
    tokens = prepare(database)
    folder = tmp_path / "game"
    with running(database, rate_limits="off") as service:
        game = start(service, tokens.player, folder)
        game.fetched()
        game.do("set", WIN, 25)
        assert game.next_report("result") == "OK"
        postgres.tool("pg_dump", "--format=custom", f"--file={file}", f"--dbname={database}")
        for percent in (40, 60):
            game.do("set", WIN, percent)
            assert game.next_report("result") == "OK"
        with Client(service.host, f"Bot {tokens.bot}") as bot:
            assert bot.put(progress_path(SECURE, PLAYER), {"percent_complete": 100}).status_code == 200
        assert game.next_report("event")[:1]
    postgres.tool("pg_restore", "--clean", "--if-exists", "--single-transaction", f"--dbname={database}", str(file))
    history = renewed("renew-history", database=database)
    with (
        running(database, port=service.port, rate_limits="off") as again,
        Client(again.host, f"Bearer {tokens.player}") as player,
    ):
        assert player.get(mine_path()).headers[HISTORY] == history
        until(lambda: game.fetched()[WIN][1::2] == [60, True], "the game sends again what the backup lacks", 90)
        assert held(again, tokens.player) == {WIN: 60}
        assert game.fetched()[SECURE][1] == 0, "only the game's server can grant that again"


@pytest.mark.parametrize("arguments", [("backup", "new.dump"), ("restore", __file__, "--yes")])
def test_the_commands_for_sqlite_name_the_tools_of_postgresql(arguments: tuple[str, ...]) -> None:
    done = command(*arguments, database="postgresql://me:secret@localhost/achievements")
    assert (done.returncode, done.stdout) == (1, "")
    assert "use PostgreSQL's own tool: pg_" in done.stderr
    assert "secret" not in done.stderr


def test_a_restore_asks_first(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    prepare(database)
    assert command("backup", tmp_path / "backup", database=database).returncode == 0
    done = command("restore", tmp_path / "backup", database=database)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--yes" in done.stderr
