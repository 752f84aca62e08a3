"""A machine whose clock is wrong when the player unlocks something, and is set before the service is told, or never."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from discord_achievements.domain.wire import parse_time
from discord_achievements.testing import ManualClock
from tests.support.managers import OK, WIN
from tests.support.service_games import ANN, LONG_S, UNAVAILABLE, ServiceAndGames

SECOND_US = 1_000_000
WRONG = [datetime(1970, 1, 1, 0, 10, tzinfo=UTC), datetime(2020, 6, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)]


def pass_time(world: ServiceAndGames, clock: ManualClock, seconds: float) -> None:
    for each in (world.clock, clock):
        each.advance(seconds)


@pytest.mark.parametrize("at", WRONG)
@pytest.mark.parametrize("is_set", [True, False])
def test_an_unlock_gets_the_time_at_which_it_happened(world: ServiceAndGames, at: datetime, is_set: bool) -> None:
    clock = ManualClock(at=at)
    game = world.online(clock=clock)
    line = world.lines[-1]
    line.transport.go_down()
    assert game.set(WIN, 100) is UNAVAILABLE
    true_us = world.clock.at_us()
    pass_time(world, clock, 60)
    if is_set:
        clock.jump_wall_clock((world.clock.at_us() - clock.at_us()) / SECOND_US)
    line.transport.come_back()
    pass_time(world, clock, LONG_S)
    game.until(lambda: game.manager.pending_count == 0)
    there_us = world.service.progress(ANN)[WIN].unlocked_at_us
    assert there_us == true_us
    game.until(lambda: game.manager.get_user_achievement(WIN).synced)
    assert parse_time(game.manager.get_user_achievement(WIN).unlocked_at) == there_us
    assert game.updates == [(WIN, 100)]
    game.manager.close()
    again = world.online()
    assert parse_time(again.manager.get_user_achievement(WIN).unlocked_at) == there_us


def test_an_impossible_time_of_an_earlier_run_is_replaced(world: ServiceAndGames) -> None:
    clock = ManualClock(at=WRONG[0])
    game = world.online(clock=clock)
    world.lines[-1].transport.go_down()
    assert game.set(WIN, 100) is UNAVAILABLE
    game.manager.close()
    world.clock.advance(3600)
    again = world.online()
    again.until(lambda: again.manager.pending_count == 0)
    there_us = world.service.progress(ANN)[WIN].unlocked_at_us
    assert there_us == world.clock.at_us()  # nobody knows when it was; two weeks ago would be a guess
    again.until(lambda: again.manager.get_user_achievement(WIN).synced)
    assert parse_time(again.manager.get_user_achievement(WIN).unlocked_at) == there_us


def test_a_clock_that_is_set_a_little_changes_no_time_that_the_player_has_seen(world: ServiceAndGames) -> None:
    clock = ManualClock(at=datetime(2023, 5, 2, 11, 59, 30, tzinfo=UTC))  # half a minute slow
    game = world.online(clock=clock)
    assert game.set(WIN, 100) is OK
    assert game.manager.get_user_achievement(WIN).unlocked_at == "2023-05-02T11:59:30.000000+00:00"
