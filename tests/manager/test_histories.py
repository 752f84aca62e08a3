"""A service whose database was restored or replaced: nothing is lost, and nothing is shown as synced that is not."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from discord_achievements import AchievementManager, Result
from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.errors import TransportError
from discord_achievements.domain.wire import HISTORY_HEADER
from discord_achievements.testing import FakeService, InlineManager, InProcessTransport, ScriptedTransport
from tests.support.managers import APPLICATION_ID, OK, SECRET, SECURE, WALK, WIN, GameLoop
from tests.support.service_games import (
    ACCEPTED,
    ANN,
    BASE_URL,
    JSON,
    LISTS_APART_S,
    LONG_S,
    ServiceAndGames,
    eventually,
    listing,
    scripted,
    superset,
    update_event,
    wait_for_stream,
    warned,
)

HISTORY = HISTORY_HEADER.lower()
Answer = Callable[[Request], Response]


def stripped(answer: Answer) -> Answer:
    """Return `answer` behind a proxy that removes the header."""

    def send(request: Request) -> Response:
        response = answer(request)
        return replace(response, headers={name: value for name, value in response.headers.items() if name != HISTORY})

    return send


def play(world: ServiceAndGames, answer: Answer, **more: Any) -> GameLoop:
    """Start a game whose requests `answer` answers, without an event stream, and fetch its list."""

    def intercept(request: Request) -> Response:
        return Response(404) if request.url.endswith("/events") else answer(request)

    options: dict[str, Any] = {"data_dir": world.folder / "data", "clock": world.clock, "token": "ann-1"} | more
    transport = InProcessTransport(world.service, intercept=intercept)
    world.managers.append(AchievementManager(APPLICATION_ID, base_url=BASE_URL, transport=transport, **options))
    game = GameLoop(world.managers[-1])
    assert game.fetch() is OK
    return game


def synced(game: GameLoop) -> dict[int, tuple[int, bool]]:
    """Return the list: percent, and whether it is shown as synced."""
    return {one.achievement_id: (one.percent_complete, one.synced) for one in game.manager.user_achievements()}


def deliver(game: GameLoop) -> None:
    game.until(lambda: game.manager.pending_count == 0)
    assert game.fetch() is OK


def unchanged(answer: Answer) -> Answer:
    """Return `answer`."""
    return answer


HOW: dict[str, tuple[bool, Callable[[Answer], Answer]]] = {
    "restored by a command": (True, unchanged),
    "restored by copying a file": (False, unchanged),
    "restored behind a proxy that removes headers": (True, stripped),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("is_running", [True, False], ids=["while the game runs", "between two starts"])
@pytest.mark.parametrize("moment", ["an older copy", "an empty database"])
def test_what_a_restored_service_lacks_is_sent_again(
    world: ServiceAndGames, how: str, is_running: bool, moment: str
) -> None:
    renew, line = HOW[how]
    game = play(world, line(world.service.handle))
    empty = world.service.backup()
    game.set(WALK, 25)
    backup = empty if moment == "an empty database" else world.service.backup()
    for percent in (30, 40, 60):
        game.set(WALK, percent)
    game.set(WIN, 100)
    game.set(SECRET, 100)
    deliver(game)
    before = game.percents
    assert before == {WALK: 60, WIN: 100, SECRET: 100, SECURE: 0}
    game.events.clear()
    if not is_running:
        game.manager.close()
    world.service.restore(backup, renew=renew)
    if not is_running:
        game = play(world, line(world.service.handle))
    assert game.fetch() is OK
    assert game.percents == before
    held = world.percents()
    assert not [id_ for id_, (percent, is_synced) in synced(game).items() if is_synced and held.get(id_, 0) != percent]
    deliver(game)
    assert synced(game) == {WALK: (60, True), WIN: (100, True), SECRET: (100, True), SECURE: (0, True)}
    assert world.percents() == {WALK: 60, WIN: 100, SECRET: 100}
    assert game.events == [], "for the player nothing has changed"
    assert game.set(WALK, 100) is OK
    game.manager.close()
    again = play(world, line(world.service.handle))
    assert (again.percents[WALK], world.percents()[WALK]) == (100, 100)


@pytest.mark.parametrize("how", HOW)
def test_an_update_may_be_what_meets_the_restored_service(world: ServiceAndGames, how: str) -> None:
    renew, line = HOW[how]
    game = play(world, line(world.service.handle))
    backup = world.service.backup()
    for percent in (30, 40, 60):
        game.set(WALK, percent)
    game.set(WIN, 100)
    deliver(game)
    world.service.restore(backup, renew=renew)
    world.clock.advance(LISTS_APART_S)
    game.events.clear()
    assert game.set(WALK, 70) is OK
    assert game.updates == [(WALK, 70)]
    deliver(game)
    assert synced(game) == {WALK: (70, True), WIN: (100, True), SECURE: (0, True)}
    assert world.percents() == {WALK: 70, WIN: 100}


def has_both(game: GameLoop) -> bool:
    return (game.percents[WALK], game.percents[WIN]) == (60, 100)


def test_open_games_of_two_devices_agree_after_a_restore(world: ServiceAndGames) -> None:
    lines = [world.line(), world.line()]
    devices = [world.online(line=line, data_dir=world.folder / str(number)) for number, line in enumerate(lines)]
    for device, line in zip(devices, lines, strict=True):
        wait_for_stream(device, line)
    backup = world.service.backup()
    devices[0].set(WALK, 60)
    devices[1].set(WIN, 100)
    for device in devices:
        device.until(partial(has_both, device))
    world.clock.advance(LISTS_APART_S)
    world.service.restore(backup)
    for device in devices:
        device.until(lambda: world.percents() == {WALK: 60, WIN: 100})
    for device in devices:
        deliver(device)
        assert device.percents == {WALK: 60, WIN: 100, SECURE: 0}


def test_a_list_from_before_the_events_of_the_open_stream_is_no_sign(world: ServiceAndGames) -> None:
    """A service may answer a list from a cache; its events then know more."""
    stale = listing(superset(WALK, 0), superset(WIN, 0))
    transport = ScriptedTransport({"get_user_achievements": stale})
    game = scripted(world, transport, streams=True)
    assert game.fetch() is OK
    for revision, percent in enumerate((57, 0, 30), start=2):
        transport.push(update_event(WIN, percent, revision))
        game.until(lambda percent=percent: game.percent(WIN) == percent)  # type: ignore[misc]
        assert game.fetch() is OK
        assert (game.percent(WIN), game.manager.pending_count) == (percent, 0)


def test_what_only_the_server_may_grant_is_as_the_restored_service_says(world: ServiceAndGames) -> None:
    game = play(world, world.service.handle)
    backup = world.service.backup()
    world.service.grant(ANN, SECURE, 100)
    assert game.fetch() is OK
    assert game.percents[SECURE] == 100
    world.service.restore(backup)
    assert game.fetch() is OK
    game.until(lambda: game.manager.pending_count == 0)
    assert (game.percents[SECURE], game.updates) == (0, [(SECURE, 100), (SECURE, 0)])


def test_a_list_that_is_the_same_in_the_new_history_changes_nothing(world: ServiceAndGames) -> None:
    requests: list[tuple[str, int]] = []

    def answer(request: Request) -> Response:
        response = world.service.handle(request)
        requests.append((request.method, response.status))
        return response

    game = play(world, answer)
    game.set(WALK, 60)
    deliver(game)
    world.service.restore(world.service.backup())
    requests.clear()
    assert game.fetch() is OK
    world.clock.advance(LISTS_APART_S)
    eventually(lambda: ("GET", 200) in requests)
    assert game.fetch() is OK
    assert synced(game) == {WALK: (60, True), WIN: (0, True), SECURE: (0, True)}
    assert "PUT" not in {method for method, _ in requests}


def test_an_answer_without_the_header_says_nothing(world: ServiceAndGames) -> None:
    """As from a proxy that removes it on some of several paths."""
    sent: list[str] = []
    ways = [world.service.handle, stripped(world.service.handle)]

    def answer(request: Request) -> Response:
        sent.append(request.method)
        return ways[0](request)

    game = play(world, answer)
    game.set(WALK, 60)
    deliver(game)
    sent.clear()
    for _ in range(3):
        ways.reverse()
        world.service.grant(ANN, SECURE, 10 * len(sent) + 1)
        assert game.fetch() is OK
        assert synced(game)[WALK] == (60, True)
    assert set(sent) == {"GET"}


def test_two_databases_at_one_address_are_an_outage_and_no_endless_resending(
    world: ServiceAndGames, caplog: pytest.LogCaptureFixture
) -> None:
    other = FakeService(APPLICATION_ID, clock=world.clock)
    other.restore(world.service.backup())
    other.add_player("ann-1", ANN)
    sent: list[str] = []
    chance = random.Random(9)

    def answer(request: Request) -> Response:
        sent.append(request.method)
        return chance.choice([other, world.service]).handle(request)

    with caplog.at_level(logging.WARNING, "discord_achievements"):
        game = play(world, answer)
        sent.clear()
        game.manager.set_user_achievement(WALK, 60)
        game.manager.set_user_achievement(WIN, 100)
        for _ in range(20):
            world.clock.advance(LONG_S)
            game.fetch()
    assert game.percents == {WALK: 60, WIN: 100, SECURE: 0}
    assert game.updates == [(WALK, 60), (WIN, 100)], "nothing flickers"
    assert 20 <= len(sent) < 20 * 6, "each time the clock is advanced, at most one change of history is taken in"
    assert any("gone back" in line for line in warned(caplog))


@pytest.mark.parametrize("method", ["PUT", "GET", ""])
def test_a_history_that_changes_with_every_answer_causes_no_flood(world: ServiceAndGames, method: str) -> None:
    sent: list[str] = []

    def answer(request: Request) -> Response:
        if request.url.endswith("/events"):
            return Response(404)
        if len(sent) == 500:
            raise TransportError("a flood")
        sent.append(request.method)
        response = world.service.handle(request)
        number = len(sent) if request.method == method or not method else 0
        return replace(response, headers={**response.headers, HISTORY: f"history-{number}"})

    transport = InProcessTransport(world.service, intercept=answer)
    options: dict[str, Any] = {"data_dir": world.folder / "data", "token": "ann-1", "base_url": BASE_URL}
    with InlineManager(APPLICATION_ID, transport=transport, clock=world.clock, **options) as manager:
        results: list[Result] = []
        manager.fetch_user_achievements(results.append)
        manager.settle()
        manager.set_user_achievement(WALK, 60, results.append)
        manager.set_user_achievement(WIN, 100, results.append)
        manager.advance(60)
        assert len(results) == 3
        assert len(sent) <= 30


def test_an_achievement_that_is_created_again_gets_its_progress_back(world: ServiceAndGames) -> None:
    """Deleting it removed the progress; a device that still knows of it sends it again."""
    game = play(world, world.service.handle)
    game.set(WALK, 60)
    deliver(game)
    held = world.service.backup()
    world.service.restore(held._replace(records={}), renew=False)
    assert game.fetch() is OK
    deliver(game)
    assert (world.percents(), synced(game)[WALK]) == ({WALK: 60}, (60, True))


def test_after_two_changes_of_history_within_a_minute_updates_wait_too(world: ServiceAndGames) -> None:
    sent: list[str] = []
    history = ["second"]
    too_many = Response(429, {**JSON, "retry-after": "5"}, b'{"message": "slow down", "retry_after": 5.0}')

    def answer(request: Request) -> Response:
        sent.append(request.method)
        if request.url.endswith("/events"):
            return Response(404)
        if history == ["third"]:
            return too_many if request.method == "GET" else replace(ACCEPTED, headers={**JSON, HISTORY: "third"})
        response = world.service.handle(request)
        return replace(response, headers=dict(response.headers) | {HISTORY: history[0]})

    manager = InlineManager(
        APPLICATION_ID,
        base_url=BASE_URL,
        token="ann-1",
        transport=InProcessTransport(world.service, intercept=answer),
        clock=world.clock,
        data_dir=world.folder / "data",
    )
    world.managers.append(manager)
    for history[0] in ("first", "second"):
        manager.fetch_user_achievements()
        manager.advance(5.0)
        manager.set_user_achievement(WALK, 10)
    history[0] = "third"
    sent.clear()
    manager.set_user_achievement(WALK, 60)
    manager.advance(30.0)
    assert len(sent) < 20, "the table of delays applies"
    history[0] = "second"
    manager.advance(LONG_S)
    assert world.percents() == {WALK: 60}


def test_events_of_a_restored_service_wait_for_its_list(world: ServiceAndGames) -> None:
    """An event may have the revision after the one that is known, although the value before it was lost."""
    too_many = Response(429, {**JSON, "retry-after": "5"}, b'{"message": "slow down", "retry_after": 5.0}')
    is_limited: list[bool] = []

    def answer(request: Request) -> Response | None:
        is_list = request.method == "GET" and not request.url.endswith("/events")
        return too_many if is_list and is_limited else None

    manager = InlineManager(
        APPLICATION_ID,
        base_url=BASE_URL,
        token="ann-1",
        transport=InProcessTransport(world.service, intercept=answer),
        clock=world.clock,
        data_dir=world.folder / "data",
    )
    world.managers.append(manager)
    manager.fetch_user_achievements()
    manager.advance(5.0)
    backup = world.service.backup()
    manager.set_user_achievement(WALK, 60)
    manager.advance(5.0)
    is_limited.append(True)
    world.service.restore(backup)
    world.service.end_streams()
    for percent in (10, 20):
        world.service.grant(ANN, WALK, percent)
    manager.advance(LONG_S)
    assert manager.get_user_achievement(WALK).percent_complete == 60
    is_limited.clear()
    manager.advance(LONG_S)
    assert world.percents() == {WALK: 60}
    world.service.grant(ANN, WALK, 70)
    manager.advance(1.0)
    assert manager.get_user_achievement(WALK).percent_complete == 70


def test_the_whole_list_of_a_new_history_is_requested_until_it_comes(world: ServiceAndGames) -> None:
    """The answer that brings the news is "not modified"; what follows it may fail."""
    failures: list[TransportError] = []

    def answer(request: Request) -> None:
        is_list = request.method == "GET" and not request.url.endswith("/events")
        if is_list and failures and "If-None-Match" not in request.headers:
            raise failures.pop()

    manager = InlineManager(
        APPLICATION_ID,
        base_url=BASE_URL,
        token="ann-1",
        transport=InProcessTransport(world.service, intercept=answer),
        clock=world.clock,
        data_dir=world.folder / "data",
    )
    world.managers.append(manager)
    manager.fetch_user_achievements()
    manager.advance(5.0)
    world.service.end_streams()
    world.service.restore(world.service.backup())
    failures.extend(TransportError("no connection") for _ in range(3))
    manager.advance(LONG_S)
    assert not failures
    world.service.grant(ANN, WALK, 10)
    manager.advance(1.0)
    assert manager.get_user_achievement(WALK).percent_complete == 10
