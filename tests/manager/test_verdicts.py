"""The service's answer to an update or a fetch, as a Result."""

from __future__ import annotations

import json

import pytest

from discord_achievements import Result
from discord_achievements.client.net.transport import Response
from discord_achievements.domain.errors import TransportError
from discord_achievements.testing import ScriptedTransport
from tests.support.managers import OK, WALK
from tests.support.service_games import (
    ACCEPTED,
    JSON,
    LONG_S,
    STRINGS,
    UNAVAILABLE,
    ServiceAndGames,
    error,
    listing,
    scripted,
    superset,
)

HTML = Response(200, {"content-type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>")
REFUSED = [
    (error(400, 50035), Result.INVALID_PAYLOAD),
    (error(400, 50109), Result.INVALID_PAYLOAD),
    (error(413, 40005), Result.INVALID_PAYLOAD),
    (error(403, 50013), Result.INVALID_PERMISSIONS),
    (error(404, 990001), Result.NOT_FOUND),
    (error(409, 0), Result.CONFLICT),
    (error(403, 20012), Result.UNAUTHORIZED_FOR_ACHIEVEMENT),
]
KEPT = [
    (TransportError("no route to host"), UNAVAILABLE),
    (TransportError("timed out", timed_out=True), UNAVAILABLE),
    (TransportError("no trusted TLS connection"), UNAVAILABLE),
    (error(500, 0), UNAVAILABLE),
    (error(502, None), UNAVAILABLE),
    (error(503, None), UNAVAILABLE),
    (error(504, None), UNAVAILABLE),
    (error(410, 0), UNAVAILABLE),
    (error(302, None, location="http://elsewhere.invalid/"), UNAVAILABLE),
    (error(400, 50041), Result.INVALID_VERSION),
    (HTML, Result.INTERNAL_ERROR),
    (Response(200, JSON, b'{"id": "58'), Result.INTERNAL_ERROR),
    (Response(200, JSON, b'{"login": "https://portal.invalid/"}'), Result.INTERNAL_ERROR),
    (Response(200, {"content-type": "text/plain"}, b"{}"), Result.INTERNAL_ERROR),
    (Response(200, {}, b"{}"), Result.INTERNAL_ERROR),
    (Response(200, JSON), Result.INTERNAL_ERROR),
    (Response(204), Result.INTERNAL_ERROR),
    (Response(202, JSON, b"{}"), Result.INTERNAL_ERROR),
    (Response(203, JSON, b"{}"), Result.INTERNAL_ERROR),
    (Response(206, JSON, b"{}"), Result.INTERNAL_ERROR),
    (Response(206, JSON, b"[]"), Result.INTERNAL_ERROR),
    (Response(200, JSON, json.dumps(superset(WALK, 50, application_id="5")).encode()), Result.INTERNAL_ERROR),
    # These codes are other servers': Spring's, Envoy's, Azure's.
    (error(403, 403), UNAVAILABLE),
    (error(404, 5), UNAVAILABLE),
    (error(400, -1), UNAVAILABLE),
    (error(409, 1001), UNAVAILABLE),
    (Response(101), UNAVAILABLE),
    (Response(304, {"etag": '"1"'}), UNAVAILABLE),
    (error(404, 0), Result.INVALID_COMMAND),
    (error(405, 0), Result.INVALID_COMMAND),
    (error(404, 10002), Result.NOT_FOUND),
    (error(404, 10013), Result.NOT_FOUND),
    (error(403, 50025), Result.APPLICATION_MISMATCH),
    (error(401, 0), Result.INVALID_ACCESS_TOKEN),
    (error(429, 0, retry_after="600"), Result.RATE_LIMITED),
]


def name_of(value: object) -> str | None:
    if isinstance(value, Response):
        return f"{value.status}-{value.body[:30]!r}"
    return type(value).__name__ if isinstance(value, Exception) else None


@pytest.mark.parametrize(("answer", "result"), REFUSED, ids=name_of)
def test_a_refusal_by_the_service_is_final(world: ServiceAndGames, answer: Response, result: Result) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(STRINGS), "update_user_achievement": answer})
    game = scripted(world, transport)
    game.fetch()
    assert game.set(WALK, 50) is result
    assert game.percent(WALK) == 35
    assert game.updates == [(WALK, 50), (WALK, 35)]
    assert game.manager.pending_count == 0
    world.clock.advance(LONG_S)
    assert game.fetch() is OK
    assert len([one for one in transport.requests if one.method == "PUT"]) == 1


@pytest.mark.parametrize(("answer", "result"), KEPT, ids=name_of)
def test_a_failure_is_reported_and_the_update_kept(
    world: ServiceAndGames, answer: Response | Exception, result: Result
) -> None:
    transport = ScriptedTransport({"get_user_achievements": listing(STRINGS), "update_user_achievement": answer})
    game = scripted(world, transport)
    game.fetch()
    assert game.set(WALK, 50) is result
    assert game.percent(WALK) == 50
    assert game.updates == [(WALK, 50)]
    assert game.manager.pending_count == 1
    game.manager.close()
    transport = ScriptedTransport({"get_user_achievements": listing(STRINGS), "update_user_achievement": ACCEPTED})
    again = scripted(world, transport)
    again.fetch()
    again.until(lambda: again.manager.pending_count == 0)
    assert again.percent(WALK) == 50


@pytest.mark.parametrize(("answer", "result"), [*REFUSED, *KEPT], ids=name_of)
def test_a_fetch_gets_the_reason_why_there_is_no_list(
    world: ServiceAndGames, answer: Response | Exception, result: Result
) -> None:
    game = scripted(world, ScriptedTransport({"get_user_achievements": listing(STRINGS)}))
    game.fetch()
    game.manager.close()
    again = scripted(world, ScriptedTransport({"get_user_achievements": answer}))
    assert again.fetch() is result
    assert again.percents == {WALK: 35}  # the last known one


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 421])
def test_the_refusal_of_a_proxy_passes_where_the_service_has_answered_before(
    world: ServiceAndGames, status: int
) -> None:
    world.online().manager.close()
    line = world.line()
    line.refusal = error(status, None)
    game = world.start(line=line)
    game.manager.set_user_achievement(WALK, 50, game.results.append)
    game.until(lambda: game.results)
    assert game.manager.pending_count == 1
    line.refusal = None
    world.clock.advance(20)  # the table's sixth step is 16 s, with a quarter of jitter 20 s
    game.until(lambda: world.percents() == {WALK: 50})


def test_a_verdict_on_the_address_does_not_last_for_ever(world: ServiceAndGames) -> None:
    transport = ScriptedTransport(
        {"get_user_achievements": error(404, None), "update_user_achievement": error(404, None)}
    )
    game = scripted(world, transport)
    assert game.set(WALK, 50) is Result.INVALID_COMMAND
    transport.answer("get_user_achievements", listing(STRINGS))
    transport.answer("update_user_achievement", ACCEPTED)
    world.clock.advance(120)
    game.until(lambda: game.manager.pending_count == 0)
    assert game.set(WALK, 60) is OK
