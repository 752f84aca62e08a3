"""Tokens: how they are renewed, replaced and refused, and that none is ever logged."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import ConfigurationError, Result
from discord_achievements.domain.errors import TransportError
from tests.support.managers import OK, SECURE, WALK, WIN, write_catalogue
from tests.support.service_games import ANN, BASE_URL, LONG_S, ServiceAndGames, Tokens, construct, error


def test_a_refused_token_is_renewed_once(world: ServiceAndGames) -> None:
    tokens = Tokens("expired", "ann-1")
    game = world.start(tokens)
    assert game.set(WALK, 50) is OK
    assert tokens.asked == ["get_token", "refresh"]
    assert world.percents() == {WALK: 50}
    assert {one.headers["Authorization"] for one in world.lines[0].of("PUT")} == {"Bearer ann-1"}


def test_what_was_set_without_a_token_is_sent_as_soon_as_a_known_player_takes_it_over(world: ServiceAndGames) -> None:
    world.online(Tokens("ann-1")).manager.close()
    alone = world.start(Tokens(OSError("the sign-in is down")), down=True)
    alone.set(WALK, 40)
    alone.manager.close()
    game = world.online(Tokens("ann-1"))
    game.until(lambda: world.percents() == {WALK: 40})


def test_a_token_that_ends_during_play_is_renewed(world: ServiceAndGames) -> None:
    tokens = Tokens("ann-1", "ann-2", "ann-3")
    game = world.online(tokens)
    world.service.revoke("ann-1")
    world.service.add_player("ann-2", ANN)
    assert game.set(WALK, 50) is OK
    world.service.revoke("ann-2")
    world.service.add_player("ann-3", ANN)
    assert game.set(WALK, 60) is OK
    assert tokens.asked == ["get_token", "refresh", "refresh"]
    assert game.manager.get_user_achievement(WALK).user_id == ANN
    game.manager.close()
    again = world.start("ann-3", down=True)  # its player is remembered
    again.fetch()
    assert again.percent(WALK) == 60


def test_after_a_renewed_token_is_refused_too_the_manager_waits_for_another(world: ServiceAndGames) -> None:
    tokens = Tokens("expired", "expired-too")
    game = world.start(tokens, achievements=write_catalogue(world.folder))
    assert game.set(WALK, 50) is Result.INVALID_ACCESS_TOKEN
    assert tokens.asked == ["get_token", "refresh"]
    assert game.manager.pending_count == 1
    assert game.updates == [(WALK, 50)]
    count = len(world.lines[0].requests)
    world.clock.advance(LONG_S)
    assert game.set(WALK, 60) is Result.INVALID_ACCESS_TOKEN
    assert len(world.lines[0].requests) == count  # a token known to be invalid is not sent
    game.manager.set_token("ann-1")
    game.until(lambda: world.percents() == {WALK: 60})
    assert len(game.results) == 2


def test_after_a_plain_token_is_refused_the_manager_waits_for_another(world: ServiceAndGames) -> None:
    game = world.start("expired")
    assert game.set(WALK, 50) is Result.INVALID_ACCESS_TOKEN
    game.manager.set_token(Tokens("ann-1"))
    game.until(lambda: world.percents() == {WALK: 50})
    assert game.set(WALK, 70) is OK


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_no_player_is_signed_in(world: ServiceAndGames, token: str | None) -> None:
    game = world.start(token, achievements=write_catalogue(world.folder))
    assert game.set(WALK, 50) is Result.NOT_AUTHENTICATED
    assert game.fetch() is Result.NOT_AUTHENTICATED
    assert game.percents == {WALK: 50, WIN: 0, SECURE: 0}
    assert world.lines[0].requests == []
    game.manager.set_token("ann-1")
    game.until(lambda: world.percents() == {WALK: 50})
    game.until(lambda: game.manager.get_user_achievement(WALK).user_id == ANN)


def test_a_sign_in_that_fails_is_tried_again(world: ServiceAndGames, caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens(OSError("cannot reach the sign-in with hunter2"), "ann-1")
    game = world.start(tokens)
    assert game.set(WALK, 50) is Result.OAUTH2_ERROR
    assert game.manager.pending_count == 1
    world.clock.advance(LONG_S)
    game.until(lambda: world.percents() == {WALK: 50})
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("token", ["Bot hunter2", "hunter2 \n", "", 5, None])
def test_a_token_object_that_returns_nonsense_is_logged(
    world: ServiceAndGames, token: Any, caplog: pytest.LogCaptureFixture
) -> None:
    game = world.start(Tokens(token, token) if token != "hunter2 \n" else Tokens("hunter2 \x00"))
    assert game.set(WALK, 50) is Result.INVALID_ACCESS_TOKEN
    assert "token" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_token_is_never_shown_or_stored(world: ServiceAndGames, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.service.add_player("hunter2", ANN)
    game = world.online("hunter2")
    world.lines[0].answers.extend([error(500, 0), TransportError("broke"), error(409, 0)])
    game.set(WALK, 50)
    world.clock.advance(LONG_S)
    game.until(lambda: game.manager.pending_count == 0)
    world.service.revoke("hunter2")
    assert game.set(WALK, 60) is Result.INVALID_ACCESS_TOKEN
    with pytest.raises(ConfigurationError) as caught:
        game.manager.set_token("Bot hunter2")
    game.manager.close()
    assert caplog.records
    texts = [caplog.text, repr(game.manager), str(caught.value), *map(repr, world.lines[0].requests)]
    assert [text for text in texts if "hunter2" in text] == []
    assert [path for path in (world.folder / "data").iterdir() if b"hunter2" in path.read_bytes()] == []


def test_set_token_after_close_checks_and_does_nothing(world: ServiceAndGames) -> None:
    game = world.start()
    game.manager.close()
    game.manager.set_token("ann-2")
    with pytest.raises(ConfigurationError):
        game.manager.set_token("Bot ann-2")


@pytest.mark.parametrize(
    "token",
    [
        "Bot hunter2",
        "bot hunter2",
        " BOT hunter2",
        "Bearer Bot hunter2",
        "dabot_0123456789ab_hunter2",  # as the command line prints it
        "Bearer dabot_0123456789ab_hunter2",
        "Bearer Bearer dabot_0123456789ab_hunter2",
        "Bot dabot_0123456789ab_hunter2",
    ],
)
def test_a_bot_token_is_refused_with_the_reason(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigurationError, match="token") as caught:
        construct(tmp_path, base_url=BASE_URL, token=token)
    assert "hunter2" not in str(caught.value)
    assert "bot token" in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "Bearer "])
def test_a_token_of_the_application_is_refused_with_the_reason(world: ServiceAndGames, prefix: str) -> None:
    game = world.start()
    with pytest.raises(ConfigurationError, match="not a player's") as caught:
        game.manager.set_token(f"{prefix}daclient_0123456789ab_hunter2")
    assert "hunter2" not in str(caught.value)


class NoRefresh:
    def get_token(self) -> str:
        return "hunter2"


@pytest.mark.parametrize(
    "token", [5, b"hunter2", ["hunter2"], NoRefresh(), Tokens, "hunter2\nx", "hunter2 x", "hünter2", "x" * 5000]
)
def test_an_unusable_token_is_refused_without_repeating_it(tmp_path: Path, token: Any) -> None:
    with pytest.raises(ConfigurationError, match="token") as caught:
        construct(tmp_path, base_url=BASE_URL, token=token)
    assert "hunter2" not in str(caught.value)
    assert "xxxx" not in str(caught.value)


@pytest.mark.parametrize("user_id", ["53908232506183680", 0, -1, True])
def test_a_token_objects_user_id_is_an_id(tmp_path: Path, user_id: Any) -> None:
    with pytest.raises(ConfigurationError, match="user_id"):
        construct(tmp_path, base_url=BASE_URL, token=Tokens("t", user_id=user_id))


def test_a_token_may_begin_with_its_kind(world: ServiceAndGames) -> None:
    game = world.online(" Bearer ann-1 ")
    assert world.lines[0].of("GET")[0].headers["Authorization"] == "Bearer ann-1"
    assert "service" in repr(game.manager)
