"""The routes of the service over real HTTP: success, refusals, both shapes."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from discord_achievements.server.icons import default_icon
from tests.support.running import (
    APP,
    OTHER_APP,
    OTHER_PLAYER,
    PLAYER,
    SECRET,
    SECRET_SECURE,
    SECURE,
    WIN,
    Client,
    RunningService,
    Tokens,
    definitions_path,
    mine_path,
    progress_path,
    running,
)

SAMPLES = json.loads((Path(__file__).parents[1] / "data/wire_samples.json").read_text("utf-8"))
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBwIAMCbHYQAAAABJRU5ErkJggg=="
)
PNG_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
PNG_HASH = "3ccfc4c5eac57349ab827b5c9ac87d69"  # md5sum of those bytes
UNKNOWN = 999


class Callers:
    """Makes clients of a running service, one for each kind of token."""

    def __init__(self, service: RunningService, tokens: Tokens) -> None:
        self.service = service
        self.tokens = tokens
        self.clients: list[Client] = []

    def client(self, authorization: str = "", version: str = "v10") -> Client:
        client = Client(self.service.host, authorization, version)
        self.clients.append(client)
        return client

    def bot(self, version: str = "v10") -> Client:
        return self.client(f"Bot {self.tokens.bot}", version)

    def player(self, version: str = "v10") -> Client:
        return self.client(f"Bearer {self.tokens.player}", version)

    def other_player(self) -> Client:
        return self.client(f"Bearer {self.tokens.other_player}")


@pytest.fixture(scope="module")
def started(database: str, tokens: Tokens) -> Iterator[Callers]:
    with running(database) as service:
        yield Callers(service, tokens)
        assert service.log == [], "none of these requests is worth a warning"


@pytest.fixture
def callers(started: Callers) -> Iterator[Callers]:
    yield started
    bot = started.bot()
    for player in (PLAYER, OTHER_PLAYER):
        for achievement in (WIN, SECRET, SECURE, SECRET_SECURE):
            bot.call("DELETE", progress_path(achievement, player))
    for definition in bot.get(definitions_path()).json():
        if int(definition["id"]) > 10_000:
            bot.call("DELETE", definitions_path(definition["id"]))
    for client in started.clients:
        client.close()
    started.clients.clear()


def refusal(response: Any) -> tuple[int, int]:
    return response.status_code, response.json()["code"]


def field_codes(response: Any) -> dict[str, str]:
    """Return the error code of each wrong field of a 400/50035."""
    assert refusal(response) == (400, 50035)
    found: dict[str, str] = {}

    def walk(tree: dict[str, Any], path: str) -> None:
        for name, node in tree.items():
            if name == "_errors":
                found[path] = node[0]["code"]
                assert node[0]["message"]
            else:
                walk(node, f"{path}.{name}" if path else name)

    walk(response.json()["errors"], "")
    return found


# Discord's samples


@pytest.mark.parametrize("version", ["", "v6", "v7", "v8", "v9"])
def test_every_sample_is_answered_in_its_shape(callers: Callers, version: str) -> None:
    bot, player = callers.bot(version), callers.player(version)
    sample = SAMPLES["create_achievement"]
    created = bot.call("POST", definitions_path(), sample["request"] | {"icon": PNG_URI})
    assert created.status_code == 201
    own = {"id": created.json()["id"], "icon_hash": PNG_HASH}
    assert created.json() == sample["response"] | own

    assert bot.get(definitions_path(own["id"])).json() == created.json()
    assert created.json() in bot.get(definitions_path()).json()
    assert set(bot.get(definitions_path(WIN)).json()) == set(SAMPLES["get_achievement"]["response"])

    sample = SAMPLES["update_achievement"]
    updated = bot.call("PATCH", definitions_path(own["id"]), sample["request"] | {"icon": PNG_URI})
    assert (updated.status_code, updated.json()) == (200, sample["response"] | own)

    sample = SAMPLES["update_user_achievement"]
    done = bot.put(progress_path(own["id"], PLAYER), sample["request"])
    assert (done.status_code, done.json()) == (200, sample["response"])

    listed = player.get(mine_path()).json()
    assert all(set(entry) > set(SAMPLES["get_user_achievements"]["response"][0]) for entry in listed)

    deleted = bot.call("DELETE", definitions_path(own["id"]))
    assert (deleted.status_code, deleted.content) == (SAMPLES["delete_achievement"]["status"], b"")
    assert refusal(bot.get(definitions_path(own["id"]))) == (404, 990001)


# Shapes and versions


def test_the_two_shapes(callers: Callers) -> None:
    assert callers.bot("v9").get(definitions_path(WIN)).json()["name"] == {
        "default": "Win the Game",
        "localizations": {"de": "Gewinne das Spiel"},
    }
    strings = callers.bot().get(definitions_path(WIN)).json()
    assert strings["name"] == "Win the Game"
    assert strings["name_localizations"] == {"de": "Gewinne das Spiel"}
    assert strings["description_localizations"] is None


@pytest.mark.parametrize("version", ["v1", "v3", "v5", "v11", "v010", "vx", "v"])
def test_other_versions_are_refused(callers: Callers, version: str) -> None:
    assert refusal(callers.bot(version).get(definitions_path())) == (400, 50041)


def test_unknown_routes_and_verbs(callers: Callers) -> None:
    assert refusal(callers.bot().get("/applications")) == (404, 0)
    assert refusal(callers.client(version="").get("/..%2f..")) == (404, 0)
    wrong = callers.bot().call("PUT", definitions_path())
    assert refusal(wrong) == (405, 0)
    assert wrong.headers["Allow"] == "GET, HEAD, POST"
    assert callers.bot().get(definitions_path() + "/").status_code == 200, "a trailing slash is tolerated"
    for method in ("PUT", "DELETE"):
        events = callers.player().call(method, mine_path(tail="/events"), {"percent_complete": 5})
        assert (*refusal(events), events.headers["Allow"]) == (405, 0, "GET, HEAD"), "`events` is not an id"


def test_head_is_answered_where_get_is(callers: Callers) -> None:
    bot, player = callers.bot(), callers.player()
    for client, path in (
        (bot, definitions_path()),
        (bot, definitions_path(WIN)),
        (bot, f"/users/{PLAYER}/applications/{APP}/achievements"),
        (player, mine_path()),
        (player, definitions_path()),  # 401
        (bot, definitions_path(UNKNOWN)),  # 404
    ):
        got, head = client.get(path), client.call("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("Content-Type", "Content-Length", "ETag", "WWW-Authenticate"):
            assert head.headers.get(name) == got.headers.get(name)
    events = player.call("HEAD", mine_path(tail="/events"))
    assert (events.status_code, events.content) == (200, b""), "without opening a stream"
    assert events.headers["Content-Type"].startswith("text/event-stream")
    assert player.get(mine_path()).status_code == 200, "the connection goes on"
    with Client(callers.service.host) as public:
        icon = f"/app-assets/{APP}/achievements/{WIN}/icons/{default_icon().icon_hash}.png"
        for path in ("/health", "/ready", "/metrics", "/openapi.json", icon):
            head = public.site(path, "HEAD")
            assert (head.status_code, head.content) == (200, b"")
            assert int(head.headers["Content-Length"]) > 0


# Who may ask


@pytest.mark.parametrize(
    "make",
    [
        lambda tokens: "",
        lambda tokens: "Bot",
        lambda tokens: "Bot ",
        lambda tokens: f"Bearer {tokens.bot}",
        lambda tokens: f"Bot {tokens.player}",
        lambda tokens: tokens.bot,
        lambda tokens: f"Bot {tokens.bot[:-1]}0" if tokens.bot[-1] != "0" else f"Bot {tokens.bot[:-1]}1",
        lambda tokens: f"Bot {tokens.bot}x",
        lambda tokens: f"Bearer {tokens.expired}",
        lambda tokens: f"Bearer {tokens.client}",
        lambda tokens: "Bearer \xe4\xf6\xfc",
    ],
)
def test_without_a_valid_token_there_is_401(callers: Callers, make: Callable[[Tokens], str]) -> None:
    client = callers.client()
    headers = {"Authorization": make(callers.tokens).encode("latin-1").decode("latin-1")}
    schemes = {"Bot": 'Bot realm="achievements"', "Bearer": 'Bearer realm="achievements"'}
    for path in (definitions_path(), definitions_path(application_id=1), mine_path(), mine_path(tail="/events")):
        answer = client.get(path, headers)
        assert refusal(answer) == (401, 0)
        assert answer.headers["WWW-Authenticate"] == schemes["Bearer" if "@me" in path else "Bot"]
    answer = client.call("PUT", progress_path(WIN), {}, headers=headers)
    assert refusal(answer) == (401, 0)
    assert answer.headers["WWW-Authenticate"] == f"{schemes['Bearer']}, {schemes['Bot']}"


def test_a_bot_of_another_application(callers: Callers) -> None:
    assert refusal(callers.bot().get(definitions_path(application_id=OTHER_APP))) == (403, 20012)
    assert refusal(callers.bot().get(definitions_path(application_id=UNKNOWN))) == (404, 10002)


@pytest.mark.parametrize("bad", ["0", "007", "-1", "x", "9" * 30, "9223372036854775808", "1.0", "\u0661"])
def test_what_is_not_an_id(callers: Callers, bad: str) -> None:
    assert field_codes(callers.bot().get(definitions_path(bad))) == {"achievement_id": "NUMBER_TYPE_COERCE"}
    assert field_codes(callers.bot().get(definitions_path(application_id=bad))) == {
        "application_id": "NUMBER_TYPE_COERCE"
    }
    answer = callers.bot().put(progress_path(WIN, bad), {"percent_complete": 5})
    assert field_codes(answer) == {"user_id": "NUMBER_TYPE_COERCE"}


# Bodies


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("declared", "sent", "more"),
    [(3 * MEGABYTE, 3 * MEGABYTE, ""), (3 * MEGABYTE, 0, "Expect: 100-continue\r\n"), (17 * MEGABYTE, 0, "")],
    ids=["is read to its end", "is not sent", "is far too large"],
)
def test_what_is_too_large_is_refused_so_that_the_client_sees_it(
    callers: Callers, declared: int, sent: int, more: str
) -> None:
    """A proxy answers 502 if the connection breaks while it is still sending."""
    head = (
        f"PUT /api/v10{progress_path(WIN)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {callers.tokens.player}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {declared}\r\n{more}\r\n"
    )
    with socket.create_connection(("127.0.0.1", callers.service.port), timeout=20) as connection:
        connection.sendall(head.encode())
        for _ in range(0, sent, 64 * 1024):
            connection.sendall(b" " * 64 * 1024)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert b'"code":40005' in answer.replace(b" ", b"")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_what_is_not_json(callers: Callers, method: str) -> None:
    path = {"POST": definitions_path(), "PATCH": definitions_path(WIN), "PUT": progress_path(WIN, PLAYER)}[method]
    bot, typed = callers.bot(), {"Content-Type": "application/json"}
    for body in (b"", b"{", b"{'a': 1}", b"\xff", b"[" * 100_000, b'{"percent_complete": 1} x'):
        assert refusal(bot.call(method, path, data=body, headers=typed)) == (400, 50109)
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = bot.call(method, path, data=b'{"percent_complete": 1}', headers={"Content-Type": kind})
        assert refusal(answer) == (400, 50035)
    for body in (b"[]", b"1", b"null", b'"x"'):
        assert refusal(bot.call(method, path, data=body, headers=typed)) == (400, 50035)
    big = b'{"name": "' + b"x" * 600 * 1024 + b'"}'
    assert refusal(bot.call(method, path, data=big, headers=typed)) == (413, 40005)
    assert refusal(bot.call(method, path, data=iter([big]), headers=typed)) == (413, 40005)
    packed = gzip.compress(b'{"percent_complete": 1}')
    for coding in ("gzip", "br", "deflate", "zstd", "x", "identity, gzip", "GZIP"):
        answer = bot.call(method, path, data=packed, headers=typed | {"Content-Encoding": coding})
        assert (*refusal(answer), answer.headers["Accept-Encoding"]) == (415, 0, "identity")
    charset = {"Content-Type": "Application/JSON; charset=utf-8", "Content-Encoding": "Identity"}
    assert bot.call("PUT", progress_path(WIN, PLAYER), data=b'{"percent_complete": 1}', headers=charset).ok


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({}, {"name": "BASE_TYPE_REQUIRED", "description": "BASE_TYPE_REQUIRED"}),
        ({"name": "", "description": "x" * 201},
         {"name": "BASE_TYPE_BAD_LENGTH", "description": "BASE_TYPE_BAD_LENGTH"}),
        ({"name": {"default": "x" * 101}, "description": "d"}, {"name.default": "BASE_TYPE_BAD_LENGTH"}),
        ({"name": {}, "description": "d"}, {"name.default": "BASE_TYPE_REQUIRED"}),
        ({"name": 5, "description": "d"}, {"name": "STRING_TYPE_CONVERT"}),
        ({"name": "a\0b", "description": "d"}, {"name": "STRING_TYPE_REGEX"}),
        ({"name": "n", "description": "d", "secret": 1, "secure": "true"},
         {"secret": "BOOLEAN_TYPE_CONVERT", "secure": "BOOLEAN_TYPE_CONVERT"}),
        ({"name": "n", "description": "d", "name_localizations": {"xx": "y"}},
         {"name_localizations.xx": "BASE_TYPE_CHOICES"}),
        ({"name": {"default": "n", "localizations": {"de": ""}}, "description": "d"},
         {"name.localizations.de": "BASE_TYPE_BAD_LENGTH"}),
        ({"name": "n", "description": "d", "icon": "nonsense"}, {"icon": "IMAGE_INVALID"}),
        ({"name": "n", "description": "d", "icon": "data:image/png;base64,base64_data"}, {"icon": "IMAGE_INVALID"}),
    ],
)  # fmt: skip
def test_field_errors_name_the_field(callers: Callers, body: dict[str, Any], codes: dict[str, str]) -> None:
    before = callers.bot().get(definitions_path()).json()
    assert field_codes(callers.bot().call("POST", definitions_path(), body)) == codes
    assert callers.bot().get(definitions_path()).json() == before


# Definitions


def test_create_in_the_strings_form(callers: Callers) -> None:
    body = {"name": "N", "name_localizations": {"de": "Ä"}, "description": "D", "description_localizations": None}
    created = callers.bot().call("POST", definitions_path(), body).json()
    assert created.pop("id").isdigit()
    assert created == body | {
        "application_id": str(APP), "secret": False, "secure": False, "icon_hash": default_icon().icon_hash
    }  # fmt: skip


def test_update_changes_only_what_is_sent(callers: Callers) -> None:
    bot = callers.bot()
    body = {"name": "N", "name_localizations": {"de": "Ä"}, "description": "D", "secret": True, "icon": PNG_URI}
    made = bot.call("POST", definitions_path(), body).json()
    path = definitions_path(made["id"])
    assert bot.call("PATCH", path, {}).json() == made
    assert bot.call("PATCH", path, {"name": "M"}).json() == made | {"name": "M"}
    assert bot.call("PATCH", path, {"name": {"default": "O"}}).json() == made | {"name": "O"}
    cleared = made | {"name": "O", "name_localizations": None}
    assert bot.call("PATCH", path, {"name_localizations": None}).json() == cleared
    assert bot.call("PATCH", path, {"icon": None}).json() == cleared | {"icon_hash": default_icon().icon_hash}
    assert refusal(bot.call("PATCH", definitions_path(UNKNOWN), {})) == (404, 990001)


def test_the_list_is_ascending_and_has_the_secrets(callers: Callers) -> None:
    ids = [int(entry["id"]) for entry in callers.bot().get(definitions_path()).json()]
    assert ids == sorted(ids)
    assert {SECRET, SECRET_SECURE} <= set(ids)


def test_icons_are_served(callers: Callers) -> None:
    bot = callers.bot()
    made = bot.call("POST", definitions_path(), {"name": "N", "description": "D", "icon": PNG_URI}).json()
    icons = f"/app-assets/{APP}/achievements/{made['id']}/icons"
    with Client(callers.service.host) as public:
        got = public.site(f"{icons}/{PNG_HASH}.png")
        assert (got.status_code, got.content, got.headers["Content-Type"]) == (200, PNG, "image/png")
        assert "immutable" in got.headers["Cache-Control"]
        for wrong in ("0" * 32 + ".png", "0" * 32 + ".webp", PNG_HASH + ".json", PNG_HASH + ".exe", PNG_HASH):
            assert refusal(public.site(f"{icons}/{wrong}")) == (404, 0)
        fallback = f"/app-assets/{APP}/achievements/{WIN}/icons/{default_icon().icon_hash}.png"
        assert public.site(fallback).content == default_icon().content


# Progress


def test_progress_rises_and_the_first_unlock_stays(callers: Callers) -> None:
    player = callers.player()
    first = player.put(progress_path(WIN), {"percent_complete": 40}).json()
    assert (first["percent_complete"], first["unlocked_at"], first["user_id"]) == (40, None, str(PLAYER))
    assert first["id"] == first["achievement_id"] == str(WIN)
    lower = player.put(progress_path(WIN), {"percent_complete": 10}).json()
    assert lower == first
    unlocked = player.put(progress_path(WIN), {"percent_complete": 100}).json()
    at = datetime.fromisoformat(unlocked["unlocked_at"])
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=20)
    assert unlocked["unlocked_at"].endswith("+00:00")
    assert unlocked["revision"] == first["revision"] + 1
    again = player.put(progress_path(WIN, PLAYER), {"percent_complete": 100})
    assert again.json() == {}, "by id the answer is Discord's"
    assert next(e for e in player.get(mine_path()).json() if e["id"] == str(WIN)) == unlocked


@pytest.mark.parametrize(
    ("age_s", "expected_s"), [(3600, 3600), (-5, 0), (10**12, 14 * 86400), ("old", 0), (None, 0), (1e300, 14 * 86400)]
)
def test_a_late_unlock_is_never_refused_for_its_time(callers: Callers, age_s: Any, expected_s: int) -> None:
    body = {"percent_complete": 100, "seconds_since_unlock": age_s}
    at = datetime.fromisoformat(callers.player().put(progress_path(WIN), body).json()["unlocked_at"])
    assert abs(datetime.now(UTC) - timedelta(seconds=expected_s) - at) < timedelta(seconds=20)


@pytest.mark.parametrize(
    ("number", "expected_s"), [("1e999", 14 * 86400), ("-1e999", 0), ("9" * 5000, 14 * 86400), ("-" + "9" * 5000, 0)]
)
def test_nor_for_a_number_out_of_any_range(callers: Callers, number: str, expected_s: int) -> None:
    body = f'{{"percent_complete": 100, "seconds_since_unlock": {number}}}'
    typed = {"Content-Type": "application/json"}
    answer = callers.player().call("PUT", progress_path(WIN), data=body.encode(), headers=typed)
    at = datetime.fromisoformat(answer.json()["unlocked_at"])
    assert abs(datetime.now(UTC) - timedelta(seconds=expected_s) - at) < timedelta(seconds=20)
    wrong = callers.player().call(
        "PUT", progress_path(WIN), data=f'{{"percent_complete": {number}}}'.encode(), headers=typed
    )
    assert wrong.status_code == 400
    for broken in (b'{"percent_complete": NaN, "x": 1e999}', b'{"x": 1e999, "percent_complete": Infinity}'):
        broken_answer = callers.player().call("PUT", progress_path(WIN), data=broken, headers=typed)
        assert refusal(broken_answer) == (400, 50109)


@pytest.mark.parametrize("depth", range(960, 1000, 3))
def test_what_is_nested_deeply_is_refused(callers: Callers, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    typed = {"Content-Type": "application/json"}
    for body in (
        f'{{"name": {deep}, "description": "d"}}',
        f'{{"name": {{"default": {deep}}}, "description": "d"}}',
        f'{{"name": "n", "description": "d", "name_localizations": {{"de": {deep}}}}}',
    ):
        assert callers.bot().call("POST", definitions_path(), data=body, headers=typed).status_code == 400
    update = f'{{"percent_complete": {deep}}}'
    assert callers.bot().call("PUT", progress_path(WIN, PLAYER), data=update, headers=typed).status_code == 400


def test_a_bot_creates_a_player_on_the_fly_resets_and_reads(callers: Callers) -> None:
    bot = callers.bot()
    assert bot.put(progress_path(SECRET, 424242), {"percent_complete": 70}).status_code == 200
    (record,) = bot.get(f"/users/424242/applications/{APP}/achievements?started=true").json()
    assert (record["id"], record["percent_complete"]) == (str(SECRET), 70)
    assert bot.call("DELETE", progress_path(SECRET, 424242)).status_code == 204
    (record,) = bot.get(f"/users/424242/applications/{APP}/achievements?started=true").json()
    assert (record["percent_complete"], record["revision"]) == (0, 2)


# The player's list


def test_the_list_has_what_the_player_may_see(callers: Callers) -> None:
    player, bot = callers.player(), callers.bot()
    assert [int(entry["id"]) for entry in player.get(mine_path()).json()] == [WIN, SECURE]
    player.put(progress_path(WIN), {"percent_complete": 3})
    everything = player.get(mine_path()).json()
    begun = [entry for entry in everything if entry["revision"]]
    theirs = f"/users/{PLAYER}/applications/{APP}/achievements?started="
    for said, wanted in (("true", begun), ("True", begun), ("1", begun), ("false", everything), ("False", everything),
                         ("0", everything)):  # fmt: skip
        assert player.get(mine_path(tail=f"?started={said}")).json() == wanted
        assert len(bot.get(theirs + said).json()) == (4 if wanted is everything else len(begun))
    for said in ("", "TRUE", "yes", "2", "true&started=false", "%E4"):
        for answer in (player.get(mine_path(tail=f"?started={said}")), bot.get(theirs + said)):
            assert field_codes(answer) == {"started": "BOOLEAN_TYPE_CONVERT"}
    bot.put(progress_path(SECRET, PLAYER), {"percent_complete": 99})
    assert [int(entry["id"]) for entry in player.get(mine_path()).json()] == [WIN, SECURE]
    bot.put(progress_path(SECRET, PLAYER), {"percent_complete": 100})
    assert [int(entry["id"]) for entry in player.get(mine_path()).json()] == [WIN, SECRET, SECURE]


def test_an_unchanged_list_is_304(callers: Callers) -> None:
    player, bot = callers.player(), callers.bot()
    etag = player.get(mine_path()).headers["ETag"]
    for said in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        same = player.get(mine_path(), {"If-None-Match": said})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert player.get(mine_path(), {"If-None-Match": '"x"'}).status_code == 200
    bot.put(progress_path(WIN, OTHER_PLAYER), {"percent_complete": 7})
    assert player.get(mine_path(), {"If-None-Match": etag}).status_code == 304, "another player's changes do not count"
    bot.put(progress_path(WIN, PLAYER), {"percent_complete": 7})
    changed = player.get(mine_path(), {"If-None-Match": etag})
    assert changed.status_code == 200
    bot.call("PATCH", definitions_path(WIN), {"secure": True})
    assert player.get(mine_path(), {"If-None-Match": changed.headers["ETag"]}).status_code == 200
    bot.call("PATCH", definitions_path(WIN), {"secure": False})


# What is hidden


def test_a_locked_secret_is_shown_nowhere(callers: Callers) -> None:
    player, bot = callers.player(), callers.bot()
    etags = {player.get(mine_path()).headers["ETag"], player.get(mine_path(tail="?started=true")).headers["ETag"]}
    stream = player.events(mine_path(tail="/events"))
    stream.next()
    answers = []
    bot.put(progress_path(SECRET, PLAYER), {"percent_complete": 50})
    bot.put(progress_path(SECRET_SECURE, PLAYER), {"percent_complete": 50})
    bot.call("PATCH", definitions_path(SECRET), {"description": "Another Sekret"})
    bot.call("PATCH", definitions_path(SECRET), {"description": "You found the Sekret!"})
    made = bot.call("POST", definitions_path(), {"name": "Sekret 3", "description": "d", "secret": True}).json()
    answers.append(player.put(progress_path(SECRET), {"percent_complete": 10}))
    answers.append(player.put(progress_path(SECRET_SECURE), {"percent_complete": 10}))
    answers += [player.get(mine_path()), player.get(mine_path(tail="?started=true"))]
    answers.append(player.get(definitions_path(SECRET)))
    for answer in answers:
        said = answer.text + str(answer.headers)
        assert "ekret" not in said
        assert str(SECRET) not in said
        assert made["id"] not in said
    assert answers[0].json() == {}, "not even the percent that the bot has set"
    assert {answer.headers["ETag"] for answer in answers[2:4]} == etags
    # The next thing on the stream is the next public change: nothing was sent before.
    bot.put(progress_path(WIN, PLAYER), {"percent_complete": 3})
    event = stream.next()
    assert event is not None
    assert json.loads(event.fields["data"])["achievement_id"] == str(WIN)
    stream.close()


# Events


def test_a_change_is_an_event_on_every_stream_of_the_player(callers: Callers) -> None:
    streams = [callers.player().events(mine_path(tail="/events")) for _ in range(2)]
    for stream in streams:
        assert stream.response.headers["Content-Type"].startswith("text/event-stream")
        retry = stream.next()
        assert retry is not None
        assert retry.fields == {"retry": "5000"}
    changed = callers.player().put(progress_path(WIN), {"percent_complete": 60}).json()
    for stream in streams:
        event = stream.next()
        assert event is not None
        assert event.fields["event"] == "USER_ACHIEVEMENT_UPDATE"
        wanted = ("application_id", "user_id", "achievement_id", "percent_complete", "unlocked_at", "revision")
        assert json.loads(event.fields["data"]) == {name: changed[name] for name in wanted}
        stream.close()


def test_only_a_change_is_an_event(callers: Callers) -> None:
    player, bot = callers.player(), callers.bot()
    player.put(progress_path(WIN), {"percent_complete": 60})
    stream = player.events(mine_path(tail="/events"))
    stream.next()
    player.put(progress_path(WIN), {"percent_complete": 60})
    player.put(progress_path(WIN), {"percent_complete": 5})
    callers.other_player().put(progress_path(WIN), {"percent_complete": 61})
    bot.call("DELETE", progress_path(WIN, PLAYER))
    event = stream.next()
    assert event is not None
    assert json.loads(event.fields["data"])["percent_complete"] == 0, "a reset is an event with percent 0"
    stream.close()


@pytest.mark.parametrize("last", ["0", "1", "nonsense", "9" * 18, "-5", "1" * 400])
def test_a_stream_that_cannot_resume_says_so(callers: Callers, last: str) -> None:
    stream = callers.player().events(mine_path(tail="/events"), last)
    stream.next()
    event = stream.next()
    assert event is not None
    assert event.fields["event"] == "RESYNC"
    assert abs(int(event.fields["id"]) / 1e6 - time.time()) < 20, "from this id on it can resume"
    stream.close()


def test_an_unlocked_secret_that_is_reset_is_a_resync(callers: Callers) -> None:
    player, bot = callers.player(), callers.bot()
    stream = player.events(mine_path(tail="/events"))
    stream.next()
    bot.put(progress_path(SECRET, PLAYER), {"percent_complete": 100})
    bot.call("DELETE", progress_path(SECRET, PLAYER))
    events = [stream.next(), stream.next()]
    assert [event.fields["event"] for event in events if event] == ["USER_ACHIEVEMENT_UPDATE", "RESYNC"]
    stream.close()


def test_a_player_has_five_streams(callers: Callers) -> None:
    streams = [callers.other_player().events(mine_path(tail="/events")) for _ in range(5)]
    for stream in streams:
        stream.next()
    refused = callers.other_player().get(mine_path(tail="/events"))
    assert refused.status_code == 429
    assert refused.json()["retry_after"] > 0
    limit = [refused.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset-After", "Scope")]
    assert limit == ["5", "0", "5.000", "user"]
    for stream in streams:
        stream.close()


# Outside the API


def test_health_readiness_metrics_and_description(callers: Callers) -> None:
    with Client(callers.service.host) as public:
        assert public.site("/health").json() == {"status": "ok"}
        assert public.site("/ready").json() == {"status": "ready"}
        slash = public.site("/health/")
        assert (slash.json(), slash.history) == ({"status": "ok"}, []), "without a redirect"
        callers.player().get(mine_path())
        metrics = public.site("/metrics").text
        assert 'discord_achievements_requests_total{route="get_user_achievements",status="200"}' in metrics
        assert (
            'discord_achievements_request_duration_seconds_bucket{le="+Inf",route="get_user_achievements"}' in metrics
        )
        assert "discord_achievements_broker_connected 1.0" in metrics
        assert public.site("/openapi.json").json()["openapi"].startswith("3.1")
        assert refusal(public.site("/nothing")) == (404, 0)
        assert refusal(public.site("/health", "POST")) == (405, 0)
