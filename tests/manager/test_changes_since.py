"""A list by cursor: only what has changed is sent, and the whole list wherever that would not be enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.wire import CURSOR_HEADER, HISTORY_HEADER, SINCE_HEADER
from discord_achievements.testing import ScriptedTransport
from tests.support.managers import OK, SECRET, SECURE, WALK, WIN, GameLoop
from tests.support.service_games import JSON, Line, ServiceAndGames, listing, scripted, superset

ANN = 53908232506183680
CURSOR, SINCE, HISTORY = CURSOR_HEADER.lower(), SINCE_HEADER.lower(), HISTORY_HEADER.lower()


def sent(line: Line) -> list[int]:
    """Return the achievements in the last answer."""
    return [int(record["id"]) for record in json.loads(line.bodies[-1])]


def test_only_what_has_changed_is_sent_and_it_is_news(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    assert "since=" not in line.of("GET")[-1].url
    world.service.grant(ANN, WALK, 80)
    world.service.grant(ANN, SECRET, 100)
    assert game.fetch() is OK
    assert sent(line) == [WALK, SECRET]
    assert game.percents == {WALK: 80, WIN: 0, SECRET: 100, SECURE: 0}
    assert game.updates == [(WALK, 80), (SECRET, 100)]
    assert game.manager.get_achievement(SECRET).name == "Psst"
    assert game.manager.get_user_achievement(WALK).synced
    world.service.reset(ANN, WALK)
    assert game.fetch() is OK
    assert sent(line) == [WALK]
    assert game.updates[2:] == [(WALK, 0)]
    assert game.fetch() is OK
    assert line.statuses[-1] == 304


def test_own_updates_and_those_of_another_device_meet(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    assert game.set(WALK, 30) is OK
    world.service.grant(ANN, WIN, 100)
    assert game.fetch() is OK
    assert WALK in sent(line), "the cursor is from before the update"
    assert game.updates == [(WALK, 30), (WIN, 100)]


def test_a_restarted_game_asks_for_what_has_changed_since(world: ServiceAndGames) -> None:
    world.online().manager.close()
    world.service.grant(ANN, WALK, 80)
    line = world.line(streams=False)
    again = world.online(line=line)
    assert sent(line) == [WALK]
    assert again.updates == [(WALK, 80)]


def test_a_definition_that_has_changed_is_shown(world: ServiceAndGames) -> None:
    game = world.online(line=world.line(streams=False))
    world.service.add_achievement(WALK, "Stroll", "Walk two miles.")
    world.service.add_achievement(WIN + 100, "Run", "Run a mile.")
    assert game.fetch() is OK
    assert game.manager.get_achievement(WALK).name == "Stroll"
    assert game.percents == {WALK: 0, WIN: 0, SECURE: 0, WIN + 100: 0}
    assert game.events == []


def test_a_secret_that_was_reset_leaves_the_list(world: ServiceAndGames) -> None:
    world.service.grant(ANN, SECRET, 100)
    game = world.online(line=world.line(streams=False))
    world.service.reset(ANN, SECRET)
    assert game.fetch() is OK
    assert SECRET not in game.percents


def test_definitions_that_changed_and_changed_back_while_another_player_played_are_right(
    world: ServiceAndGames,
) -> None:
    """The definitions are stored once for all players of the machine; a list that is the same again says nothing."""
    ann = world.online(line=world.line(streams=False))
    ann.manager.close()
    world.service.add_achievement(WALK, "Stroll", "Walk a mile.")
    world.online("bob-1", line=world.line(streams=False)).manager.close()
    world.service.add_achievement(WALK, "Walk", "Walk a mile.")
    again = world.online(line=world.line(streams=False))
    assert again.manager.get_achievement(WALK).name == "Walk"


class Cursors:
    """A service whose answers to a list are scripted: those with a cursor, and the whole list."""

    def __init__(self, world: ServiceAndGames, whole: Response, changes: Response) -> None:
        self.asked: list[Request] = []
        self.whole, self.changes = whole, changes
        self.transport = ScriptedTransport({"get_user_achievements": self._answer})
        self.game: GameLoop = scripted(world, self.transport)

    def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        return self.changes if "since=" in request.url else self.whole


def answer(*entries: Mapping[str, Any], **headers: str) -> Response:
    return Response(200, JSON | {name: value for name, value in headers.items() if value}, listing(*entries).body)


WHOLE = answer(superset(WALK, 10, revision=5), superset(WIN, 40, revision=2), **{CURSOR: "c/1 &", HISTORY: "one"})


@pytest.mark.parametrize("since", ["", "another"])
def test_a_service_that_sends_the_whole_list_all_the_same_is_understood(world: ServiceAndGames, since: str) -> None:
    one = answer(superset(WIN, 50, revision=3), **{SINCE: since, HISTORY: "one", CURSOR: "c2"})
    service = Cursors(world, WHOLE, one)
    assert service.game.fetch() is service.game.fetch() is OK
    assert service.asked[-1].url.endswith("?since=c%2F1%20%26")
    assert service.game.percents == {WIN: 50}


@pytest.mark.parametrize(
    "changes",
    [
        answer(superset(WALK, 10, revision=4), **{SINCE: "c/1 &", HISTORY: "one", CURSOR: "c2"}),
        answer(**{SINCE: "c/1 &", HISTORY: "two", CURSOR: "c2"}),
    ],
    ids=["a lower revision", "another history"],
)
def test_changes_in_another_history_make_the_game_ask_for_the_whole_list(
    world: ServiceAndGames, changes: Response
) -> None:
    service = Cursors(world, WHOLE, changes)
    assert service.game.fetch() is OK
    service.whole = answer(superset(WALK, 0, revision=1), superset(WIN, 40, revision=2), **{HISTORY: "two"})
    service.transport.answer("update_user_achievement", Response(503))
    assert service.game.fetch() is OK
    assert ["since=" in one.url for one in service.asked][:3] == [False, True, False]
    assert service.game.percents == {WALK: 10, WIN: 40}, "what the service has lost is kept"
    assert service.game.manager.pending_count == 1


def test_after_a_change_that_cannot_be_read_the_whole_list_is_asked_for(world: ServiceAndGames) -> None:
    readable = superset(WIN, 50, revision=3)
    service = Cursors(world, WHOLE, answer(readable, {}, **{SINCE: "c/1 &", HISTORY: "one", CURSOR: "c2"}))
    assert service.game.fetch() is service.game.fetch() is OK
    assert service.game.percents == {WALK: 10, WIN: 50}
    service.whole = answer(superset(WALK, 20, revision=6), readable)
    assert service.game.fetch() is OK
    assert service.game.percents == {WALK: 20, WIN: 50}
    assert ["since=" in one.url for one in service.asked] == [False, True, False]


def test_a_cursor_that_cannot_be_sent_back_is_not_used(world: ServiceAndGames) -> None:
    service = Cursors(world, answer(superset(WALK, 10), **{CURSOR: "x" * 300}), WHOLE)
    assert service.game.fetch() is service.game.fetch() is OK
    assert service.game.percents == {WALK: 10}
