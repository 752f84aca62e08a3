"""What the service answers and logs while its database is missing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.databases import Postgres, by_line
from tests.support.running import APP, PLAYER, WIN, Client, RunningService, prepare, progress_path, running
from tests.support.waiting import until

pytestmark = pytest.mark.any_python

FOR_S = 3.0


@contextmanager
def asked(service: RunningService, bot_token: str) -> Iterator[Callable[[], set[int]]]:
    """Give a function that returns the statuses of an update, a list and /ready."""
    with Client(service.host, f"Bot {bot_token}") as bot:

        def ask() -> set[int]:
            return {
                bot.put(progress_path(WIN, PLAYER), {"percent_complete": 10}).status_code,
                bot.get(f"/users/{PLAYER}/applications/{APP}/achievements").status_code,
                bot.site("/ready").status_code,
            }

        yield ask


def log_messages(service: RunningService) -> list[str]:
    """Return the log's messages."""
    return [json.loads(line)["message"] for line in service.log]


def assert_a_line_a_second(
    service: RunningService, ask: Callable[[], set[int]], *, is_sqlite: bool = False
) -> list[str]:
    """Ask as fast as possible while the database is missing; return the log's messages."""
    until(lambda: ask() == {503}, "every request is refused")
    until(lambda: any("not listening" in line for line in log_messages(service)) or is_sqlite, "the listeners notice")
    before, count, began = len(service.log), 0, time.monotonic()
    while time.monotonic() - began < FOR_S:
        assert ask() == {503}
        count += 3
    lines = log_messages(service)[before:]
    assert 1 <= len(lines) <= FOR_S + 1, (count, lines)
    assert count > len(lines)
    return lines


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody remove an open database")
@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
def test_a_sqlite_file_that_is_gone(tmp_path: Path, is_replaced: bool) -> None:
    path = tmp_path / "service.sqlite3"
    database = f"sqlite:///{path.as_posix()}"
    tokens = prepare(database)
    content = path.read_bytes()
    with running(database, rate_limits="off") as service, asked(service, tokens.bot) as ask:
        assert ask() == {200}
        path.unlink()
        if is_replaced:
            path.write_bytes(content)
        lines = assert_a_line_a_second(service, ask, is_sqlite=True)
        assert all("was deleted or replaced" in line and path.name in line for line in lines)
    if is_replaced:
        with running(database, rate_limits="off") as service, asked(service, tokens.bot) as ask:
            assert ask() == {200}, "a restart opens the new file"


def test_postgresql_that_is_gone(postgres: Postgres) -> None:
    database = postgres.new_database()
    tokens = prepare(database)
    with (
        closing(postgres.line()) as line,
        running(by_line(database, line), rate_limits="off") as service,
        asked(service, tokens.bot) as ask,
    ):
        assert ask() == {200}
        line.close()
        lines = assert_a_line_a_second(service, ask)
        assert all("the database is unavailable" in line for line in lines)
