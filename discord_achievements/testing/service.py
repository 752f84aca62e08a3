"""A whole achievements service in memory: the routes about players, the events and the icons.

It answers byte for byte like the real service, by the same rules in `domain`. It lacks the administration of
definitions over HTTP, which a test adds with `add_achievement`, and the routes by which bots log in. A client that
resumes the event stream gets every event it has missed; from the real service it gets the last one of each achievement.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..client.clock import Clock, SystemClock
from ..client.net.transport import Request, Response
from ..domain import access, routes, wire
from ..domain.access import Caller, TokenKind
from ..domain.errors import ApiError, ErrorCode, field_error
from ..domain.ratelimit import LimitState, Window, refusal_headers, write_headers
from ..domain.routes import Route, path_id
from .state import ServiceState, checked_id
from .streams import ByteStream

MAX_BODY_BYTES = 512 * 1024
MAX_STREAMS = 5
_HISTORY = wire.HISTORY_HEADER.lower()
_CURSOR, _SINCE = wire.CURSOR_HEADER.lower(), wire.SINCE_HEADER.lower()
_CURSORS_KEPT = 100


class _Call(NamedTuple):
    """One admitted request. `limited` are the rate limit's headers, which errors carry too."""

    request: Request
    headers: Mapping[str, str]
    route: Route
    parameters: Mapping[str, str]
    shape: wire.Shape
    caller: Caller
    limited: dict[str, str]


class FakeService(ServiceState):
    """The service of one application.

    `clock` gives the times of unlocks and limits; a `ManualClock` makes both exact. `limits=True` switches the
    documented rate limits on. `bot_token` is the application's own token.

    **Thread**: all methods may be called from any thread.
    """

    def __init__(
        self, application_id: int, *, clock: Clock | None = None, limits: bool = False, bot_token: str = "bot-token"
    ) -> None:
        super().__init__(application_id, clock or SystemClock())
        self._limits = limits
        self._callers = {f"Bot {bot_token}": Caller(TokenKind.BOT, application_id)}
        self._windows: dict[str, Window] = {}
        self._listed: dict[str, list[dict[str, Any]]] = {}

    def add_player(self, token: str, user_id: int, *, application_id: int | None = None) -> None:
        """Accept `Bearer <token>` as a player's token, of this application or of another one."""
        with self._lock:
            owner = application_id or self.application_id
            self._callers[f"Bearer {token}"] = Caller(TokenKind.BEARER, owner, checked_id("user_id", user_id))

    def add_bot(self, token: str, application_id: int) -> None:
        """Accept `Bot <token>` as the bot token of another application."""
        with self._lock:
            self._callers[f"Bot {token}"] = Caller(TokenKind.BOT, application_id)

    def revoke(self, token: str) -> None:
        """Refuse a token from now on; open streams continue."""
        with self._lock:
            for kind in ("Bearer", "Bot"):
                self._callers.pop(f"{kind} {token}", None)

    def handle(self, request: Request) -> Response:
        """Return the answer to `request`; for the event stream only its headers."""
        answer = self._answer(request)
        if isinstance(answer, Response):
            return answer
        answer.close()
        return answer.response

    def open_events(self, request: Request) -> ByteStream:
        """Return the answer to a request for the event stream; it may be a refusal."""
        answer = self._answer(request)
        return answer if isinstance(answer, ByteStream) else ByteStream(answer)

    def _answer(self, request: Request) -> Response | ByteStream:
        path = unquote(urlsplit(request.url).path)
        limited: dict[str, str] = {}
        with self._lock:
            if path in self._icons and request.method in ("GET", "HEAD"):
                return Response(200, {"content-type": "image/png"}, self._icons[path])
            try:
                call = self._admit(request, path, limited)
                if call.route is routes.GET_USER_ACHIEVEMENTS:
                    return self._list(call)  # it is counted there, because a 304 costs nothing
                return self._count(call) or self._perform(call)
            except ApiError as error:
                headers = routes.accepted_headers(error.status, request.method, path)
                return _json(error.status, wire.encode_error(error), headers | limited)

    def _admit(self, request: Request, path: str, limited: dict[str, str]) -> _Call:
        """Return the call if the caller's token opens the route; raises `ApiError`."""
        match = routes.match(request.method, path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        caller = access.check_route(self._callers.get(headers.get("authorization", "")), match.route)
        if "application_id" not in match.parameters:
            raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)
        application_id = path_id(match.parameters, "application_id")
        exists = any(known.application_id == application_id for known in self._callers.values())
        access.check_application(caller, application_id, exists=exists)
        access.check_application(caller, self.application_id, exists=True)  # only this one has achievements here
        return _Call(request, headers, match.route, match.parameters, wire.Shape.of(match.version), caller, limited)

    def _perform(self, call: _Call) -> Response | ByteStream:
        if call.route is routes.USER_ACHIEVEMENT_EVENTS:
            return self._stream(call)
        if call.route is routes.UPDATE_USER_ACHIEVEMENT:
            return self._update(call)
        if call.route is routes.RESET_USER_ACHIEVEMENT:
            user_id = path_id(call.parameters, "user_id")
            self.reset(user_id, access.known_achievement(self._definitions, call.parameters).id)
            return Response(204, self._success(call))
        if call.route is routes.GET_PLAYER_ACHIEVEMENTS:
            user_id = path_id(call.parameters, "user_id")
            return _json(200, self._records_of(call, user_id, hidden=True), self._success(call))
        raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)

    def _update(self, call: _Call) -> Response:
        target = access.update_target(call.caller, self._definitions, call.parameters)
        user_id, achievement, _ = target
        percent, age_s = wire.decode_update(_body(call))
        self._raise_to(user_id, achievement, percent, age_s)
        progress, _ = self._held(user_id, achievement)
        body = self._record(user_id, achievement, call.shape) if target.is_shown(progress) else {}
        return _json(200, body, self._success(call))

    def _list(self, call: _Call) -> Response:
        records = self._records_of(call, access.player_of(call.caller))
        answer = _json(200, records)
        digest = hashlib.md5(answer.body, usedforsecurity=False).hexdigest()
        headers = {"etag": f'"{digest}"', "cache-control": "private, no-cache", _HISTORY: self.history}
        if wire.matches_etag(call.headers.get("if-none-match", ""), headers["etag"]):
            return Response(304, headers)
        refusal = self._count(call)
        if refusal is not None:
            return refusal
        cursor = f"{self.history[:8]}-{digest}"
        since = wire.decode_since(urlsplit(call.request.url).query)
        changed = _difference(self._listed.get(since), records)
        if changed is not None:
            answer, headers[_SINCE] = _json(200, changed), since
        self._listed.pop(cursor, None)
        self._listed[cursor] = records
        if len(self._listed) > _CURSORS_KEPT:
            del self._listed[next(iter(self._listed))]
        return Response(200, {**answer.headers, **headers, **call.limited, _CURSOR: cursor}, answer.body)

    def _records_of(self, call: _Call, user_id: int, *, hidden: bool = False) -> list[dict[str, Any]]:
        started = wire.decode_started(urlsplit(call.request.url).query)
        return [
            self._record(user_id, achievement, call.shape)
            for achievement in self._visible(user_id, started=started, hidden=hidden)
        ]

    def _stream(self, call: _Call) -> Response | ByteStream:
        user_id = access.player_of(call.caller)
        if self._limits and len(self._events.streams(user_id)) >= MAX_STREAMS:
            return _too_many(5.0, {})
        last_event_id = call.headers.get("last-event-id")
        return self._events.open(user_id, last_event_id, call.request.timeout_s, self.history)

    def _success(self, call: _Call) -> dict[str, str]:
        """Return the headers of a success."""
        return {_HISTORY: self.history, **call.limited}

    def _count(self, call: _Call) -> Response | None:
        """Count a call for its limit; return the refusal if there are too many."""
        if not self._limits or call.route.limit is None:
            return None
        # A hash, so that nobody reads a meaning into it.
        bucket = hashlib.md5(repr((call.route.name, call.caller)).encode(), usedforsecurity=False).hexdigest()[:16]
        window = self._windows.setdefault(bucket, Window(call.route.limit))
        allowed, left, reset_after_s = window.hit(self._clock.now())
        state = LimitState(call.route.limit.requests, left, reset_after_s, bucket)
        headers = write_headers(state, self._clock.at_us() / 1e6)
        call.limited.update({name.lower(): value for name, value in headers.items()})
        return None if allowed else _too_many(reset_after_s, call.limited)


def _difference(before: list[dict[str, Any]] | None, now: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return the records that are not as they were before, None if only the whole list says what has changed."""
    if before is None:
        return None
    known = {record["achievement_id"]: record for record in before}
    if known.keys() - {record["achievement_id"] for record in now}:
        return None
    return [record for record in now if known.get(record["achievement_id"]) != record]


def route_name(method: str, path: str) -> str | None:
    """Return the name of the route that `method` and the decoded `path` ask for, None if there is none."""
    try:
        return routes.match(method, path).route.name
    except ApiError:
        return None


def _json(status: int, data: object, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, {"content-type": "application/json", **(headers or {})}, body)


def _too_many(retry_after_s: float, headers: Mapping[str, str]) -> Response:
    refusal = {name.lower(): value for name, value in refusal_headers(retry_after_s).items()}
    body = {"message": "You are being rate limited.", "retry_after": round(retry_after_s, 3), "global": False}
    return _json(429, body, {**headers, **refusal})


def _body(call: _Call) -> object:
    body = call.request.body or b""
    if len(body) > MAX_BODY_BYTES:
        raise ApiError.of(ErrorCode.PAYLOAD_TOO_LARGE)
    if call.headers.get("content-encoding", "").lower() not in ("", "identity"):
        raise ApiError.of(ErrorCode.UNSUPPORTED_MEDIA_TYPE)
    if call.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        message = 'Expected "Content-Type" header to be one of {"application/json"}.'
        raise field_error((), "CONTENT_TYPE_INVALID", message)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise ApiError.of(ErrorCode.INVALID_JSON) from exc
