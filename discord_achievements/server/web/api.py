"""The API's routes over HTTP: reads requests, asks the service, writes answers.

A request goes through the same steps on every route: which route it is, who asks and whether they may, whether the
limit has room, what the body says. What fails first is answered. So a stranger learns nothing but 401, and a refused
request costs nothing of a limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec

from ...domain import routes, wire
from ...domain.errors import ApiError, ErrorCode, field_error, rate_limited
from ...domain.ratelimit import LimitState, write_headers
from ...domain.routes import Limit, Route
from ...domain.wire import Shape
from ..limiter import Limiter
from ..metrics import Metrics
from ..service import Admission, Service
from ..stores.base import StoreUnavailable
from .asgi import Message, Receive, Scope, Send
from .responses import CLOSE, Answer, Headers, error_answer, json_answer, send_answer

_log = logging.getLogger(__name__)
_UNAVAILABLE_RETRY_S = 1.0
_RETRY_MS = 5000
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx passes events on at once
]
_PRIVATE = (b"cache-control", b"private, no-cache")


class Call(NamedTuple):
    """One request, admitted. `headers` are those that its answer carries, refusals too."""

    request: Request
    route: Route
    admission: Admission
    shape: Shape
    headers: Headers


class Request(NamedTuple):
    """What ASGI gives, with the few headers that matter; a header that was not sent is empty."""

    scope: Scope
    receive: Receive
    authorization: str
    content_type: str
    content_length: str
    if_none_match: str
    last_event_id: str


class Api:
    """An ASGI application for everything under /api. `now` gives monotonic seconds, `at_s` seconds since the epoch."""

    def __init__(
        self,
        service: Service,
        limiter: Limiter,
        metrics: Metrics,
        *,
        limits: dict[str, Limit],
        max_body_bytes: int,
        body_timeout_s: float,
        now: Callable[[], float],
        at_s: Callable[[], float],
    ) -> None:
        self._service = service
        self._limiter = limiter
        self._metrics = metrics
        self._limits = limits
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s
        self._now = now
        self._at_s = at_s
        handlers: dict[Route, Callable[[Call], Awaitable[Answer]]] = {
            routes.GET_ACHIEVEMENTS: self._get_achievements,
            routes.GET_ACHIEVEMENT: self._get_achievement,
            routes.CREATE_ACHIEVEMENT: self._create_achievement,
            routes.UPDATE_ACHIEVEMENT: self._update_achievement,
            routes.DELETE_ACHIEVEMENT: self._delete_achievement,
            routes.UPDATE_USER_ACHIEVEMENT: self._update_user_achievement,
            routes.GET_USER_ACHIEVEMENTS: self._get_user_achievements,
            routes.RESET_USER_ACHIEVEMENT: self._reset_user_achievement,
            routes.GET_PLAYER_ACHIEVEMENTS: self._get_player_achievements,
        }
        self._handlers = {route.name: handler for route, handler in handlers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._now()
        request = _request(scope, receive)
        headers: Headers = []
        name = "none"
        try:
            match = routes.match(scope["method"], scope["path"])
            name = match.route.name
            admission = await self._service.admit(match.route, request.authorization, match.parameters)
            call = Call(request, match.route, admission, Shape.of(match.version), headers)
            if match.route is routes.USER_ACHIEVEMENT_EVENTS:
                await self._stream(call, send)
                return
            if match.route is not routes.GET_USER_ACHIEVEMENTS:  # which counts for itself: a 304 costs nothing
                await self._count(call)
            answer = await self._handlers[name](call)
        except ApiError as error:
            answer = self._refusal(error, scope["path"], headers)
        except StoreUnavailable as exc:
            _log.warning("answering 503: %s", exc)
            answer = error_answer(ApiError.of(ErrorCode.UNAVAILABLE, retry_after_s=_UNAVAILABLE_RETRY_S), headers)
        except Exception:
            _log.exception("answering 500 on %s", name)
            answer = error_answer(ApiError.of(ErrorCode.INTERNAL_ERROR), headers)
        await send_answer(answer, send)
        self._metrics.count(name, answer.status, self._now() - began)

    # The routes

    async def _get_achievements(self, call: Call) -> Answer:
        return json_answer(200, self._service.get_achievements(call.admission, call.shape), call.headers)

    async def _get_achievement(self, call: Call) -> Answer:
        return json_answer(200, self._service.get_achievement(call.admission, call.shape), call.headers)

    async def _create_achievement(self, call: Call) -> Answer:
        data = _json(call, await self._body(call.request))
        body = await self._service.create_achievement(call.admission, data, call.shape)
        return json_answer(201, body, call.headers)

    async def _update_achievement(self, call: Call) -> Answer:
        data = _json(call, await self._body(call.request))
        body = await self._service.update_achievement(call.admission, data, call.shape)
        return json_answer(200, body, call.headers)

    async def _delete_achievement(self, call: Call) -> Answer:
        await self._service.delete_achievement(call.admission)
        return Answer(204, call.headers)

    async def _update_user_achievement(self, call: Call) -> Answer:
        target = self._service.update_target(call.admission)
        data = _json(call, await self._body(call.request))
        body = await self._service.update_user_achievement(call.admission, target, data, call.shape)
        return json_answer(200, body, call.headers)

    async def _reset_user_achievement(self, call: Call) -> Answer:
        await self._service.reset_user_achievement(call.admission)
        return Answer(204, call.headers)

    async def _get_player_achievements(self, call: Call) -> Answer:
        started = _started(call.request)
        body = await self._service.get_player_achievements(call.admission, call.shape, started=started)
        return json_answer(200, body, call.headers)

    async def _get_user_achievements(self, call: Call) -> Answer:
        started = _started(call.request)
        if call.request.if_none_match:
            etag = await self._service.current_etag(call.admission, call.shape, started=started)
            if wire.matches_etag(call.request.if_none_match, etag):
                return Answer(304, [(b"etag", etag.encode()), _PRIVATE])
        await self._count(call)
        etag, body = await self._service.get_user_achievements(call.admission, call.shape, started=started)
        return json_answer(200, body, [(b"etag", etag.encode()), _PRIVATE, *call.headers])

    async def _stream(self, call: Call, send: Send) -> None:
        """Hold an event stream until its client goes, or it is ended."""
        limit = self._service.stream_limit(call.admission)
        if not limit.remaining:
            self._tell(call, limit)
            raise rate_limited(limit.reset_after_s)
        started = asyncio.Event()

        async def send_body(data: bytes, more: bool) -> None:
            await started.wait()
            await send({"type": "http.response.body", "body": data, "more_body": more})

        # First what may fail, since after its beginning an answer cannot become a refusal.
        stream = await self._service.open_stream(call.admission, send_body, call.request.last_event_id)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
            await send({"type": "http.response.body", "body": b"retry: %d\n\n" % _RETRY_MS, "more_body": True})
            started.set()
            while (await call.request.receive())["type"] != "http.disconnect":
                pass
        finally:
            await self._service.close_stream(stream)
        self._metrics.count(call.route.name, 200, 0.0)

    # The steps

    async def _count(self, call: Call) -> None:
        """Count the request for its limit, whose state then is in the answer's headers; raises the 429."""
        limit = self._limits.get(call.route.name)
        if limit is None:
            return
        allowed, state = await self._limiter.hit(_limit_name(call), limit)
        self._tell(call, state)
        if not allowed:
            raise rate_limited(state.reset_after_s)

    def _tell(self, call: Call, state: LimitState) -> None:
        """Put the state of the call's limit into its answer's headers."""
        told = write_headers(state._replace(bucket=_bucket(_limit_name(call))), self._at_s())
        call.headers.extend((key.lower().encode(), value.encode()) for key, value in told.items())

    async def _body(self, request: Request) -> bytes:
        length = request.content_length
        if length.isascii() and length.isdigit() and int(length[:12]) > self._max_body_bytes:
            raise ApiError.of(ErrorCode.PAYLOAD_TOO_LARGE)
        try:
            async with asyncio.timeout(self._body_timeout_s):
                return await self._received(request.receive)
        except TimeoutError as exc:
            raise ApiError.of(ErrorCode.REQUEST_TIMEOUT) from exc
        except asyncio.CancelledError as exc:  # the server ends, and has waited long enough for this client
            raise ApiError.of(ErrorCode.UNAVAILABLE, retry_after_s=_UNAVAILABLE_RETRY_S) from exc

    async def _received(self, receive: Receive) -> bytes:
        body = b""
        more = True
        while more:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError.of(ErrorCode.REQUEST_TIMEOUT)  # to nobody
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_body_bytes:
                raise ApiError.of(ErrorCode.PAYLOAD_TOO_LARGE)
        return body

    def _refusal(self, error: ApiError, path: str, headers: Headers) -> Answer:
        answer = error_answer(error, headers)
        if error.status == 405:
            answer.headers.append((b"allow", ", ".join(routes.allowed_methods(path)).encode()))
        if error.status in (408, 413):
            answer.headers.append(CLOSE)  # what comes of the body is not read
        return answer


def _request(scope: Scope, receive: Receive) -> Request:
    found = {
        b"authorization": "",
        b"content-type": "",
        b"content-length": "",
        b"if-none-match": "",
        b"last-event-id": "",
    }
    for name, value in scope["headers"]:
        if name in found:
            text = value.decode("latin-1").strip(" \t")
            found[name] = f"{found[name]}, {text}" if name == b"if-none-match" and found[name] else text
    return Request(scope, receive, *found.values())


def _started(request: Request) -> bool:
    """Tell whether only what has a record is asked for."""
    query = request.scope["query_string"]
    return bool(query) and parse_qs(query.decode("latin-1")).get("started") == ["true"]


def _json(call: Call, body: bytes) -> Any:
    if call.request.content_type.partition(";")[0].strip().lower() != "application/json":
        message = 'Expected "Content-Type" header to be one of {"application/json"}.'
        raise field_error((), "CONTENT_TYPE_INVALID", message)
    try:
        try:
            return msgspec.json.decode(body)
        except msgspec.ValidationError:  # a number that no machine number holds: infinite, to those who clamp it
            return json.loads(body.decode(), parse_int=_whole_or_infinite, parse_constant=_no_number)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise ApiError.of(ErrorCode.INVALID_JSON) from exc


def _whole_or_infinite(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _limit_name(call: Call) -> str:
    caller = call.admission.caller
    return f"{call.route.name}:{caller.application_id}:{caller.user_id or 'bot'}"


@lru_cache(maxsize=10_000)
def _bucket(name: str) -> str:
    """Return a limit's public name: a hash, so that nobody takes it to mean anything."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:16]
