"""Confirmed updates are kept through SIGKILL, through a restart of PostgreSQL, and with many clients at once."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import NamedTuple

import pytest

from discord_achievements.domain.models import ACHIEVEMENTS_MAX, Achievement
from discord_achievements.server.stores.base import Held
from discord_achievements.server.web.app import open_store
from tests.support.databases import Postgres
from tests.support.running import (
    APP,
    PLAYER,
    WIN,
    Client,
    ForkedService,
    Tokens,
    add_achievement,
    definitions_path,
    mine_path,
    prepare,
    progress_path,
    running,
)
from tests.support.waiting import until

pytestmark = pytest.mark.any_python

CONNECTIONS = 32
KILLS = 20


class Answered(NamedTuple):
    """One record: the last percent that was confirmed, and the highest that was sent."""

    confirmed: int
    sent: int


class Load:
    """32 connections, each raising its own records step by step until `stop`.

    After a restart each continues where it was, so that a percent that was lost or lowered is noticed.
    """

    def __init__(self, bot_token: str) -> None:
        self._headers = {"Authorization": f"Bot {bot_token}", "Content-Type": "application/json"}
        self.port = 0
        self.statuses: set[int] = set()
        self.retry_after: set[str | None] = set()
        self.answered: dict[int, Answered] = {}
        self.successes = 0
        self._serving = threading.Event()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(user,)) for user in range(1, CONNECTIONS + 1)]

    def start(self, port: int) -> None:
        self.port = port
        self._serving.set()
        for thread in self._threads:
            thread.start()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Have connections that break in this block wait for its end, instead of competing with the next service."""
        self._serving.clear()
        yield
        self._serving.set()

    def stop(self) -> None:
        self._stopping.set()
        self._serving.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a connection hangs"

    def _run(self, user: int) -> None:
        step, confirmed, sent = 0, 0, 0
        connection: http.client.HTTPConnection | None = None
        while not self._stopping.is_set():
            achievement, percent = 10_000 + step // 100, step % 100 + 1
            if percent == 1:
                confirmed = 0
            sent = percent
            self.answered[user * 1000 + step // 100] = Answered(confirmed, sent)
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                body = json.dumps({"percent_complete": percent})
                path = f"/api/v10{progress_path(achievement, 100_000 + user)}"
                connection.request("PUT", path, body, self._headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                self._serving.wait(60)
                self._stopping.wait(0.02)
                continue
            self.statuses.add(answer.status)
            if answer.status != 200:
                self.retry_after.add(answer.headers["Retry-After"])
                self._stopping.wait(0.02)
                continue
            confirmed = percent
            self.answered[user * 1000 + step // 100] = Answered(confirmed, sent)
            self.successes += 1
            step = min(step + 1, 100 * 100 - 1)
        if connection is not None:
            connection.close()

    def check(self, records: Callable[[int], dict[int, Held]]) -> None:
        """Compare the confirmed updates with the store's records."""
        for user in range(1, CONNECTIONS + 1):
            held = records(100_000 + user)
            mine = {key % 1000: said for key, said in self.answered.items() if key // 1000 == user}
            assert set(held) <= {10_000 + number for number in mine}, "only what was sent"
            for number, said in mine.items():
                if not said.confirmed and 10_000 + number not in held:
                    continue
                record = held[10_000 + number]
                assert said.confirmed <= record.progress.percent <= said.sent
                assert record.revision == record.progress.percent, "each step was applied once"


def prepared(database: str) -> Tokens:
    tokens = prepare(database)
    with closing(open_store(database)) as store:
        for number in range(100):
            add_achievement(store, Achievement(APP, 10_000 + number, "Name", "Description"))
    return tokens


def test_sigkill_under_load_loses_nothing_that_was_answered(make_database: Callable[[], str]) -> None:
    database = make_database()
    load = Load(prepared(database).bot)
    service = ForkedService(database)
    load.start(service.port)
    try:
        for _ in range(KILLS):
            before = load.successes
            until(lambda before=before: load.successes > before + CONNECTIONS, "it is under load")  # type: ignore[misc]
            with load.outage():
                service.kill()
                service = ForkedService(database, port=service.port)
    finally:
        load.stop()
        service.stop()
    assert load.statuses == {200}
    with closing(open_store(database)) as store:
        load.check(lambda user: store.records(APP, user))


def test_a_restart_of_postgres_under_load_is_503_and_then_service(postgres: Postgres) -> None:
    database = postgres.new_database()
    load = Load(prepared(database).bot)
    with running(database, forked=True, log_level="error") as service, Client(service.host) as public:
        load.start(service.port)
        try:
            for _ in range(2):
                before = load.successes
                until(lambda before=before: load.successes > before + CONNECTIONS, "it is under load")  # type: ignore[misc]
                postgres.restart()
            before = load.successes
            until(lambda: load.successes > before + 3 * CONNECTIONS, "the service continues")
            until(lambda: public.site("/ready").status_code == 200, "it says so")
        finally:
            load.stop()
        assert load.statuses == {200, 503}
        assert load.retry_after == {"1"}
        assert service.log == [], "an outage is no error of the service"
    with closing(open_store(database)) as store:
        load.check(lambda user: store.records(APP, user))


def test_many_updates_of_one_record_end_at_the_maximum_with_one_unlock(make_database: Callable[[], str]) -> None:
    database = make_database()
    tokens = prepare(database)
    with running(database, forked=True) as service:

        def update(number: int) -> dict[str, object]:
            with Client(service.host, f"Bearer {tokens.player}") as player:
                answers = [
                    player.put(progress_path(WIN), {"percent_complete": percent}).json()
                    for percent in (number, 100 if number % 2 else 99, 100, 3)
                ]
            return answers[-1]  # type: ignore[no-any-return]

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            answers = list(threads.map(update, range(CONNECTIONS)))
        assert {(answer["percent_complete"], answer["unlocked_at"]) for answer in answers} == {
            (100, answers[0]["unlocked_at"])
        }
        with Client(service.host, f"Bearer {tokens.player}") as player:
            (record,) = player.get(mine_path(tail="?started=true")).json()
        assert record["unlocked_at"] == answers[0]["unlocked_at"]


def test_no_more_than_1000_achievements_by_http(make_database: Callable[[], str]) -> None:
    database = make_database()
    tokens = prepare(database)
    with closing(open_store(database)) as store:
        for number in range(ACHIEVEMENTS_MAX - 4 - 5):
            add_achievement(store, Achievement(APP, 10_000 + number, "Name", "Description"))
    with running(database, forked=True) as service:

        def create(_: int) -> tuple[int, int]:
            with Client(service.host, f"Bot {tokens.bot}") as bot:
                answer = bot.call("POST", definitions_path(), {"name": "N", "description": "D"})
                return answer.status_code, answer.json().get("code", 0)

        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(create, range(12)))
        assert sorted(answers) == [(201, 0)] * 5 + [(400, 990002)] * 7
        with Client(service.host, f"Bot {tokens.bot}") as bot:
            assert len(bot.get(definitions_path()).json()) == ACHIEVEMENTS_MAX


@pytest.mark.parametrize("write_batch_max", ["500", "1"])
def test_one_record_has_one_player(make_database: Callable[[], str], write_batch_max: str) -> None:
    """Many updates share a commit, and each gets its own answer."""
    database = make_database()
    tokens = prepare(database)
    with running(database, forked=True, write_batch_max=write_batch_max) as service:

        def update(user: int) -> bool:
            with Client(service.host, f"Bot {tokens.bot}") as bot:
                for percent in range(user % 7, 100, 13):
                    bot.put(progress_path(WIN, PLAYER + 1000 + user), {"percent_complete": percent}).raise_for_status()
                path = f"/users/{PLAYER + 1000 + user}/applications/{APP}/achievements?started=true"
                records = bot.get(path).json()
            return [record["percent_complete"] for record in records] == [max(range(user % 7, 100, 13))]

        began = time.monotonic()
        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(update, range(32)))
        assert time.monotonic() - began < 60
