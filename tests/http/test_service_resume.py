"""What a client gets that comes back: the events it has missed or a RESYNC, the changes in its list or the whole."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.models import Achievement
from discord_achievements.server.auth import mint
from discord_achievements.server.stores.base import Key, Raise, Reset, Store
from discord_achievements.server.web.app import open_store
from tests.support.running import (
    APP,
    SECRET,
    SECURE,
    WIN,
    Client,
    add_achievement,
    definitions_path,
    mine_path,
    prepare,
    progress_path,
    running,
)

MANY = range(10_000, 10_150)
MINUTE_US = 60_000_000
player_ids = itertools.count(1)


class Player(NamedTuple):
    """A player without any progress yet."""

    id: int
    token: str


class Service(NamedTuple):
    """A service whose store the tests also write to themselves, so that they choose the time of each change."""

    host: str
    bot: str
    store: Store

    def new_player(self) -> Player:
        player_id = next(player_ids)
        minted = mint(TokenKind.BEARER, APP, player_id, now_us())
        self.store.add_token(minted.token)
        return Player(player_id, minted.text)

    def change(self, player: Player, at_us: int, *changes: tuple[int, int | None]) -> None:
        """Write each (achievement, percent) at a time; None resets the record."""
        for achievement_id, percent in changes:
            key = Key(APP, player.id, achievement_id)
            self.store.write([Reset(key) if percent is None else Raise(key, percent, 0)], at_us)

    def first_event_since(self, player: Player, since_us: int) -> dict[str, str]:
        """Return the first event of a stream that resumes after `since_us`."""
        with (
            Client(self.host, f"Bearer {player.token}") as client,
            closing(client.events(mine_path(tail="/events"), str(since_us))) as stream,
        ):
            stream.next()  # the `retry` field
            event = stream.next()
            assert event is not None
            return event.fields


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    if request.param == "postgresql":
        database = str(request.getfixturevalue("postgres").new_database())
    else:
        database = f"sqlite:///{tmp_path_factory.mktemp('resume').as_posix()}/service.sqlite3"
    tokens = prepare(database)
    with closing(open_store(database)) as store, running(database, forked=True) as process:
        yield Service(process.host, tokens.bot, store)
        assert process.log == []


def now_us() -> int:
    return time.time_ns() // 1000


def test_a_stream_resumes_where_it_was(service: Service) -> None:
    me = service.new_player()
    with (
        Client(service.host, f"Bearer {me.token}") as player,
        Client(service.host, f"Bot {service.bot}") as bot,
    ):
        player.put(progress_path(WIN), {"percent_complete": 10})
        with closing(player.events(mine_path(tail="/events"), str(now_us() - 10 * MINUTE_US))) as stream:
            stream.next()
            seen = stream.next()
            assert seen is not None
        bot.put(progress_path(SECURE, me.id), {"percent_complete": 20})
        bot.put(progress_path(SECRET, me.id), {"percent_complete": 20})
        player.put(progress_path(WIN), {"percent_complete": 30})
        with closing(player.events(mine_path(tail="/events"), seen.fields["id"])) as stream:
            stream.next()
            missed = [stream.next() for _ in range(2)]
            assert [json.loads(event.fields["data"])["percent_complete"] for event in missed if event] == [20, 30]
            player.put(progress_path(WIN), {"percent_complete": 40})
            live = stream.next()
            assert live is not None
            assert json.loads(live.fields["data"])["percent_complete"] == 40


def test_a_change_dated_earlier_by_a_slower_clock_is_sent(service: Service) -> None:
    since_us = now_us() - 10 * MINUTE_US
    me, other = service.new_player(), service.new_player()
    service.change(me, since_us - MINUTE_US // 2, (WIN, 20))
    event = service.first_event_since(me, since_us)
    assert json.loads(event["data"])["percent_complete"] == 20
    service.change(other, since_us - 2 * MINUTE_US, (SECURE, 30))
    service.change(other, now_us(), (WIN, 40))
    event = service.first_event_since(other, since_us)
    assert json.loads(event["data"])["percent_complete"] == 40, "older than clocks may differ, so not sent again"


def test_a_client_that_missed_very_much_refetches_instead(service: Service) -> None:
    since_us = now_us() - 10 * MINUTE_US
    me = service.new_player()
    for achievement_id in MANY:
        add_achievement(service.store, Achievement(APP, achievement_id, "N", "D"))
    service.store.write([Raise(Key(APP, me.id, achievement_id), 10, 0) for achievement_id in MANY], since_us + 1)
    event = service.first_event_since(me, since_us)
    assert event["event"] == "RESYNC"
    assert abs(int(event["id"]) - now_us()) < MINUTE_US / 3, "with this id the client resumes without another one"


def test_an_unlocked_secret_that_was_reset_in_the_meantime_is_a_resync(service: Service) -> None:
    since_us = now_us() - 10 * MINUTE_US
    me = service.new_player()
    service.change(me, since_us - 2 * MINUTE_US, (SECRET, 100))
    service.change(me, since_us + 1, (WIN, 50), (SECRET, None))
    assert service.first_event_since(me, since_us)["event"] == "RESYNC"


def test_a_secret_that_stays_locked_causes_no_resync(service: Service) -> None:
    since_us = now_us() - 10 * MINUTE_US
    me = service.new_player()
    service.change(me, since_us + 1, (SECRET, 50))
    service.change(me, since_us + 2, (WIN, 50))
    event = service.first_event_since(me, since_us)
    assert json.loads(event["data"])["achievement_id"] == str(WIN)


def test_a_cursor_asks_for_what_has_changed_since(service: Service) -> None:
    me, other = service.new_player(), service.new_player()
    with Client(service.host, f"Bearer {me.token}") as player, Client(service.host, f"Bot {service.bot}") as bot:
        bot.put(progress_path(WIN, me.id), {"percent_complete": 7})
        whole = player.get(mine_path())
        cursor = whole.headers["X-Achievements-Cursor"]
        assert "X-Achievements-Since" not in whole.headers
        bot.put(progress_path(WIN, other.id), {"percent_complete": 50})
        bot.put(progress_path(SECRET, me.id), {"percent_complete": 50})
        bot.put(progress_path(WIN, me.id), {"percent_complete": 50})
        changed = player.get(mine_path(tail=f"?since={cursor}"))
        assert changed.headers["X-Achievements-Since"] == cursor
        assert [(entry["id"], entry["percent_complete"]) for entry in changed.json()] == [(str(WIN), 50)]
        known = {"If-None-Match": changed.headers["ETag"]}
        assert (
            player.get(mine_path(tail=f"?since={changed.headers['X-Achievements-Cursor']}"), known).status_code == 304
        )
        for since in ("", "x", f"{cursor}&since={cursor}", "9" * 500):
            again = player.get(mine_path(tail=f"?since={since}"))
            assert "X-Achievements-Since" not in again.headers
            assert len(again.json()) == len(whole.json())
        bot.call("PATCH", definitions_path(WIN), {"name": "Another name"})
        renamed = player.get(mine_path(tail=f"?since={cursor}"))
        assert "X-Achievements-Since" not in renamed.headers
        assert len(renamed.json()) == len(whole.json())
