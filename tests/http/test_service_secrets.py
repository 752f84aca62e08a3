"""A secret achievement that a player has not unlocked: no answer distinguishes its id from one that does not exist.

There is one necessary exception: a game may raise the player's progress on it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest
import requests

from discord_achievements.domain.models import Achievement
from discord_achievements.server.icons import default_icon
from discord_achievements.server.stores.base import Icon, Key, Raise
from discord_achievements.server.web.app import open_store
from tests.support.running import (
    APP,
    OTHER_APP,
    OTHER_PLAYER,
    PLAYER,
    SECRET,
    SECRET_SECURE,
    Client,
    Tokens,
    definitions_path,
    mine_path,
    prepare,
    progress_path,
    running,
)

PICTURE = b"a picture" * 1000
PICTURED_SECRET, PICTURED = 1005, 1006
NOBODYS = 1999
AT_US = 1_700_000_000_000_000
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UPDATE = {"percent_complete": 10}


def icon(content: bytes) -> Icon:
    return Icon(hashlib.md5(content).hexdigest(), "image/gif", content, content)


SECRETS_ICON, EVERYBODYS_ICON = icon(PICTURE), icon(b"another")


class Secrets(NamedTuple):
    host: str
    tokens: Tokens
    player: Client


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").new_database())
    return f"sqlite:///{tmp_path_factory.mktemp('secrets').as_posix()}/service.sqlite3"


@pytest.fixture(scope="module")
def tokens(database: str) -> Tokens:
    """The tokens of a database in which the player is at 50 percent of each secret achievement."""
    tokens = prepare(database)
    with closing(open_store(database)) as store:
        for achievement_id, picture, secret in (
            (PICTURED_SECRET, SECRETS_ICON, True),
            (PICTURED, EVERYBODYS_ICON, False),
        ):
            store.add_achievement(
                Achievement(APP, achievement_id, "Name", "Words", secret=secret, icon_hash=picture.icon_hash), picture
            )
        store.write(
            [Raise(Key(APP, PLAYER, hidden), 50, 0) for hidden in (SECRET, SECRET_SECURE, PICTURED_SECRET)], AT_US
        )
    return tokens


@pytest.fixture(scope="module")
def secrets(database: str, tokens: Tokens) -> Iterator[Secrets]:
    with running(database, forked=True) as service, Client(service.host, f"Bearer {tokens.player}") as player:
        yield Secrets(service.host, tokens, player)


def seen(answer: requests.Response) -> tuple[Any, ...]:
    """Return everything that a client sees of an answer."""
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "date"}
    if "x-achievements-cursor" in headers:  # it begins with the time
        headers["x-achievements-cursor"] = headers["x-achievements-cursor"].partition(".")[2]
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize("hidden", [SECRET, SECRET_SECURE, PICTURED_SECRET])
@pytest.mark.parametrize("version", ["", "v9", "v10"])
def test_no_route_of_the_api_distinguishes_them(secrets: Secrets, hidden: int, version: str) -> None:
    own_updates = (progress_path("{}"), progress_path("{}", PLAYER))
    paths = (
        *own_updates,
        progress_path("{}", OTHER_PLAYER),
        progress_path("{}", application_id=OTHER_APP),
        definitions_path("{}"),
        definitions_path("{}", OTHER_APP),
        mine_path(tail="/{}"),
        mine_path(tail="?started=true&achievement_id={}"),
    )
    for token in (secrets.tokens.player, secrets.tokens.other_games_player, secrets.tokens.client, "nonsense"):
        with Client(secrets.host, f"Bearer {token}", version) as caller:
            for method, path in itertools.product(METHODS, paths):
                if (token, method) == (secrets.tokens.player, "PUT") and path in own_updates:
                    continue  # see test_an_update_reveals_what_it_must_and_no_more
                answers = [seen(caller.call(method, path.format(one), UPDATE)) for one in (hidden, NOBODYS)]
                assert answers[0] == answers[1], f"{method} {path}"


@pytest.mark.parametrize("hidden", [SECRET, PICTURED_SECRET])
def test_no_icon_distinguishes_them(secrets: Secrets, hidden: int) -> None:
    with Client(secrets.host) as public:
        hashes = (default_icon().icon_hash, EVERYBODYS_ICON.icon_hash, "0" * 32, "nonsense", "%00", "")
        for method, icon_hash, extension in itertools.product(METHODS, hashes, ("png", "gif", "exe")):
            answers = [
                seen(public.site(f"/app-assets/{APP}/achievements/{one}/icons/{icon_hash}.{extension}", method))
                for one in (hidden, NOBODYS)
            ]
            assert answers[0] == answers[1], f"{method} {icon_hash}.{extension}"
            assert answers[0][0] in (200, 404, 405)
        # A client that has seen the achievement knows the hash of its picture, and gets it.
        path = f"/app-assets/{APP}/achievements/{PICTURED_SECRET}/icons/{SECRETS_ICON.icon_hash}.gif"
        assert public.site(path).content == PICTURE


def test_an_update_reveals_what_it_must_and_no_more(database: str, tokens: Tokens) -> None:
    """An update works, or says that the achievement is `secure`; headers and cost of the update are the same."""
    with (
        running(database, forked=True, rate_limits="update_user_achievement=20/60") as service,
        Client(service.host, f"Bearer {tokens.player}") as player,
    ):
        asked = (SECRET, NOBODYS, SECRET_SECURE, NOBODYS, PICTURED_SECRET, NOBODYS)
        answers = [player.put(progress_path(one), UPDATE) for one in asked]
    unknown = (404, {"message": "Unknown Achievement", "code": 990001})
    secure = (403, {"message": "You are not authorized to perform this action on this application", "code": 20012})
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {}), unknown, secure, unknown, (200, {}), unknown
    ]  # fmt: skip
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["19", "18", "17", "16", "15", "14"]
    moving = {"date", "content-length", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-reset-after"}
    moving.add("x-achievements-history")  # of successes, which the status reveals already
    others = [{name: value for name, value in seen(answer)[1].items() if name not in moving} for answer in answers]
    assert all(headers == others[0] for headers in others)
    assert "x-ratelimit-bucket" in others[0]
