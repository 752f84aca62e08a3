"""The faults that can occur between a game and its service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

from ..client.net.transport import Response
from ..domain import routes
from ..domain.errors import ApiError, ErrorCode
from ..domain.wire import encode_error


class Fault(Enum):
    """One way in which a request can fail; the value describes it."""

    REFUSE = "no server: every connection is refused until heal()"
    HANG_UP = "the connection is closed instead of an answer"
    STALL = "no answer comes, and the connection stays open"
    CUT_BODY = "the service handles the request, but the connection breaks in the middle of the answer's body"
    DRIP = "the service handles the request, and the answer comes one byte at a time"
    UNAUTHORIZED = "401: the token is not accepted"
    NOT_AUTHORIZED = "403 with code 20012: this achievement is secure"
    FORBIDDEN = "403 with another code"
    UNKNOWN_ACHIEVEMENT = "404 with code 990001"
    WRONG_VERSION = "400 with code 50041: this API version is not offered"
    GONE = "410: the service has been shut down for good"
    RATE_LIMITED = "429 with Retry-After"
    RATE_LIMITED_SILENT = "429 without Retry-After"
    INTERNAL_ERROR = "500"
    UNAVAILABLE = "503 from a proxy, without Retry-After"
    UNAVAILABLE_FOR = "503 with Retry-After"
    HTML = "200 with a web page, such as the sign-in page of a public network"
    INVALID_JSON = "200 with JSON that breaks off"
    REDIRECT = "302 to another host"
    DROP_STREAM = "the event stream opens and breaks at once"
    REFUSE_STREAM = "404 for the event stream, as from a service without one"


_ROUTES = [route.name for route in routes.ROUTES]
STREAM_FAULTS = frozenset({Fault.DROP_STREAM, Fault.REFUSE_STREAM})


@dataclass
class _Plan:
    """A fault that will happen `left` more times or, if None, until it is healed."""

    fault: Fault | ErrorCode
    left: int | None
    method: str | None
    route: str | None


class FaultPlan:
    """Decides which of the next requests fail, and how. Not thread-safe."""

    def __init__(self) -> None:
        self._plans: list[_Plan] = []

    def add(self, fault: Fault | ErrorCode, *, times: int | None, method: str | None, route: str | None) -> None:
        """Make the next `times` matching requests fail with `fault`, or all of them if `times` is None.

        Raises `TypeError` and `ValueError` for a fault or a route that does not exist.
        """
        if not isinstance(fault, Fault | ErrorCode):
            raise TypeError(f"fault must be a Fault or an ErrorCode, got {fault!r:.60}")
        if route is not None and route not in _ROUTES:
            raise ValueError(f"unknown route {route!r:.60}; expected one of {', '.join(_ROUTES)}")
        self._plans.append(_Plan(fault, times, method, route))

    def clear(self) -> None:
        """Remove all faults."""
        self._plans.clear()

    def take(self, method: str, route: str | None) -> Fault | ErrorCode | None:
        """Return the fault of a request that has come, None if it succeeds.

        The event stream fails only if a fault names its route.
        """
        for plan in self._plans:
            if plan.method not in (None, method):
                continue
            if plan.route != route and (plan.route or route == routes.USER_ACHIEVEMENT_EVENTS.name):
                continue
            if plan.left is not None:
                plan.left -= 1
                if not plan.left:
                    self._plans.remove(plan)
            return plan.fault
        return None


def fault_response(fault: Fault | ErrorCode, retry_after_s: int) -> Response | None:
    """Return the answer of a fault, None if it has none."""
    if isinstance(fault, ErrorCode):
        return _error(ApiError.of(fault))
    if fault in _ERRORS:
        return _error(_ERRORS[fault])
    if fault is Fault.RATE_LIMITED:
        body = {"message": "You are being rate limited.", "retry_after": float(retry_after_s), "global": False}
        headers = {"content-type": "application/json", "retry-after": str(retry_after_s)}
        return Response(429, headers, json.dumps(body).encode())
    if fault is Fault.UNAVAILABLE_FOR:
        return Response(503, {"content-type": "text/html", "retry-after": str(retry_after_s)}, b"<h1>Maintenance</h1>")
    return _FIXED.get(fault)


def _error(error: ApiError) -> Response:
    return Response(error.status, {"content-type": "application/json"}, json.dumps(encode_error(error)).encode())


_ERRORS = {
    Fault.UNAUTHORIZED: ApiError.of(ErrorCode.UNAUTHORIZED),
    Fault.NOT_AUTHORIZED: ApiError.of(ErrorCode.NOT_AUTHORIZED),
    Fault.FORBIDDEN: ApiError(403, 50013, "You lack permissions to perform that action"),
    Fault.UNKNOWN_ACHIEVEMENT: ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT),
    Fault.WRONG_VERSION: ApiError.of(ErrorCode.INVALID_API_VERSION),
    Fault.GONE: ApiError(410, 0, "410: Gone"),
    Fault.INTERNAL_ERROR: ApiError(500, 0, "500: Internal Server Error"),
    Fault.REFUSE_STREAM: ApiError.of(ErrorCode.ROUTE_NOT_FOUND),
}
_FIXED = {
    Fault.RATE_LIMITED_SILENT: Response(429, {"content-type": "text/plain"}, b"error code: 1015"),
    Fault.UNAVAILABLE: Response(503, {"content-type": "text/html"}, b"<h1>503 Service Unavailable</h1>"),
    Fault.HTML: Response(200, {"content-type": "text/html"}, b"<!DOCTYPE html><title>Sign in to Wi-Fi</title>"),
    Fault.INVALID_JSON: Response(200, {"content-type": "application/json"}, b'[{"application_id": "4616181591711'),
    Fault.REDIRECT: Response(302, {"location": "http://sign-in.invalid/", "content-type": "text/html"}, b"moved"),
}
