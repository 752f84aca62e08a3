"""Rate limits, and pauses that the service asks for."""

from __future__ import annotations

import logging

import pytest

from discord_achievements import Result
from discord_achievements.testing import FakeService
from tests.support.managers import APPLICATION_ID, OK, WALK
from tests.support.service_games import ANN, UNAVAILABLE, ServiceAndGames, error, eventually


def test_an_update_that_would_exceed_the_limit_in_the_headers_is_not_sent(world: ServiceAndGames) -> None:
    world.service = FakeService(APPLICATION_ID, clock=world.clock, limits=True)
    world.service.add_player("ann-1", ANN)
    ids = world.service.fill(12)
    line = world.line(streams=False)
    game = world.online(line=line)
    for achievement_id in ids:
        game.manager.set_user_achievement(achievement_id, 50, game.results.append)
    for arrived in (5, 10, 12):  # five in five seconds
        game.until(lambda arrived=arrived: len(game.results) == arrived)  # type: ignore[misc]
        assert len(line.put) == arrived
        world.clock.advance(5)
    assert set(game.results) == {OK}
    assert 429 not in line.statuses
    assert game.connection == []


def test_a_call_waits_for_a_short_limit(world: ServiceAndGames, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    game = world.online()
    line = world.lines[0]
    line.answers.append(error(429, 0, retry_after="3"))
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    eventually(lambda: "429" in caplog.text)  # from then on it waits
    game.manager.run_callbacks()
    assert game.results == []
    world.clock.advance(2.9)
    game.manager.run_callbacks()
    assert len(line.put) == 1
    world.clock.advance(0.1)
    game.until(lambda: game.results)
    assert game.results == [OK]
    assert len(line.put) == 2


def test_a_call_does_not_wait_for_a_long_limit_but_the_update_is_sent_later(world: ServiceAndGames) -> None:
    game = world.online()
    line = world.lines[0]
    line.answers.append(error(429, 0, retry_after="600"))
    assert game.set(WALK, 50) is Result.RATE_LIMITED
    world.clock.advance(599)
    assert game.set(WALK, 60) is not OK
    assert len(line.put) == 1
    world.clock.advance(2)
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 60}


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "500"},
        {"retry_after": "Tue, 02 May 2023 12:08:20 GMT"},  # the manual clock says 12:00
        {"retry_after": "Sun, 06 Nov 1994 08:57:57 GMT", "date": "Sun, 06 Nov 1994 08:49:37 GMT"},
    ],
)
def test_a_wait_given_by_the_service_replaces_the_tables(world: ServiceAndGames, headers: dict[str, str]) -> None:
    game = world.online()
    line = world.lines[0]
    line.answers.append(error(503, None, **headers))
    assert game.set(WALK, 50) is UNAVAILABLE
    world.clock.advance(499)
    assert game.fetch() is UNAVAILABLE  # asking does not shorten a pause that the service has set
    assert len(line.put) == 1
    world.clock.advance(2)
    game.until(lambda: game.manager.pending_count == 0)
    assert world.percents() == {WALK: 50}
