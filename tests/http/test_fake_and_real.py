"""The fake service answers like the real one: both get the same requests, and every answer is compared.

Both are asked over HTTP. What may differ is cut out: moments, the ids of events, the digits of an `ETag`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from discord_achievements.domain import routes
from discord_achievements.server.icons import default_icon
from discord_achievements.testing import FakeService, FaultServer
from tests.support.running import (
    APP,
    DEFINITIONS,
    OTHER_APP,
    OTHER_PLAYER,
    PLAYER,
    SECRET,
    SECRET_SECURE,
    SECURE,
    WIN,
    Client,
    Tokens,
    definitions_path,
    mine_path,
    progress_path,
    running,
)

UNKNOWN = 999
# These headers are made by the HTTP servers, not by the service.
NOT_COMPARED = {"date", "server", "content-length", "connection", "transfer-encoding", "x-accel-buffering"}
LISTS = [mine_path(tail=tail) for tail in ("", "?started=true", "?started=1", "?started=False", "/")]


class Both:
    """The two services and their clients."""

    def __init__(self, hosts: tuple[str, str], tokens: Tokens) -> None:
        self._hosts = hosts
        self._tokens = tokens
        self._clients: list[Client] = []

    def clients(self, who: str, version: str) -> list[Client]:
        """Return a client of each service; `who` is the name of a token, with its kind if that is unusual."""
        kind, _, name = who.rpartition(" ")
        if name == who:
            kind = {"bot": "Bot", "other_game": "Bot"}.get(name, "Bearer")
        authorization = f"{kind} {getattr(self._tokens, name, name)}".strip() if who else ""
        made = [Client(host, authorization, version) for host in self._hosts]
        self._clients += made
        return made

    def call(
        self, who: str, method: str, path: str, json: Any = None, *, version: str = "v10", **given: Any
    ) -> requests.Response:
        """Send both a request, compare the answers, and return the real one."""
        real, fake = (client.call(method, path, json, **given) for client in self.clients(who, version))
        assert form(fake) == form(real), f"{who} {method} {path} {json}"
        return real

    def set(self, achievement_id: int, percent: int, who: str = "player", user: str | int = "@me") -> requests.Response:
        return self.call(who, "PUT", progress_path(achievement_id, user), {"percent_complete": percent})

    def reset(self, achievement_id: int) -> None:
        self.call("bot", "DELETE", progress_path(achievement_id, PLAYER))

    def close(self) -> None:
        for client in self._clients:
            client.close()


def form(answer: requests.Response) -> tuple[int, dict[str, str], str]:
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in NOT_COMPARED}
    for own in ("etag", "x-achievements-history"):
        if own in headers:
            headers[own] = re.sub("[0-9a-f]{32}", "...", headers[own])
    for cursor in ("x-achievements-cursor", "x-achievements-since"):
        if cursor in headers:
            headers[cursor] = "..."  # each service has its own kind
    return answer.status_code, headers, without_moments(answer.content.decode())


def without_moments(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", "...", text)


@pytest.fixture(scope="module")
def hosts(database: str, tokens: Tokens) -> Iterator[tuple[str, str]]:
    fake = FakeService(APP, bot_token=tokens.bot)
    for definition in DEFINITIONS:
        fake.add_achievement(
            definition.id,
            definition.name,
            definition.description,
            secret=definition.secret,
            secure=definition.secure,
            icon=default_icon().content,
            name_localizations=definition.name_localizations,
        )
    fake.add_player(tokens.player, PLAYER)
    fake.add_player(tokens.other_player, OTHER_PLAYER)
    fake.add_player(tokens.other_games_player, PLAYER, application_id=OTHER_APP)
    fake.add_bot(tokens.other_game, OTHER_APP)
    with running(database, forked=True) as real, FaultServer(fake) as server:
        yield real.host, routes.asset_root(server.base_url)


@pytest.fixture
def both(hosts: tuple[str, str], tokens: Tokens) -> Iterator[Both]:
    """Both services, without any progress; revisions keep rising, equally on both."""
    pair = Both(hosts, tokens)
    for definition in DEFINITIONS:
        pair.reset(definition.id)
    yield pair
    pair.close()


@pytest.mark.parametrize("version", ["", "v6", "v9", "v10"])
def test_lists_and_updates(both: Both, version: str) -> None:
    assert both.set(WIN, 30).json()["percent_complete"] == 30
    for percent in (30, 10, 100, 100, 50):
        both.set(WIN, percent)
    for path in LISTS:
        assert both.call("player", "GET", path, version=version).status_code == 200
    both.call("player", "PUT", progress_path(WIN), {"percent_complete": 100}, version=version)
    by_id = both.call("player", "PUT", progress_path(WIN, PLAYER), {"percent_complete": 100}, version=version)
    assert by_id.json() == {}


def test_a_locked_secret(both: Both) -> None:
    assert both.set(SECRET, 40).content == b"{}", "not even its percent"
    both.set(SECRET, 99, "bot", PLAYER)
    for path in LISTS:
        assert str(SECRET) not in both.call("player", "GET", path).text
    assert both.set(SECRET, 100).json()["percent_complete"] == 100
    assert str(SECRET) in both.call("player", "GET", mine_path()).text
    both.reset(SECRET)
    assert both.set(SECRET, 1).content == b"{}"


def test_what_the_games_server_sees(both: Both) -> None:
    for achievement_id in (WIN, SECRET, SECURE, SECRET_SECURE):
        both.set(achievement_id, 70, "bot", PLAYER)
    for tail in ("", "?started=true"):
        path = f"/users/{PLAYER}/applications/{APP}/achievements{tail}"
        assert str(SECRET_SECURE) in both.call("bot", "GET", path).text
        both.call("player", "GET", path)


def test_a_reset_of_nothing_changes_nothing(both: Both) -> None:
    both.set(WIN, 20)
    both.reset(WIN)
    before = both.call("player", "GET", mine_path()).json()
    both.reset(WIN)
    assert both.call("player", "GET", mine_path()).json() == before


@pytest.mark.parametrize("age_s", [0, 60, -1, 1.5, 10**12, "soon", True, None])
def test_the_age_of_an_unlock(both: Both, age_s: object) -> None:
    both.call("player", "PUT", progress_path(WIN), {"percent_complete": 100, "seconds_since_unlock": age_s})
    # Repeating the same unlock changes nothing, so the revision stays.
    first = both.set(WIN, 100).json()
    assert both.set(WIN, 100).json() == first


def test_an_unchanged_list(both: Both) -> None:
    both.set(WIN, 5)
    real, fake = (client.get(mine_path()).headers["ETag"] for client in both.clients("player", "v10"))
    for pattern in ("{}", "W/{}", '"x", {}', "*", '"x"'):
        for client, etag in zip(both.clients("player", "v10"), (real, fake), strict=True):
            status = client.get(mine_path(), {"If-None-Match": pattern.format(etag)}).status_code
            assert status == (200 if pattern == '"x"' else 304), (client, pattern)
    assert both.call("player", "GET", mine_path(), headers={"If-None-Match": "*"}).status_code == 304


@pytest.mark.parametrize(
    ("who", "method", "path", "refusal"),
    [
        ("", "GET", mine_path(), (401, 0)),
        ("Bearer nonsense", "GET", mine_path(), (401, 0)),
        ("Bot player", "GET", mine_path(), (401, 0)),
        (" player", "GET", mine_path(), (401, 0)),
        ("expired", "GET", mine_path(), (401, 0)),
        ("client", "GET", mine_path(), (401, 0)),
        ("bot", "GET", mine_path(), (403, 20001)),
        ("bot", "GET", mine_path(tail="/events"), (403, 20001)),
        ("player", "GET", mine_path(OTHER_APP), (403, 50025)),
        ("player", "GET", mine_path(OTHER_APP, "/events"), (403, 50025)),
        ("player", "PUT", progress_path(WIN, application_id=OTHER_APP), (403, 50025)),
        ("player", "GET", mine_path(UNKNOWN), (404, 10002)),
        ("player", "PUT", progress_path(WIN, application_id=UNKNOWN), (404, 10002)),
        ("", "PUT", progress_path(WIN, application_id=UNKNOWN), (401, 0)),
        ("player", "GET", mine_path("x"), (400, 50035)),
        ("other_games_player", "GET", mine_path(), (403, 50025)),
        ("other_game", "PUT", progress_path(WIN, PLAYER), (403, 20012)),
        ("bot", "PUT", progress_path(WIN), (400, 50035)),
        ("player", "PUT", progress_path(WIN, OTHER_PLAYER), (403, 50001)),
        ("player", "PUT", progress_path(SECURE), (403, 20012)),
        ("player", "PUT", progress_path(SECRET_SECURE), (403, 20012)),
        ("player", "PUT", progress_path(UNKNOWN), (404, 990001)),
        ("player", "PUT", progress_path("0"), (400, 50035)),
        ("player", "PUT", progress_path("abc"), (400, 50035)),
        ("player", "PUT", progress_path(WIN, "0"), (400, 50035)),
        ("player", "DELETE", progress_path(WIN), (401, 0)),
        ("bot", "DELETE", progress_path(UNKNOWN, PLAYER), (404, 990001)),
        ("bot", "DELETE", progress_path(WIN, "me"), (400, 50035)),
        ("player", "POST", mine_path(), (405, 0)),
        ("player", "PATCH", progress_path(WIN), (405, 0)),
        ("player", "GET", definitions_path(), (401, 0)),
        ("player", "GET", f"/users/{PLAYER}/applications/{APP}/achievements", (401, 0)),
        ("player", "GET", "/nowhere", (404, 0)),
        ("", "PUT", progress_path(WIN), (401, 0)),
        ("player", "GET", mine_path(tail="?started=yes"), (400, 50035)),
        ("player", "GET", mine_path(tail="?started="), (400, 50035)),
    ],
)
def test_refusals(both: Both, who: str, method: str, path: str, refusal: tuple[int, int]) -> None:
    json = {"percent_complete": 10} if method in ("PUT", "POST", "PATCH") else None
    answer = both.call(who, method, path, json)
    assert (answer.status_code, answer.json()["code"]) == refusal
    assert not any(entry["percent_complete"] for entry in both.call("player", "GET", mine_path()).json())


@pytest.mark.parametrize("version", ["v3", "v5", "v11", "v010"])
def test_versions_that_do_not_exist(both: Both, version: str) -> None:
    assert both.call("player", "GET", mine_path(), version=version).status_code == 400


@pytest.mark.parametrize(
    "body", [{}, [], None, {"percent_complete": None}, *({"percent_complete": p} for p in (-1, 101, True, 1.0, "1"))]
)
def test_unusable_updates(both: Both, body: object) -> None:
    answer = both.call("player", "PUT", progress_path(WIN), data=None if body is None else body, json=body)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"percent_complete": 1}', "text/plain", 400),
        (b'{"percent_complete": 1}', "Application/JSON; charset=utf-8", 200),
        (b" " * (600 * 1024), "application/json", 413),
    ],
)
def test_bodies(both: Both, body: bytes, kind: str, status: int) -> None:
    answer = both.call("player", "PUT", progress_path(WIN), data=body, headers={"Content-Type": kind})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("player", mine_path(), 200),
        ("player", mine_path(tail="/events"), 200),
        ("bot", f"/users/{PLAYER}/applications/{APP}/achievements?started=1", 200),
        ("bot", mine_path(), 403),
        ("player", progress_path(WIN), 405),
    ],
)
def test_head(both: Both, who: str, path: str, status: int) -> None:
    assert both.call(who, "HEAD", path).status_code == status


def test_a_compressed_body_is_refused(both: Both) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"percent_complete": 1}')
    assert both.call("player", "PUT", progress_path(WIN), data=body, headers=headers).status_code == 415


def test_a_forbidden_update_is_refused_with_any_body(both: Both) -> None:
    for body in (b"{", b" " * (600 * 1024)):
        headers = {"Content-Type": "application/json"}
        answer = both.call("player", "PUT", progress_path(WIN, OTHER_PLAYER), data=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, 50001)


def test_the_events(both: Both) -> None:
    streams = [client.events(mine_path(tail="/events")) for client in both.clients("player", "v10")]
    for percent in (10, 10, 5, 100):
        both.set(WIN, percent)
    both.set(WIN, 100, "other_player")
    both.set(SECRET, 50)
    both.set(SECRET, 100)
    both.reset(SECRET)
    both.set(SECRET_SECURE, 100, "bot", PLAYER)
    both.reset(WIN)
    both.reset(WIN)
    both.set(SECURE, 1, "bot", PLAYER)  # the last one
    received = []
    for stream in streams:
        events: list[dict[str, str]] = []
        while not events or str(SECURE) not in events[-1].get("data", ""):
            event = stream.next()
            assert event is not None
            events.append({name: value for name, value in event.fields.items() if name != "id"})
            assert ("id" in event.fields) != ("retry" in event.fields)
        received.append([{name: without_moments(value) for name, value in event.items()} for event in events])
        stream.close()
    real, fake = received
    assert fake == real
    kinds = [event.get("event") for event in real]
    update, resync = "USER_ACHIEVEMENT_UPDATE", "RESYNC"
    assert kinds == [None, update, update, update, resync, update, update, update]
