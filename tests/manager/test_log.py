"""What the log says in a game that has not configured logging."""

from __future__ import annotations

import logging

import pytest

from discord_achievements import Result
from discord_achievements.domain.wire import USER_ACHIEVEMENT_UPDATE, format_event
from discord_achievements.testing import ScriptedTransport
from tests.support.managers import OK, WALK
from tests.support.service_games import (
    STRINGS,
    UNAVAILABLE,
    ServiceAndGames,
    bring_back,
    error,
    listing,
    scripted,
    superset,
    warned,
)


def test_a_service_without_a_token_is_logged_once(world: ServiceAndGames, caplog: pytest.LogCaptureFixture) -> None:
    game = world.start(None)
    assert game.fetch() is game.set(WALK, 10) is game.fetch() is Result.NOT_AUTHENTICATED
    (message,) = warned(caplog)
    assert "set_token()" in message


def test_only_the_first_outage_is_a_warning(world: ServiceAndGames, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    game = world.start(down=True)
    for outage, percent in enumerate((10, 20), 1):
        world.lines[0].transport.go_down()
        assert game.set(WALK, percent) is UNAVAILABLE
        bring_back(world, world.lines[0])
        game.until(lambda: game.manager.is_online and not game.manager.pending_count)
        assert caplog.messages.count("the service is reachable again") == outage
        assert sum("the update is kept" in message for message in caplog.messages) >= outage
    assert len(warned(caplog)) == 1


@pytest.mark.parametrize("answer", [(404, None), (404, 0), (405, 0), (400, 50041)])
@pytest.mark.parametrize(
    ("base_url", "advice"),
    [
        ("https://game.invalid:8000", "must end in /api/v10"),
        ("https://game.invalid:8000/api/v11", "must end in /api/v10"),
        ("https://game.invalid:8000/api/v10", "must be the address of one"),
    ],
)
def test_an_address_of_another_server_is_logged(
    world: ServiceAndGames, caplog: pytest.LogCaptureFixture, answer: tuple[int, int | None], base_url: str, advice: str
) -> None:
    line = world.line()
    line.refusal = error(*answer)
    game = world.start(line=line, base_url=base_url)
    game.manager.set_user_achievement(WALK, 10)
    expected = f"{base_url} is not an achievements service: base_url {advice}"
    game.until(lambda: any(expected in message for message in warned(caplog)))
    assert game.manager.pending_count == 1


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        ("https://elsewhere.invalid/api/v10/users/@me", "https://elsewhere.invalid/api/v10/users/@me"),
        ("https://user:pass@portal.invalid:444/login?session=7#top", "https://portal.invalid:444/login"),
        ("/sign-in?next=achievements", "/sign-in"),
    ],
)
def test_a_redirect_is_logged_with_its_target(
    world: ServiceAndGames, caplog: pytest.LogCaptureFixture, target: str, logged: str
) -> None:
    line = world.line()
    line.refusal = error(308, None, location=target)
    game = world.start(line=line)
    assert game.set(WALK, 10) is UNAVAILABLE
    assert any(f"redirected to '{logged}'" in message and "base_url" in message for message in warned(caplog))
    assert game.manager.pending_count == 1


def test_a_flood_of_events_that_cannot_be_read_is_logged_once(
    world: ServiceAndGames, caplog: pytest.LogCaptureFixture
) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(STRINGS)})
    game = scripted(world, transport, streams=True)
    assert game.fetch() is OK
    broken = f"event: {USER_ACHIEVEMENT_UPDATE}\ndata: {{\n\n".encode()
    for _ in range(10):
        transport.push(broken * 100)
    transport.push(format_event(9, USER_ACHIEVEMENT_UPDATE, superset(WALK, 57, revision=9)))
    game.until(lambda: game.percent(WALK) == 57)
    assert [line[:28] for line in warned(caplog)] == ["an event cannot be read (Exp"]
