"""What a service says of the history that its answers belong to, and how it notices that a restore has renewed it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from discord_achievements.server.stores.base import Store
from discord_achievements.server.web.app import open_store
from tests.support.running import PLAYER, WIN, Client, mine_path, prepare, progress_path, running

HISTORY = "X-Achievements-History"


def test_answers_name_the_history_of_the_database_until_it_is_renewed(make_database: Callable[[], str]) -> None:
    database = make_database()
    tokens = prepare(database)
    with (
        closing(open_store(database)) as store,
        running(database) as service,
        Client(service.host, f"Bearer {tokens.player}") as player,
        Client(service.host, f"Bot {tokens.bot}") as bot,
    ):

        def named() -> set[str]:
            """Return the histories that answers of every kind name."""
            whole = player.get(mine_path())
            answers = [
                whole,
                player.get(mine_path(), {"If-None-Match": whole.headers["ETag"]}),
                player.put(progress_path(WIN), {"percent_complete": 5}),
                bot.put(progress_path(WIN, PLAYER), {"percent_complete": 5}),
            ]
            assert [answer.status_code for answer in answers] == [200, 304, 200, 200]
            with closing(player.events(mine_path(tail="/events"))) as stream:
                return {answer.headers[HISTORY] for answer in (*answers, stream.response)}

        first = store.history()
        assert named() == {first}
        stream = player.events(mine_path(tail="/events"))
        retry = stream.next()
        assert retry is not None
        second = store.renew_history()  # as another process does after a restore
        assert (second != first, wait_for(named, second)) == (True, {second})
        event = stream.next()
        assert event is not None
        assert event.fields["event"] == "RESYNC", "open streams make their clients fetch the list"
        stream.close()
        assert player.get(mine_path(tail="/nothing")).headers.get(HISTORY) is None, "a refusal belongs to none"
    assert service.log == []


def wait_for(named: Callable[[], set[str]], history: str) -> set[str]:
    """Ask until the process has heard of a new history; PostgreSQL notifies it."""
    for _ in range(100):
        if history in (found := named()):
            return named()
    return found


def test_the_history_stays_over_a_restart(make_database: Callable[[], str]) -> None:
    database = make_database()
    histories = []
    for _ in range(2):
        with closing(open_store(database)) as store:
            histories.append(store.history())
    assert len(set(histories)) == 1


def test_two_new_databases_have_different_histories(make_empty_database: Callable[[], str]) -> None:
    def made() -> Store:
        return open_store(make_empty_database())

    with closing(made()) as one, closing(made()) as other:
        assert one.history() != other.history()
