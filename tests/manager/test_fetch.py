"""Fetching the list from a service, and every form of answer that is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from discord_achievements import Result, ResultError
from discord_achievements.client.net.transport import Response
from discord_achievements.testing import ScriptedTransport
from tests.support.managers import APPLICATION_ID, OK, SECURE, WALK, WIN, write_catalogue
from tests.support.service_games import (
    ANN,
    BOB,
    JSON,
    STRINGS,
    ServiceAndGames,
    eventually,
    listing,
    scripted,
    superset,
)


def test_the_list_is_that_of_the_service(world: ServiceAndGames) -> None:
    world.service.grant(ANN, WALK, 30)
    game = world.start()
    online = [game.manager.is_online]
    assert game.fetch() is OK
    online.append(game.manager.is_online)
    assert online == [None, True]
    assert game.percents == {WALK: 30, WIN: 0, SECURE: 0}
    one = game.manager.get_user_achievement(WALK)
    assert (one.user_id, one.synced, one.unlocked_at) == (ANN, True, "")
    assert game.events == []  # the first list holds no news
    assert game.manager.get_achievement(WALK).name == "Walk"
    for percent in (0, 29, 30):  # nothing to send: the service already has as much
        game.manager.set_user_achievement(WALK, percent)
        assert game.manager.pending_count == 0
    assert game.set(WALK, 30) is OK
    assert game.percent(WALK) == 30
    assert game.events == []


def test_one_request_serves_all_fetches_that_wait(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    line.hold()
    game = world.start(line=line)
    game.manager.run_callbacks()
    eventually(lambda: line.requests)  # the list that is fetched automatically at the start
    for _ in range(20):
        game.manager.fetch_user_achievements(game.results.append)
    line.release()
    game.until(lambda: len(game.results) == 20)
    assert game.results == [OK] * 20
    assert len(line.of("GET")) <= 2


def test_an_unchanged_list_is_not_sent_again(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    before = game.percents
    assert game.fetch() is OK
    assert line.statuses[-1] == 304
    assert line.of("GET")[-1].headers["If-None-Match"]
    assert game.percents == before


def test_an_achievement_that_the_service_has_deleted_leaves_the_list(world: ServiceAndGames) -> None:
    both, one = [superset(WALK, 10), superset(WIN, 20)], superset(WIN, 20)
    transport = ScriptedTransport({"get_user_achievements": listing(*both)})
    game = scripted(world, transport)
    game.fetch()
    assert game.percents == {WALK: 10, WIN: 20}
    transport.answer("get_user_achievements", listing(one))
    game.fetch()
    game.until(lambda: game.percents == {WIN: 20})
    with pytest.raises(ResultError) as caught:
        game.manager.get_achievement(WALK)
    assert caught.value.result is Result.NOT_FOUND


OBJECTS = {
    "application_id": str(APPLICATION_ID),
    "name": {"default": "Walk", "localizations": {"de": "Gehe"}},
    "description": {"default": "Walk a mile."},
    "secret": False,
    "secure": False,
    "icon_hash": "c3eb7d2f2ea7d5b2ad4f6b7b4c1b9d6d",
    "id": str(WALK),
}
RECORD = {"user_id": str(ANN), "achievement_id": str(WALK), "percent_complete": 35, "unlocked_at": None}
HALF = {"percent_complete": 50}


@pytest.mark.parametrize(
    ("entry", "percent", "name"),
    [
        pytest.param(STRINGS, 35, "Gehe", id="superset of v10"),
        pytest.param(OBJECTS | RECORD, 35, "Gehe", id="superset of v6"),
        pytest.param(OBJECTS, 0, "Gehe", id="definition only"),
        pytest.param(RECORD, 35, "", id="record only"),
        pytest.param(STRINGS | {"created_at": [1], "tier": {"x": None}}, 35, "Gehe", id="fields of tomorrow"),
        pytest.param({"user_id": str(ANN), "achievement_id": str(WALK), "percent_complete": 35}, 35, "", id="no time"),
    ],
)
def test_every_form_of_the_list_is_understood(
    world: ServiceAndGames, entry: dict[str, Any], percent: int, name: str
) -> None:
    game = scripted(world, ScriptedTransport({"get_user_achievements": listing(entry)}), locale="de")
    assert game.fetch() is OK
    assert game.percents == {WALK: percent}
    assert game.manager.get_achievement(WALK).name == name


def test_the_texts_of_a_list_of_records_come_from_the_catalogue(world: ServiceAndGames) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(RECORD)})
    game = scripted(world, transport, achievements=write_catalogue(world.folder))
    assert game.fetch() is OK
    assert game.percents == {WALK: 35, WIN: 0, SECURE: 0}
    assert game.manager.get_achievement(WALK).name == "Walk"


@pytest.mark.parametrize("answer", [b"{}", b"\xef\xbb\xbf{}", STRINGS | HALF, OBJECTS | RECORD | HALF, RECORD | HALF])
def test_every_form_of_an_updates_answer_is_understood(world: ServiceAndGames, answer: bytes | dict[str, Any]) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    transport = ScriptedTransport(
        {"get_user_achievements": listing(STRINGS), "update_user_achievement": Response(200, JSON, body)}
    )
    game = scripted(world, transport)
    game.fetch()
    assert game.set(WALK, 50) is OK
    assert game.manager.pending_count == 0
    assert game.percent(WALK) == 50


@pytest.mark.parametrize(
    "broken",
    [
        superset(WIN, 70) | {"percent_complete": "seventy"},
        superset(WIN, 70) | {"revision": -1},
        superset(WIN, 70) | {"name": 7},
        superset(WIN, 70) | {"id": "not a number", "achievement_id": None},
        superset(WIN, 70, application_id="5"),
        {},
        None,
        [],
    ],
)
def test_an_entry_that_cannot_be_read_costs_that_entry(world: ServiceAndGames, broken: Any) -> None:
    whole = listing(superset(WALK, 10), superset(WIN, 40))
    transport = ScriptedTransport({"get_user_achievements": whole})
    game = scripted(world, transport)
    assert game.fetch() is OK
    transport.answer("get_user_achievements", listing(superset(WALK, 20, revision=2), broken))
    assert game.fetch() is OK
    assert game.percents == {WALK: 20, WIN: 40}
    transport.answer("get_user_achievements", listing(broken))
    assert game.fetch() is Result.INTERNAL_ERROR
    assert game.percents == {WALK: 20, WIN: 40}


@pytest.mark.parametrize("between", [0, 300])
@pytest.mark.parametrize("foreign", [superset(WIN, 100, user_id=str(BOB)), superset(WALK, 0, revision=1)])
def test_an_entry_of_another_player_or_a_second_one_costs_that_entry(
    world: ServiceAndGames, foreign: dict[str, Any], between: int
) -> None:
    others = [superset(9000 + number, 0) for number in range(between)]
    entries = [superset(WALK, 20, revision=2), *others, foreign]
    game = scripted(world, ScriptedTransport({"get_user_achievements": listing(*entries)}))
    assert game.fetch() is game.fetch() is OK
    assert {id_: percent for id_, percent in game.percents.items() if percent} == {WALK: 20}
    assert game.events == []


def test_after_an_entry_that_could_not_be_read_the_whole_list_is_asked_for_again(world: ServiceAndGames) -> None:
    partly = listing(superset(WALK, 10), {})
    tagged = Response(200, JSON | {"etag": '"1"'}, partly.body)
    transport = ScriptedTransport({"get_user_achievements": tagged})
    game = scripted(world, transport)
    assert game.fetch() is game.fetch() is OK
    assert all("If-None-Match" not in one.headers for one in transport.requests)


def test_a_truncated_list_changes_nothing(world: ServiceAndGames) -> None:
    whole = json.dumps([superset(id_, 90, revision=9) for id_ in (WALK, WIN)]).encode()
    transport = ScriptedTransport(
        {"get_user_achievements": [listing(STRINGS), *[Response(200, JSON, whole[:-40])] * 9]}
    )
    game = scripted(world, transport)
    game.fetch()
    assert game.fetch() is Result.INTERNAL_ERROR
    assert game.percents == {WALK: 35}
    assert game.events == []
