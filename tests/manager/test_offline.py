"""A service that cannot be reached: what works meanwhile, and what happens once it is back."""

from __future__ import annotations

from datetime import datetime

import pytest

from discord_achievements.client.net.transport import Request, Response
from discord_achievements.domain.errors import TransportError
from tests.support.managers import OK, SECRET, SECURE, WALK, WIN, write_catalogue
from tests.support.service_games import ANN, LONG_S, UNAVAILABLE, ServiceAndGames, bring_back, eventually


def test_an_unreachable_service_is_reported_promptly_and_the_update_arrives_later(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.transport.go_down()
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.until(lambda: game.results)
    assert game.results == [UNAVAILABLE]
    assert game.percent(WALK) == 50
    assert game.updates == [(WALK, 50)]
    assert game.manager.pending_count == 1
    online = [game.manager.is_online]
    assert world.percents() == {}
    bring_back(world, line)
    game.until(lambda: game.manager.pending_count == 0)
    game.until(lambda: game.connection == [False, True])
    assert world.percents() == {WALK: 50}
    online.append(game.manager.is_online)
    assert online == [False, True]
    assert game.results == [UNAVAILABLE]  # no second callback
    assert game.updates == [(WALK, 50)]
    assert game.manager.get_user_achievement(WALK).synced


def test_each_change_of_the_connection_is_reported_once(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    pending_then: list[int] = []
    game.manager.on_connection_change.connect(lambda _: pending_then.append(game.manager.pending_count))
    line.transport.go_down()
    for percent in (10, 20):
        for achievement_id in (WALK, WIN):
            assert game.set(achievement_id, percent) is UNAVAILABLE
            assert game.fetch() is UNAVAILABLE
    world.clock.advance(LONG_S)
    assert game.set(SECRET, 10) is UNAVAILABLE
    assert game.connection == [False]
    bring_back(world, line)
    game.until(lambda: len(game.connection) > 1)
    assert game.connection == [False, True]
    assert pending_then[1] == 0
    assert world.percents() == {WALK: 20, WIN: 20, SECRET: 10}
    line.transport.go_down()
    assert game.set(WIN, 30) is UNAVAILABLE
    game.until(lambda: len(game.connection) > 2)
    assert game.connection == [False, True, False]


def test_the_connection_is_not_reported_while_nothing_is_pending(world: ServiceAndGames) -> None:
    game = world.online()
    world.lines[0].transport.go_down()
    assert game.fetch() is UNAVAILABLE
    world.lines[0].transport.come_back()
    assert game.fetch() is OK
    assert game.connection == []


def test_pending_counts_achievements_from_the_moment_of_the_call(world: ServiceAndGames) -> None:
    game = world.start(down=True)
    game.manager.set_user_achievement(WALK, 10)
    game.manager.set_user_achievement(WALK, 20)
    game.manager.set_user_achievement(WIN, 100)
    assert game.manager.pending_count == 2
    assert game.fetch() is UNAVAILABLE
    assert game.manager.pending_count == 2
    game.manager.set_user_achievement(WIN, 100)
    game.manager.set_user_achievement(SECRET, 5)
    assert game.manager.pending_count == 3
    game.manager.close()
    again = world.start(down=True)
    assert again.manager.pending_count == 3


def test_a_fetch_offline_keeps_the_last_known_list(world: ServiceAndGames) -> None:
    world.service.grant(ANN, WALK, 30)
    game = world.online()
    assert game.set(WIN, 100) is OK
    world.lines[0].transport.go_down()
    assert game.fetch() is UNAVAILABLE
    assert game.percents == {WALK: 30, WIN: 100, SECURE: 0}
    assert game.set(WALK, 60) is UNAVAILABLE
    game.manager.close()

    again = world.start(down=True)
    assert again.manager.get_achievement(WALK).name == "Walk"
    assert again.fetch() is UNAVAILABLE
    assert again.percents == {WALK: 60, WIN: 100, SECURE: 0}
    assert again.manager.get_user_achievement(WIN).user_id == ANN
    assert again.manager.get_user_achievement(WIN).synced
    assert not again.manager.get_user_achievement(WALK).synced


def test_a_first_start_offline_has_the_list_of_the_catalogue(world: ServiceAndGames) -> None:
    catalogue = write_catalogue(world.folder)
    game = world.start(down=True, achievements=catalogue)
    assert game.set(WALK, 40) is UNAVAILABLE
    assert game.fetch() is UNAVAILABLE
    assert game.percents == {WALK: 40, WIN: 0, SECURE: 0}
    assert game.manager.get_achievement(WIN).name == "Win the Game"
    assert game.set(SECRET, 100) is UNAVAILABLE
    assert game.percents == {WALK: 40, WIN: 0, SECRET: 100, SECURE: 0}

    world.service.add_achievement(WIN, "Win it all", "You won!")  # the service's definition differs
    line = world.lines[0]
    bring_back(world, line)
    game.until(lambda: game.manager.get_achievement(WIN).name == "Win it all")
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 40, SECRET: 100}
    game.manager.close()

    again = world.start(down=True, achievements=catalogue)
    assert again.manager.get_achievement(WIN).name == "Win it all"  # the service's definition is kept


def test_without_a_catalogue_a_first_start_offline_loses_nothing(world: ServiceAndGames) -> None:
    game = world.start(down=True)
    assert game.set(WALK, 40) is UNAVAILABLE
    assert game.events == []  # not known to exist
    assert game.manager.pending_count == 1
    bring_back(world, world.lines[0])
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 40}


@pytest.mark.parametrize("down", [False, True])
def test_what_is_set_before_the_first_list_is_reported_once(world: ServiceAndGames, down: bool) -> None:
    world.service.grant(ANN, SECURE, 30)
    line = world.line()
    line.hold()
    game = world.start(line=line, down=down)
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.set_user_achievement(WIN, 100)
    if down:
        game.until(lambda: game.results == [UNAVAILABLE])
    game.manager.run_callbacks()
    assert game.events == []
    line.release()
    bring_back(world, line)
    game.until(lambda: game.events and game.results)
    assert game.fetch() is OK
    game.until(lambda: game.manager.pending_count == 0)
    assert game.fetch() is OK
    assert [(one.user_id, one.achievement_id, one.percent_complete) for one in game.events] == [(ANN, WIN, 100)]


def test_what_is_set_before_the_player_is_known_belongs_to_that_player(world: ServiceAndGames) -> None:
    line = world.line()
    line.hold("GET")
    game = world.start(line=line, achievements=write_catalogue(world.folder))
    game.manager.fetch_user_achievements(game.results.append)
    game.manager.set_user_achievement(WALK, 10)
    game.manager.run_callbacks()
    line.release()
    eventually(lambda: game.manager.is_online)  # the list has arrived, but has not been delivered
    game.manager.set_user_achievement(WALK, 20)
    game.until(lambda: game.results == [OK])
    assert game.manager.get_user_achievement(WALK).user_id == ANN


def test_a_late_unlock_keeps_its_own_time(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.transport.go_down()
    assert game.set(WIN, 100) is UNAVAILABLE
    unlocked_at = game.manager.get_user_achievement(WIN).unlocked_at
    assert unlocked_at == "2023-05-02T12:00:00.000000+00:00"
    game.manager.close()
    world.clock.advance(3600)

    again = world.start()
    again.fetch()
    again.until(lambda: again.manager.pending_count == 0)
    ((achievement_id, body),) = world.lines[1].put
    assert (achievement_id, body["percent_complete"], body["seconds_since_unlock"]) == (WIN, 100, 3600)
    assert again.manager.get_user_achievement(WIN).unlocked_at == unlocked_at
    there = world.service.progress(ANN)[WIN].unlocked_at_us
    assert there == datetime.fromisoformat(unlocked_at).timestamp() * 1_000_000


def test_an_answer_that_is_lost_changes_nothing(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]

    def lose(request: Request) -> Response | None:
        if request.method == "PUT":
            world.service.handle(request)
            line.transport.intercept = None
            raise TransportError("the connection broke")
        return None

    line.transport.intercept = lose
    assert game.set(WIN, 100) is OK  # by the second attempt, which follows immediately
    assert game.updates == [(WIN, 100)]
    assert world.percents() == {WIN: 100}
