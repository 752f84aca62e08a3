"""What to do after an answer: which outcome means what to the game, and what may be tried again, when.

The service's own word (`Retry-After`, `X-RateLimit-Reset-After`) outranks the table of delays.
"""

from __future__ import annotations

from enum import Enum

from .errors import ApiError, ErrorCode, TransportError, WireError
from .result import Result

_DELAYS_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0)
_JITTER = 0.25
_AT_ONCE_S = 1.0
MAX_RETRY_AFTER_S = 3600.0


class Verdict(Enum):
    """What becomes of an update after an outcome."""

    DELIVERED = "the service has it"
    RETRY = "the update is kept and sent again after a while"
    REFUSED = "the service has judged it; the update is dropped"
    AUTHENTICATE = "the update is kept; the token has to be replaced first"
    MISCONFIGURED = "the update is kept; none can succeed with this address, application or account"


_RETRIED_STATUS = frozenset(
    {
        408,  # the service gave up waiting for us
        429,  # too many requests; it says when to come back
        500,  # a bug or a passing fault over there
        502,  # a proxy found nobody behind it
        503,  # maintenance or overload
        504,  # a proxy lost patience with the service
    }
)

# The service speaks Discord's protocol but says that every request like this one is addressed wrongly.
# Nothing is wrong with the player's progress, so it is kept for a corrected game or account.
_MISADDRESSED = frozenset(
    (known.status, known.code)
    for known in (
        ErrorCode.ROUTE_NOT_FOUND,
        ErrorCode.METHOD_NOT_ALLOWED,
        ErrorCode.UNKNOWN_APPLICATION,
        ErrorCode.UNKNOWN_USER,
        ErrorCode.MISSING_ACCESS,
        ErrorCode.APPLICATION_MISMATCH,
        ErrorCode.BOTS_NOT_ALLOWED,
        ErrorCode.INVALID_API_VERSION,
    )
)

Outcome = ApiError | TransportError | WireError


def verdict(outcome: Outcome) -> Verdict:
    """Judge a failed update."""
    if not isinstance(outcome, ApiError):
        return Verdict.RETRY
    if outcome.status in _RETRIED_STATUS or outcome.status >= 500:
        return Verdict.RETRY
    if 300 <= outcome.status < 400:
        # Redirects are not followed: they come from sign-in pages of public networks more than from services.
        return Verdict.RETRY
    if outcome.status == 401:
        return Verdict.AUTHENTICATE
    if outcome.code is None or outcome.status == 410 or (outcome.status, outcome.code) in _MISADDRESSED:
        # Without a JSON code it was a proxy or a stranger that spoke, not the service.
        return Verdict.MISCONFIGURED
    return Verdict.REFUSED


_RESULT_BY_CODE = {
    (ErrorCode.INVALID_API_VERSION.status, ErrorCode.INVALID_API_VERSION.code): Result.INVALID_VERSION,
    (ErrorCode.APPLICATION_MISMATCH.status, ErrorCode.APPLICATION_MISMATCH.code): Result.APPLICATION_MISMATCH,
    (ErrorCode.NOT_AUTHORIZED.status, ErrorCode.NOT_AUTHORIZED.code): Result.UNAUTHORIZED_FOR_ACHIEVEMENT,
    (ErrorCode.UNKNOWN_ACHIEVEMENT.status, ErrorCode.UNKNOWN_ACHIEVEMENT.code): Result.NOT_FOUND,
    (ErrorCode.UNKNOWN_APPLICATION.status, ErrorCode.UNKNOWN_APPLICATION.code): Result.NOT_FOUND,
    (ErrorCode.UNKNOWN_USER.status, ErrorCode.UNKNOWN_USER.code): Result.NOT_FOUND,
}

_RESULT_BY_STATUS = {
    400: Result.INVALID_PAYLOAD,
    401: Result.INVALID_ACCESS_TOKEN,
    403: Result.INVALID_PERMISSIONS,
    404: Result.INVALID_COMMAND,
    405: Result.INVALID_COMMAND,
    408: Result.SERVICE_UNAVAILABLE,
    409: Result.CONFLICT,
    410: Result.SERVICE_UNAVAILABLE,
    413: Result.INVALID_PAYLOAD,
    429: Result.RATE_LIMITED,
}


def result_of(outcome: Outcome) -> Result:
    """Return what a game's callback is told about a failed request."""
    if isinstance(outcome, WireError):
        return Result.INTERNAL_ERROR
    if isinstance(outcome, TransportError):
        return Result.SERVICE_UNAVAILABLE
    if outcome.code is not None and (outcome.status, outcome.code) in _RESULT_BY_CODE:
        return _RESULT_BY_CODE[outcome.status, outcome.code]
    if outcome.status in _RESULT_BY_STATUS:
        return _RESULT_BY_STATUS[outcome.status]
    if 400 <= outcome.status < 500:
        return Result.INVALID_PAYLOAD
    return Result.SERVICE_UNAVAILABLE


def delay_s(failures: int, *, jitter: float, retry_after_s: float | None = None) -> float:
    """Return the seconds to wait after `failures` failures in a row (1 or more).

    The table is 0, 1, 2, 4 … 64, 120, 120 s, lengthened by up to a quarter by `jitter` (0 to 1). What the service
    asks for outranks it, up to an hour; asked for nothing, the table holds, and for next to nothing again and again,
    a second, or we would hardly pause.
    """
    step = _DELAYS_S[min(failures, len(_DELAYS_S)) - 1]
    if retry_after_s:
        return min(max(retry_after_s, min(step, _AT_ONCE_S)), MAX_RETRY_AFTER_S)
    return step * (1.0 + _JITTER * jitter)
