"""The table of the API's endpoints: one row for each route, with all that the server says and does about it.

Dispatch, limits and the description at /openapi.json read the same row. `domain.routes` has what the client needs to
know too: method, path, kind of token, status of success, documented limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...domain import routes, wire
from ...domain.errors import rate_limited
from ...domain.routes import Route
from ..service import Service
from . import messages
from .call import Call

_RETRY_MS = 5000
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    # A proxy that compresses may hold events back; Caddy 2.6 did so until the stream ended. Proxies do not touch an
    # answer that has an encoding, even this one.
    (b"content-encoding", b"identity"),
    (b"x-accel-buffering", b"no"),  # nginx passes events on at once
]
_PRIVATE = (b"cache-control", b"private, no-cache")
_CURSOR, _SINCE = wire.CURSOR_HEADER.lower().encode(), wire.SINCE_HEADER.lower().encode()


class Parameter(NamedTuple):
    """A parameter that is not in the path: its name, its place (`query` or `header`), its JSON schema."""

    name: str
    place: str
    schema: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One row: a route, what it is for, what handles it, and the types of what is sent and answered.

    `handle` returns the body of the success, empty for 204, or None if it has answered itself. `is_unchanged` is asked
    before the request is counted: if it returns True the answer is 304, which costs nothing of the limit. `request` is
    the type of the request's body; `answers` are the types that the answer's body may have, `headers` the names of
    headers that every success has, 304 included, `optional_headers` of those that only some have.
    """

    route: Route
    summary: str
    handle: Callable[[Service, Call], Awaitable[bytes | None]]
    is_unchanged: Callable[[Service, Call], Awaitable[bool]] | None = None
    parameters: tuple[Parameter, ...] = ()
    request: type | None = None
    answers: tuple[Any, ...] = ()
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()
    optional_headers: tuple[str, ...] = ()


async def _get_achievements(service: Service, call: Call) -> bytes:
    return service.get_achievements(call.admission, call.shape)


async def _get_achievement(service: Service, call: Call) -> bytes:
    return service.get_achievement(call.admission, call.shape)


async def _create_achievement(service: Service, call: Call) -> bytes:
    return await service.create_achievement(call.admission, await call.data(), call.shape)


async def _update_achievement(service: Service, call: Call) -> bytes:
    return await service.update_achievement(call.admission, await call.data(), call.shape)


async def _delete_achievement(service: Service, call: Call) -> bytes:
    await service.delete_achievement(call.admission)
    return b""


async def _update_user_achievement(service: Service, call: Call) -> bytes:
    target = service.update_target(call.admission)  # a refusal does not wait for the body
    return await service.update_user_achievement(call.admission, target, await call.data(), call.shape)


async def _reset_user_achievement(service: Service, call: Call) -> bytes:
    await service.reset_user_achievement(call.admission)
    return b""


async def _get_player_achievements(service: Service, call: Call) -> bytes:
    return await service.get_player_achievements(call.admission, call.shape, started=call.started)


async def _get_user_achievements(service: Service, call: Call) -> bytes:
    since = call.since
    listed = await service.get_user_achievements(call.admission, call.shape, started=call.started, since=since)
    call.headers = [(b"etag", listed.etag.encode()), _PRIVATE, (_CURSOR, listed.cursor.encode())]
    if not listed.is_whole:
        call.headers.append((_SINCE, since.encode()))
    return listed.body


async def _user_achievements_are_unchanged(service: Service, call: Call) -> bool:
    if not call.request.if_none_match:
        return False
    etag = await service.current_etag(call.admission, call.shape, started=call.started)
    if not wire.matches_etag(call.request.if_none_match, etag):
        return False
    call.headers = [(b"etag", etag.encode()), _PRIVATE]
    return True


async def _get_current_user(service: Service, call: Call) -> bytes:
    return await service.current_user(call.admission)


async def _get_authorization(service: Service, call: Call) -> bytes:
    return await service.authorization(call.admission)


async def _get_application(service: Service, call: Call) -> bytes:
    return await service.application(call.admission)


async def _get_gateway(service: Service, call: Call) -> bytes:
    return service.gateway()


async def _user_achievement_events(service: Service, call: Call) -> None:
    """Hold an event stream until its client disconnects or the stream is ended."""
    limit = service.stream_limit(call.admission)
    if not limit.remaining:
        call.limit = limit
        raise rate_limited(limit.reset_after_s)
    send = call.request.send
    head = {
        "type": "http.response.start",
        "status": call.endpoint.route.status,
        "headers": [*_STREAM_HEADERS, call.history],
    }
    if call.request.scope["method"] == "HEAD":
        await send(head)
        await send({"type": "http.response.body"})
        return
    started = asyncio.Event()

    async def send_body(data: bytes, more: bool) -> None:
        await started.wait()
        await send({"type": "http.response.body", "body": data, "more_body": more})

    # What may fail comes first: once an answer has begun it cannot become a refusal.
    stream = await service.open_stream(call.admission, send_body, call.request.last_event_id)
    try:
        await send(head)
        await send({"type": "http.response.body", "body": b"retry: %d\n\n" % _RETRY_MS, "more_body": True})
        started.set()
        while (await call.request.receive())["type"] != "http.disconnect":
            pass
    finally:
        await service.close_stream(stream)


_STARTED = Parameter("started", "query", {"type": "boolean"})

ENDPOINTS = {
    endpoint.route.name: endpoint
    for endpoint in (
        Endpoint(
            route=routes.GET_ACHIEVEMENTS,
            summary="List all achievements of an application, ascending by id, secret ones included",
            handle=_get_achievements,
            answers=(list[messages.Achievement],),
        ),
        Endpoint(
            route=routes.GET_ACHIEVEMENT,
            summary="Get one achievement",
            handle=_get_achievement,
            answers=(messages.Achievement,),
        ),
        Endpoint(
            route=routes.CREATE_ACHIEVEMENT,
            summary="Create an achievement; an application has at most 1000",
            handle=_create_achievement,
            request=messages.NewAchievement,
            answers=(messages.Achievement,),
        ),
        Endpoint(
            route=routes.UPDATE_ACHIEVEMENT,
            summary="Update the given fields of an achievement, for all players",
            handle=_update_achievement,
            request=messages.AchievementChange,
            answers=(messages.Achievement,),
        ),
        Endpoint(
            route=routes.DELETE_ACHIEVEMENT,
            summary="Delete an achievement and all progress on it",
            handle=_delete_achievement,
        ),
        Endpoint(
            route=routes.UPDATE_USER_ACHIEVEMENT,
            summary="Raise a player's progress; it never goes down",
            handle=_update_user_achievement,
            request=messages.ProgressUpdate,
            answers=(messages.UserAchievement, messages.Nothing),
        ),
        Endpoint(
            route=routes.GET_USER_ACHIEVEMENTS,
            summary="List what the player may see, with their progress",
            handle=_get_user_achievements,
            is_unchanged=_user_achievements_are_unchanged,
            parameters=(
                _STARTED,
                Parameter(wire.SINCE, "query", {"type": "string"}),
                Parameter("If-None-Match", "header", {"type": "string"}),
            ),
            answers=(list[messages.UserAchievement],),
            headers=("ETag", "Cache-Control"),
            optional_headers=(wire.CURSOR_HEADER, wire.SINCE_HEADER),
        ),
        Endpoint(
            route=routes.USER_ACHIEVEMENT_EVENTS,
            summary="Stream each change of the player's progress as a server-sent event",
            handle=_user_achievement_events,
            parameters=(Parameter("Last-Event-ID", "header", {"type": "string"}),),
            answers=(str,),
            media_type="text/event-stream",
            headers=("Cache-Control", "Content-Encoding"),
        ),
        Endpoint(
            route=routes.RESET_USER_ACHIEVEMENT,
            summary="Reset a player's progress to 0",
            handle=_reset_user_achievement,
        ),
        Endpoint(
            route=routes.GET_PLAYER_ACHIEVEMENTS,
            summary="List a player's progress on all achievements, secret ones included",
            handle=_get_player_achievements,
            parameters=(_STARTED,),
            answers=(list[messages.UserAchievement],),
        ),
        Endpoint(
            route=routes.GET_CURRENT_USER,
            summary="Get the player, or the application's bot, that the token is for",
            handle=_get_current_user,
            answers=(messages.User,),
        ),
        Endpoint(
            route=routes.GET_AUTHORIZATION,
            summary="Get what the token is for, and when it expires",
            handle=_get_authorization,
            answers=(messages.Authorization,),
        ),
        Endpoint(
            route=routes.GET_APPLICATION,
            summary="Get the application that the bot's token is for",
            handle=_get_application,
            answers=(messages.Application,),
        ),
        Endpoint(
            route=routes.GET_GATEWAY,
            summary="Get an address of a gateway, so that bots can log in; there is no gateway",
            handle=_get_gateway,
            answers=(messages.Gateway,),
        ),
    )
}
