"""What becomes of the game's commands when one of them fails, and what the game hears of those that change nothing."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from discord_achievements import Achievement, Result, UserAchievement
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.database import Database
from discord_achievements.client.disk.players import Players
from discord_achievements.client.disk.storage import Storage
from discord_achievements.client.messages import Answered, Changed, Fetch, FetchAnswered, Set, SignIn
from discord_achievements.client.net.api import Api
from discord_achievements.client.net.event_stream import StreamFilled, StreamOpened
from discord_achievements.client.player_list import Row
from discord_achievements.client.state import State
from discord_achievements.client.token import TokenProvider, credentials, local_credentials
from discord_achievements.client.worker.conversation import Service
from discord_achievements.client.worker.engine import Engine
from discord_achievements.client.worker.schedule import Schedule
from discord_achievements.testing import FakeService, InProcessTransport, ManualClock
from discord_achievements.testing.inline import InlineCourier
from tests.support.waiting import until

APP = 461618159171141643
GOOD, BAD, OTHER = 10, 20, 30
ANN, BOB = 1, 2


class Mistake(Exception):
    """Something that nobody has foreseen."""


class StumblingDatabase(Database):
    """A database that fails on one achievement, and while `is_blind` on lists."""

    is_blind = False
    transactions = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.transactions += 1
        with super().transaction():
            yield

    def states(self, player_id: int, ids: Sequence[int] | None = None) -> dict[int, State]:
        if ids is not None and BAD in ids:
            raise Mistake
        return super().states(player_id, ids)

    def changed_elsewhere(self) -> bool:
        if self.is_blind:
            raise Mistake
        return super().changed_elsewhere()

    def rows(self, player_id: int) -> Iterator[list[Row]]:
        if self.is_blind:
            raise Mistake
        return super().rows(player_id)


class StumblingStorage(Storage):
    """A storage that fails on every player while `forbids_players`."""

    forbids_players = False

    @property
    def players(self) -> Players:
        if self.forbids_players:
            raise Mistake
        return super().players


class UnendingCourier(InlineCourier):
    """A courier whose end fails while `is_broken`."""

    is_broken = False

    def stop(self) -> None:
        if self.is_broken:
            raise Mistake
        super().stop()


class DrivenEngine:
    """An engine without a thread, driven as by a game: sets go to the journal first, and what it posts is kept."""

    def __init__(
        self, folder: Path, *, service: FakeService | None = None, token: str | TokenProvider | None = None
    ) -> None:
        self.heard: list[object] = []
        self._to_engine: list[object] = []
        self.undelivered = 0
        self.courier = UnendingCourier(self._to_engine.append)
        self.storage = StumblingStorage(folder)
        self.storage.define(Achievement(APP, id_, "Name", "What to do") for id_ in (GOOD, BAD, OTHER))
        path = self.storage.database.path
        self.storage.database.close()
        self.database = self.storage.database = StumblingDatabase(path)
        clock = ManualClock()
        self.credentials = local_credentials() if service is None else credentials(token)
        line = None
        self.line: InProcessTransport | None = None
        if service is not None:
            api = Api(APP, "https://achievements.invalid/api/v10", 10.0)
            self.line = InProcessTransport(service)
            line = Service(api, self.line, self.courier, Schedule(clock.now(), 10.0))
        self.engine = Engine(
            self.storage,
            clock,
            self.credentials,
            line,
            to_game=self.heard.append,
            undelivered=lambda: self.undelivered,
            to_worker=self.heard.append,
        )
        self._seq = 0

    def says(self, achievement_id: int, percent: int, *, news: bool = True) -> Set:
        """Return a set as the manager makes it; `news` tells that it is more than the game shows."""
        self._seq += 1
        own = UserAchievement(0, achievement_id, percent, "") if news else None
        if news and self.storage.journal is not None:
            assert self.storage.journal.write(self._seq, achievement_id, percent, self._seq, self.credentials.owner)
        return Set(self._seq, achievement_id, percent, self._seq, own)

    def asks(self) -> Fetch:
        self._seq += 1
        return Fetch(self._seq)

    def work(self) -> None:
        """Do what there is to do by now."""
        while self.engine.step() == 0.0 or self._to_engine:
            returned, self._to_engine[:] = self._to_engine[:], []
            self.engine.handle(returned)

    def hear_events(self) -> None:
        """Let the engine take in what the event stream has brought."""
        until(lambda: any(isinstance(one, StreamFilled) for one in self.heard), "an event has come")
        from_stream = [one for one in self.heard if isinstance(one, StreamOpened | StreamFilled)]
        self.heard[:] = [one for one in self.heard if one not in from_stream]
        self.engine.handle(from_stream)

    @property
    def answers(self) -> list[tuple[int, Result]]:
        return [(one.seq, one.result) for one in self.heard if isinstance(one, Answered | FetchAnswered)]

    @property
    def changes(self) -> list[tuple[int, int]]:
        changes = [one.achievement for one in self.heard if isinstance(one, Changed)]
        return [(one.achievement_id, one.percent_complete) for one in changes]


Start = Callable[..., DrivenEngine]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    games: list[DrivenEngine] = []

    def start(**options: object) -> DrivenEngine:
        games.append(DrivenEngine(tmp_path, **options))  # type: ignore[arg-type]
        return games[-1]

    yield start
    for game in games:
        game.engine.close()


@pytest.fixture
def service() -> FakeService:
    service = FakeService(APP)
    for achievement_id in (GOOD, OTHER):
        service.add_achievement(achievement_id)
    service.add_player("ann", ANN)
    service.add_player("bob", BOB)
    return service


def percents(folder: Path) -> dict[int, int]:
    """Return what the next start finds of what was done in local mode."""
    storage = Storage(folder)
    try:
        player = storage.change(lambda: storage.players.of_owner(owners.LOCAL, storage.run))
        return {id_: progress.percent for id_, progress in storage.database.pending(player.id).items()}
    finally:
        storage.close()


def test_a_set_that_cannot_be_stored_takes_no_other_command_with_it(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    game, ok = start(), Result.OK
    sets = [game.says(GOOD, 10), game.says(BAD, 20), game.says(OTHER, 30)]
    game.engine.handle([*sets, game.asks(), game.says(GOOD, 40)])
    assert game.answers == [(1, ok), (2, Result.INTERNAL_ERROR), (3, ok), (4, ok), (5, ok)]
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(BAD) in told.getMessage()
    assert told.exc_info is not None
    assert told.exc_info[0] is Mistake
    assert game.engine.status.stored_seq < 2, "not everything is on disk, and a flush must not say so"


def test_a_set_that_cannot_be_stored_is_there_after_the_next_start(start: Start, tmp_path: Path) -> None:
    game = start()
    game.engine.handle([game.says(BAD, 20), game.says(OTHER, 30)])
    game.engine.handle([game.says(OTHER, 40)])
    assert "stays in the journal" in str(game.storage.error)
    game.engine.close()
    assert percents(tmp_path) == {BAD: 20, OTHER: 40}
    assert percents(tmp_path) == {BAD: 20, OTHER: 40}


@pytest.mark.parametrize("command", ["a fetch", "no command"])
def test_what_stands_behind_a_command_that_fails_is_done(
    start: Start, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    game = start()
    game.database.is_blind = True
    failing: object = game.asks() if command == "a fetch" else "no such command"
    game.engine.handle([failing, game.says(GOOD, 10)])
    game.database.is_blind = False
    expected = [(1, Result.INTERNAL_ERROR), (2, Result.OK)] if command == "a fetch" else [(1, Result.OK)]
    assert game.answers == expected
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert game.engine.status.stored_seq == expected[-1][0]


def test_what_follows_a_sign_in_that_fails_waits_for_it(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    game.storage.forbids_players = True
    bob = credentials("bob")
    sign_in, ann_says = SignIn(bob), game.says(GOOD, 10)
    game.credentials = bob
    with pytest.raises(Mistake):
        game.engine.handle([ann_says, sign_in, game.says(OTHER, 30)])
    with pytest.raises(Mistake):
        game.engine.handle([game.says(OTHER, 40)])
    game.storage.forbids_players = False
    game.engine.handle([])
    game.work()
    assert {id_: progress.percent for id_, progress in service.progress(BOB).items()} == {OTHER: 40}
    assert service.progress(ANN) == {}
    game.engine.handle([SignIn(credentials("ann"))])
    game.work()
    assert {id_: progress.percent for id_, progress in service.progress(ANN).items()} == {GOOD: 10}


class Renewing:
    """A token object whose second token is another player's."""

    def get_token(self) -> str:
        return "ann"

    def refresh(self) -> str:
        return "bob"


def test_a_mistake_while_another_player_is_found_out_sends_them_nothing_of_the_first(
    start: Start, service: FakeService
) -> None:
    game = start(service=service, token=Renewing())
    game.work()
    service.revoke("ann")
    game.engine.handle([game.says(GOOD, 10)])
    game.database.is_blind = True
    with pytest.raises(Mistake):
        game.work()
    game.database.is_blind = False
    game.work()
    assert (service.progress(ANN), service.progress(BOB)) == ({}, {})
    assert game.answers == [(1, Result.NOT_AUTHENTICATED)]


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_what_the_game_has_said_before_is_answered_and_no_more(start: Start, percent: int) -> None:
    game = start()
    game.engine.handle([game.says(GOOD, 100)])
    del game.heard[:]
    for _ in range(3):
        game.engine.handle([game.says(GOOD, percent, news=False)])
    assert len(game.heard) == len(game.answers) == 3


def test_what_another_process_has_reached_is_told(start: Start) -> None:
    one, other = start(), start()
    other.engine.handle([other.says(GOOD, 80)])
    one.engine.handle([one.says(GOOD, 50)])
    assert one.changes == [(GOOD, 80)]


def test_what_the_game_takes_for_nothing_new_is_told_if_it_is(start: Start) -> None:
    game = start()
    game.engine.handle([game.says(GOOD, 20, news=False)])  # said while it still showed another player's list
    assert game.changes == [(GOOD, 20)]


def test_a_set_that_is_news_costs_one_transaction_out_and_one_back(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    game.engine.handle([game.says(OTHER, 10)])
    game.work()
    game.hear_events()
    game.work()

    before = game.database.transactions
    game.engine.handle([game.says(GOOD, 10)])
    assert game.database.transactions == before + 1
    game.work()
    assert service.progress(ANN)[GOOD].percent == 10
    assert game.database.transactions == before + 2
    game.hear_events()
    game.work()
    assert game.database.transactions == before + 2, "the echo of our own update changes nothing"


def test_events_wait_while_the_game_takes_nothing_in(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    game.undelivered = 10_000
    service.grant(ANN, GOOD, 50)
    until(lambda: any(isinstance(one, StreamFilled) for one in game.heard), "an event has come")
    game.hear_events()
    assert game.changes == []
    wait_s = game.engine.step()
    assert wait_s is not None
    assert 0 < wait_s < 1, "the worker looks again soon"
    game.undelivered = 0
    game.engine.handle([])
    assert game.changes == [(GOOD, 50)]


def test_of_the_events_that_are_taken_together_the_newest_counts(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    del game.heard[:]
    game.undelivered = 10_000
    for percent in (10, 20, 30):
        service.grant(ANN, GOOD, percent)
    service.grant(ANN, OTHER, 40)
    reader = game.engine.stream_reader
    assert reader is not None
    until(lambda: game.line is not None and game.line.is_drained, "all events have come")
    game.hear_events()
    before = game.database.transactions
    game.undelivered = 0
    game.engine.handle([])
    assert game.changes == [(GOOD, 30), (OTHER, 40)]
    assert game.database.transactions == before + 1


def test_the_files_are_closed_even_if_a_thread_does_not_end(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.courier.is_broken = True
    with pytest.raises(Mistake):
        game.engine.close()
    game.courier.is_broken = False
    with pytest.raises(sqlite3.ProgrammingError):
        game.database.execute("SELECT 1")
