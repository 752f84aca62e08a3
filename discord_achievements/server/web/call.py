"""One request under /api: its headers, its query, and its body, which is read within bounds."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ...domain import wire
from ...domain.errors import ApiError, ErrorCode, field_error
from ...domain.ratelimit import LimitState
from ...domain.wire import Shape
from ..service import Admission
from ..time_limit import TimeLimit
from .asgi import Message, Receive, Scope, Send
from .responses import UNAVAILABLE_RETRY_S, Headers

if TYPE_CHECKING:
    from .endpoints import Endpoint

_HISTORY = wire.HISTORY_HEADER.lower().encode()
_DISCARDED_MAX_BYTES = 16 * 1024 * 1024
_LISTS = (b"if-none-match", b"content-encoding")  # headers that may be sent in several lines


class Request(NamedTuple):
    """What ASGI gives, with the few headers that matter; a header that was not sent is empty."""

    scope: Scope
    receive: Receive
    send: Send
    authorization: str
    content_type: str
    content_length: str
    content_encoding: str
    if_none_match: str
    last_event_id: str

    @classmethod
    def of(cls, scope: Scope, receive: Receive, send: Send) -> Request:
        """Return the request that ASGI describes."""
        found = {
            b"authorization": "",
            b"content-type": "",
            b"content-length": "",
            b"content-encoding": "",
            b"if-none-match": "",
            b"last-event-id": "",
        }
        for name, value in scope["headers"]:
            if name in found:
                text = value.decode("latin-1").strip(" \t")
                found[name] = f"{found[name]}, {text}" if name in _LISTS and found[name] else text
        return cls(scope, receive, send, *found.values())


class Bounds(NamedTuple):
    """How large a request's body may be, and how long it may take to arrive."""

    max_body_bytes: int
    body_time: TimeLimit


class Call:
    """A request that was admitted.

    Its answer carries `headers` if it is a success, and the state of `limit` in any case.
    """

    __slots__ = ("_bounds", "admission", "endpoint", "headers", "limit", "request", "shape")

    def __init__(
        self, request: Request, endpoint: Endpoint, admission: Admission, shape: Shape, bounds: Bounds
    ) -> None:
        self.request = request
        self.endpoint = endpoint
        self.admission = admission
        self.shape = shape
        self.headers: Headers = []
        self.limit: LimitState | None = None
        self._bounds = bounds

    @property
    def history(self) -> tuple[bytes, bytes]:
        """The header that names the history which the answer to this call belongs to."""
        return _HISTORY, self.admission.history.encode()

    @property
    def started(self) -> bool:
        """Whether the query asks only for achievements that have a record; raises the `ApiError` to answer with."""
        return wire.decode_started(self.request.scope["query_string"].decode("latin-1"))

    @property
    def since(self) -> str:
        """The cursor of the answer since which the client wants the changes, empty if it wants the whole list."""
        return wire.decode_since(self.request.scope["query_string"].decode("latin-1"))

    async def data(self) -> Any:
        """Return the body, decoded from JSON; raises the `ApiError` to answer with."""
        if self._is_refused_unread():
            raise ApiError.of(ErrorCode.PAYLOAD_TOO_LARGE)
        try:
            with self._bounds.body_time.applied():
                body = await self._received()
        except TimeoutError as exc:
            raise ApiError.of(ErrorCode.REQUEST_TIMEOUT) from exc
        except asyncio.CancelledError as exc:  # the server is stopping and has waited long enough for this client
            raise ApiError.of(ErrorCode.UNAVAILABLE, retry_after_s=UNAVAILABLE_RETRY_S) from exc
        if self.request.content_encoding.lower() not in ("", "identity"):
            raise ApiError.of(ErrorCode.UNSUPPORTED_MEDIA_TYPE)
        if self.request.content_type.partition(";")[0].strip().lower() != "application/json":
            message = 'Expected "Content-Type" header to be one of {"application/json"}.'
            raise field_error((), "CONTENT_TYPE_INVALID", message)
        return _decode(body)

    def _is_refused_unread(self) -> bool:
        """Return whether the body is too large even to be discarded, or has not been sent yet."""
        length = self.request.content_length
        declared = int(length[:12]) if length.isascii() and length.isdigit() else 0
        if declared <= self._bounds.max_body_bytes:
            return False
        return declared > _DISCARDED_MAX_BYTES or any(name == b"expect" for name, _ in self.request.scope["headers"])

    async def _received(self) -> bytes:
        """Return the body. One that is too large is read to its end, as far as that is reasonable, and discarded.

        If the connection were closed while the client or a proxy is still sending, they might never see the answer.
        """
        body, size = b"", 0
        more = True
        while more:
            message: Message = await self.request.receive()
            if message["type"] == "http.disconnect":
                raise ApiError.of(ErrorCode.REQUEST_TIMEOUT)  # which nobody receives
            part = message.get("body", b"")
            size += len(part)
            body = body + part if size <= self._bounds.max_body_bytes else b""
            more = message.get("more_body", False) and size <= max(self._bounds.max_body_bytes, _DISCARDED_MAX_BYTES)
        if size > self._bounds.max_body_bytes:
            raise ApiError.of(ErrorCode.PAYLOAD_TOO_LARGE)
        return body


def _decode(body: bytes) -> Any:
    try:
        try:
            return msgspec.json.decode(body)
        except msgspec.ValidationError:  # a number beyond every machine number: infinite, for code that clamps it
            return json.loads(body.decode(), parse_int=_integer_or_infinite, parse_constant=_refuse_constant)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise ApiError.of(ErrorCode.INVALID_JSON) from exc


def _integer_or_infinite(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
