"""Changes by other devices and by the game's server: the event stream, and lists that bring news."""

from __future__ import annotations

import json

import pytest

from discord_achievements import UserAchievement
from discord_achievements.client.net.transport import Response
from discord_achievements.testing import ScriptedTransport
from tests.support.managers import OK, SECRET, SECURE, UNKNOWN, WALK, WIN
from tests.support.service_games import (
    ACCEPTED,
    ANN,
    BOB,
    LISTS_APART_S,
    ServiceAndGames,
    eventually,
    listing,
    scripted,
    superset,
    update_event,
    wait_for_stream,
)


def test_a_change_elsewhere_arrives_through_the_stream(world: ServiceAndGames) -> None:
    game = world.online()
    wait_for_stream(game, world.lines[0])
    for achievement_id, percent in ((SECURE, 100), (WALK, 10), (WALK, 20)):
        world.service.grant(ANN, achievement_id, percent)
    world.service.grant(BOB, WIN, 100)  # another player's: Ann's game ignores it
    game.until(lambda: game.updates[-1:] == [(WALK, 20)])
    assert [value for value in game.updates if value != (WALK, 10)] == [(SECURE, 100), (WALK, 20)]
    count = len(game.events)  # the 10 is skipped if the 20 has arrived before the worker handles it
    assert game.percents == {WALK: 20, WIN: 0, SECURE: 100}
    assert game.manager.get_user_achievement(SECURE).unlocked_at == "2023-05-02T12:00:00.000000+00:00"
    game.fetch()
    assert len(game.events) == count  # the list contains the same value again, which is not news


def test_an_unknown_secret_unlocked_elsewhere_is_news(world: ServiceAndGames) -> None:
    game = world.online()
    wait_for_stream(game, world.lines[0])
    world.clock.advance(LISTS_APART_S)
    world.service.grant(ANN, SECRET, 100)
    game.until(lambda: SECRET in game.percents)
    game.until(lambda: game.events)
    assert game.updates == [(SECRET, 100)]
    assert game.percents == {WALK: 0, WIN: 0, SECRET: 100, SECURE: 0}


def test_an_unknown_id_is_news_once_the_list_has_its_name(world: ServiceAndGames) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(), "update_user_achievement": ACCEPTED})
    game = scripted(world, transport)
    game.fetch()
    transport.answer("get_user_achievements", listing(superset(WALK, 40)))
    world.clock.advance(LISTS_APART_S)
    assert game.set(WALK, 40) is OK
    game.until(lambda: game.percents == {WALK: 40})
    game.until(lambda: game.events)
    assert game.updates == [(WALK, 40)]


@pytest.mark.parametrize("achievement_id", [WALK, SECURE])
def test_what_a_list_both_confirms_and_shows_for_the_first_time_is_news_once(
    world: ServiceAndGames, achievement_id: int
) -> None:
    world.service.grant(ANN, achievement_id, 100)
    game = world.start(line=world.line(streams=False))
    game.manager.set_user_achievement(achievement_id, 50)  # hidden until the service has agreed
    game.fetch()
    game.set(WIN, 10)
    assert game.updates == [(achievement_id, 100), (WIN, 10)]


def test_a_change_elsewhere_arrives_without_a_stream_too(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    world.service.grant(ANN, SECURE, 100)
    count = len(line.of("GET"))
    world.clock.advance(61)
    game.until(lambda: game.events)
    assert game.updates == [(SECURE, 100)]
    assert len(line.of("GET")) == count + 1


def test_after_a_resync_the_list_is_fetched(world: ServiceAndGames) -> None:
    def listed(percent: int) -> Response:
        one = superset(WALK, percent, revision=percent)
        return Response(200, {"content-type": "application/json"}, json.dumps([one]).encode())

    transport = ScriptedTransport({"get_user_achievements": listed(10)})
    game = scripted(world, transport, streams=True)
    game.fetch()
    eventually(lambda: len(transport.requests) == 3)  # the list, the stream, and the list that closes the gap
    game.fetch()
    transport.answer("get_user_achievements", listed(20))
    world.clock.advance(LISTS_APART_S)
    transport.push(b"id: 7\nevent: RESYNC\ndata: {}\n\n")
    game.until(lambda: game.events)
    assert game.updates == [(WALK, 20)]


def test_a_reset_lowers_the_progress(world: ServiceAndGames) -> None:
    world.service.grant(ANN, WALK, 60)
    game = world.online()
    wait_for_stream(game, world.lines[0])
    world.service.reset(ANN, WALK)
    game.until(lambda: game.events)
    assert game.events == [UserAchievement(ANN, WALK, 0, "", synced=True)]
    assert game.percent(WALK) == 0
    assert game.set(WALK, 10) is OK
    assert game.percent(WALK) == 10
    assert world.percents() == {WALK: 10}


def test_an_event_from_before_the_reset_does_not_bring_a_secret_back(world: ServiceAndGames) -> None:
    """The list without the secret may be newer than an event that has yet to arrive."""
    transport = ScriptedTransport({"get_user_achievements": listing(superset(SECRET, 100, secret=True))})
    game = scripted(world, transport, streams=True)
    assert game.fetch() is OK
    transport.answer("get_user_achievements", listing(superset(WALK, 0)))
    assert game.fetch() is OK
    assert game.percents == {WALK: 0}
    for achievement_id, percent, revision in (SECRET, 100, 1), (WALK, 5, 2):
        transport.push(update_event(achievement_id, percent, revision))
    game.until(lambda: game.percent(WALK) == 5)
    assert (game.percents, game.updates) == ({WALK: 5}, [(WALK, 5)])


def test_a_reset_hides_a_secret_again(world: ServiceAndGames) -> None:
    world.service.grant(ANN, SECRET, 100)
    line = world.line(streams=False)
    game = world.online(line=line)
    assert game.percent(SECRET) == 100
    world.service.reset(ANN, SECRET)
    assert game.fetch() is OK
    assert SECRET not in game.percents


def test_changes_while_the_game_was_not_running_are_news(world: ServiceAndGames) -> None:
    world.online().manager.close()
    world.service.grant(ANN, WALK, 80)
    world.service.grant(ANN, SECRET, 100)
    again = world.start()
    again.fetch()
    again.until(lambda: len(again.events) == 2)
    assert again.updates == [(WALK, 80), (SECRET, 100)]


def test_much_news_in_one_list_is_delivered_within_the_budget(world: ServiceAndGames) -> None:
    ids = world.service.fill(50)
    game = world.online(line=world.line(streams=False))
    for achievement_id in ids:
        world.service.grant(ANN, achievement_id, 5)
    game.manager.fetch_user_achievements(game.results.append)
    while not game.results:
        before = len(game.events)
        game.manager.run_callbacks(budget_s=0)
        assert len(game.events) <= before + 1
    assert game.updates == [(achievement_id, 5) for achievement_id in ids]  # all of it before the callback of the fetch


def test_with_an_unlimited_budget_all_news_of_a_list_is_delivered_at_once(world: ServiceAndGames) -> None:
    ids = world.service.fill(50)
    game = world.online(line=world.line(streams=False))
    for achievement_id in ids:
        world.service.grant(ANN, achievement_id, 5)
    game.manager.fetch_user_achievements()
    game.until(lambda: game.events)
    assert game.updates == [(achievement_id, 5) for achievement_id in ids]


def test_a_value_that_the_game_has_already_set_is_not_news(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    line.hold()
    game.manager.fetch_user_achievements(game.results.append)
    eventually(lambda: len(line.of("GET")) == 2)
    world.service.grant(ANN, WALK, 40)
    game.manager.set_user_achievement(WALK, 60)  # the worker receives it after the list
    game.manager.run_callbacks()
    line.release()
    game.until(lambda: game.results or game.percent(WALK) != 60)
    assert game.percent(WALK) == 60
    game.until(lambda: game.manager.pending_count == 0)
    assert game.percent(WALK) == 60
    assert game.updates == [(WALK, 60)]


def test_an_achievement_that_is_no_longer_secure_is_shown_at_once(world: ServiceAndGames) -> None:
    game = world.online(line=world.line(streams=False))
    world.service.add_achievement(SECURE, "Champion", "Win a season.", secure=False)
    assert game.set(SECURE, 10) is OK  # the answer says that it is no longer secure
    world.lines[0].hold()
    game.manager.set_user_achievement(SECURE, 20)
    game.manager.run_callbacks()
    assert game.updates == [(SECURE, 10), (SECURE, 20)]


def test_a_new_achievement_without_progress_is_not_news(world: ServiceAndGames) -> None:
    game = world.online()
    world.service.add_achievement(UNKNOWN, "New", "Brand new.")
    assert game.set(UNKNOWN, 0) is OK
    game.until(lambda: UNKNOWN in game.percents)
    assert game.events == []


def test_waiting_news_is_delivered_to_the_handler_that_replaced_the_first(world: ServiceAndGames) -> None:
    ids = world.service.fill(3)
    game = world.online(line=world.line(streams=False))
    one, two = list[UserAchievement](), list[UserAchievement]()
    game.manager.on_user_achievement_update = one.append
    for achievement_id in ids:
        world.service.grant(ANN, achievement_id, 5)
    game.manager.fetch_user_achievements(game.results.append)
    while not one:
        game.manager.run_callbacks(budget_s=0)
    game.manager.on_user_achievement_update = two.append
    game.until(lambda: game.results)
    assert [event.achievement_id for event in one] == ids[:1]
    assert [event.achievement_id for event in two] == ids[1:]


def test_the_list_changes_only_inside_run_callbacks(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    before = game.percents
    world.service.grant(ANN, WIN, 100)
    game.manager.set_user_achievement(WALK, 50)
    game.manager.fetch_user_achievements()
    eventually(lambda: len(line.of("GET")) >= 2)
    assert game.manager.flush() is True
    assert game.percents == before
    assert game.events == []
    game.until(lambda: game.percents == {WALK: 50, WIN: 100, SECURE: 0})


def test_a_handler_that_closes_the_manager_ends_the_news_of_a_list(world: ServiceAndGames) -> None:
    line = world.line(streams=False)
    game = world.online(line=line)
    for achievement_id in (WALK, WIN, SECURE):
        world.service.grant(ANN, achievement_id, 30)
    delivered: list[int] = []

    def close(achievement: UserAchievement) -> None:
        delivered.append(achievement.achievement_id)
        game.manager.close()

    game.manager.on_user_achievement_update = close
    game.manager.fetch_user_achievements(game.results.append)
    game.until(lambda: delivered)
    assert sorted(delivered) == sorted({WALK, WIN, SECURE}), "each change once, the later ones while it closes"
    for _ in range(3):
        game.manager.run_callbacks()
    assert len(delivered) == 3
