"""How the game's commands are carried out if one of them fails, and which answers those that change nothing get."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from discord_achievements import Achievement, Result, UserAchievement
from discord_achievements.client.columns import Columns
from discord_achievements.client.disk import owner as owners
from discord_achievements.client.disk.database import Database
from discord_achievements.client.disk.players import Players
from discord_achievements.client.disk.storage import Storage
from discord_achievements.client.messages import Answered, Changed, Fetch, FetchAnswered, Set, SignIn
from discord_achievements.client.net.api import Api
from discord_achievements.client.net.event_stream import StreamFilled, StreamOpened
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


class UnforeseenError(Exception):
    """An error that the engine does not expect."""


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
            raise UnforeseenError
        return super().states(player_id, ids)

    def changed_elsewhere(self) -> bool:
        if self.is_blind:
            raise UnforeseenError
        return super().changed_elsewhere()

    def columns(self, player_id: int, rows_at_a_time: int) -> Iterator[Columns]:
        if self.is_blind:
            raise UnforeseenError
        return super().columns(player_id, rows_at_a_time)


class StumblingStorage(Storage):
    """A storage that fails on every player while `forbids_players`."""

    forbids_players = False

    @property
    def players(self) -> Players:
        if self.forbids_players:
            raise UnforeseenError
        return super().players


class UnendingCourier(InlineCourier):
    """A courier whose end fails while `is_broken`."""

    is_broken = False

    def stop(self) -> None:
        if self.is_broken:
            raise UnforeseenError
        super().stop()


class DrivenEngine:
    """An engine without a thread, driven as by a game: sets go to the journal first, and what it posts is kept."""

    def __init__(
        self, folder: Path, *, service: FakeService | None = None, token: str | TokenProvider | None = None
    ) -> None:
        self.posted: list[object] = []
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
            to_game=self.posted.append,
            undelivered=lambda: self.undelivered,
            to_worker=self.posted.append,
        )
        self._seq = 0

    def set(self, achievement_id: int, percent: int, *, news: bool = True) -> Set:
        """Return a set as the manager makes it; `news`: it is higher than what the game shows."""
        self._seq += 1
        own = UserAchievement(0, achievement_id, percent, "") if news else None
        if news and self.storage.journal is not None:
            assert self.storage.journal.write(self._seq, achievement_id, percent, self._seq, self.credentials.owner)
        return Set(self._seq, achievement_id, percent, self._seq, own)

    def fetch(self) -> Fetch:
        self._seq += 1
        return Fetch(self._seq)

    def work(self) -> None:
        """Do everything that is due by now."""
        while self.engine.step() == 0.0 or self._to_engine:
            returned, self._to_engine[:] = self._to_engine[:], []
            self.engine.handle(returned)

    def take_events(self) -> None:
        """Have the engine handle the events that have arrived on the stream."""
        until(lambda: any(isinstance(one, StreamFilled) for one in self.posted), "an event has arrived")
        from_stream = [one for one in self.posted if isinstance(one, StreamOpened | StreamFilled)]
        self.posted[:] = [one for one in self.posted if one not in from_stream]
        self.engine.handle(from_stream)

    @property
    def answers(self) -> list[tuple[int, Result]]:
        return [(one.seq, one.result) for one in self.posted if isinstance(one, Answered | FetchAnswered)]

    @property
    def changes(self) -> list[tuple[int, int]]:
        changes = [one.achievement for one in self.posted if isinstance(one, Changed)]
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
    """Return the progress of local mode that the next start finds."""
    storage = Storage(folder)
    try:
        player = storage.change(lambda: storage.players.of_owner(owners.LOCAL, storage.run))
        return {id_: progress.percent for id_, progress in storage.database.pending(player.id).items()}
    finally:
        storage.close()


def test_a_set_that_cannot_be_stored_does_not_affect_other_commands(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    game, ok = start(), Result.OK
    sets = [game.set(GOOD, 10), game.set(BAD, 20), game.set(OTHER, 30)]
    game.engine.handle([*sets, game.fetch(), game.set(GOOD, 40)])
    assert game.answers == [(1, ok), (2, Result.INTERNAL_ERROR), (3, ok), (4, ok), (5, ok)]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(BAD) in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is UnforeseenError
    assert game.engine.status.stored_seq < 2, "not everything is on disk, and a flush must not say so"


def test_a_set_that_cannot_be_stored_is_recovered_at_the_next_start(start: Start, tmp_path: Path) -> None:
    game = start()
    game.engine.handle([game.set(BAD, 20), game.set(OTHER, 30)])
    game.engine.handle([game.set(OTHER, 40)])
    assert "stays in the journal" in str(game.storage.error)
    game.engine.close()
    assert percents(tmp_path) == {BAD: 20, OTHER: 40}
    assert percents(tmp_path) == {BAD: 20, OTHER: 40}


@pytest.mark.parametrize("command", ["a fetch", "no command"])
def test_commands_after_one_that_fails_are_carried_out(
    start: Start, command: str, caplog: pytest.LogCaptureFixture
) -> None:
    game = start()
    game.database.is_blind = True
    failing: object = game.fetch() if command == "a fetch" else "no such command"
    game.engine.handle([failing, game.set(GOOD, 10)])
    game.database.is_blind = False
    expected = [(1, Result.INTERNAL_ERROR), (2, Result.OK)] if command == "a fetch" else [(1, Result.OK)]
    assert game.answers == expected
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert game.engine.status.stored_seq == expected[-1][0]


def test_commands_after_a_failed_sign_in_wait_for_it(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    game.storage.forbids_players = True
    bob = credentials("bob")
    sign_in, ann_sets = SignIn(bob), game.set(GOOD, 10)
    game.credentials = bob
    with pytest.raises(UnforeseenError):
        game.engine.handle([ann_sets, sign_in, game.set(OTHER, 30)])
    with pytest.raises(UnforeseenError):
        game.engine.handle([game.set(OTHER, 40)])
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


def test_an_error_while_following_another_player_sends_nothing_of_the_first(start: Start, service: FakeService) -> None:
    game = start(service=service, token=Renewing())
    game.work()
    service.revoke("ann")
    game.engine.handle([game.set(GOOD, 10)])
    game.database.is_blind = True
    with pytest.raises(UnforeseenError):
        game.work()
    game.database.is_blind = False
    game.work()
    assert (service.progress(ANN), service.progress(BOB)) == ({}, {})
    assert game.answers == [(1, Result.NOT_AUTHENTICATED)]


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_a_repeated_set_is_only_answered(start: Start, percent: int) -> None:
    game = start()
    game.engine.handle([game.set(GOOD, 100)])
    del game.posted[:]
    for _ in range(3):
        game.engine.handle([game.set(GOOD, percent, news=False)])
    assert len(game.posted) == len(game.answers) == 3


def test_progress_of_another_process_is_reported(start: Start) -> None:
    one, other = start(), start()
    other.engine.handle([other.set(GOOD, 80)])
    one.engine.handle([one.set(GOOD, 50)])
    assert one.changes == [(GOOD, 80)]


def test_a_set_that_the_game_did_not_consider_news_is_reported_if_it_is(start: Start) -> None:
    game = start()
    game.engine.handle([game.set(GOOD, 20, news=False)])  # set while the game still showed another player's list
    assert game.changes == [(GOOD, 20)]


def test_a_set_that_is_news_costs_one_transaction_out_and_one_back(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    game.engine.handle([game.set(OTHER, 10)])
    game.work()
    game.take_events()
    game.work()

    before = game.database.transactions
    game.engine.handle([game.set(GOOD, 10)])
    assert game.database.transactions == before + 1
    game.work()
    assert service.progress(ANN)[GOOD].percent == 10
    assert game.database.transactions == before + 2
    game.take_events()
    game.work()
    assert game.database.transactions == before + 2, "the echo of our own update changes nothing"


def test_events_wait_while_the_game_does_not_empty_its_inbox(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    game.undelivered = 10_000
    service.grant(ANN, GOOD, 50)
    until(lambda: any(isinstance(one, StreamFilled) for one in game.posted), "an event has arrived")
    game.take_events()
    assert game.changes == []
    wait_s = game.engine.step()
    assert wait_s is not None
    assert 0 < wait_s < 1, "the worker looks again soon"
    game.undelivered = 0
    game.engine.handle([])
    assert game.changes == [(GOOD, 50)]


def test_of_events_taken_together_the_newest_counts(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.work()
    del game.posted[:]
    game.undelivered = 10_000
    for percent in (10, 20, 30):
        service.grant(ANN, GOOD, percent)
    service.grant(ANN, OTHER, 40)
    until(lambda: game.line is not None and game.line.is_drained, "all events have come")
    game.take_events()
    before = game.database.transactions
    game.undelivered = 0
    game.engine.handle([])
    assert game.changes == [(GOOD, 30), (OTHER, 40)]
    assert game.database.transactions == before + 1


def test_the_files_are_closed_even_if_a_thread_does_not_end(start: Start, service: FakeService) -> None:
    game = start(service=service, token="ann")
    game.courier.is_broken = True
    with pytest.raises(UnforeseenError):
        game.engine.close()
    game.courier.is_broken = False
    with pytest.raises(sqlite3.ProgrammingError):
        game.database.execute("SELECT 1")
