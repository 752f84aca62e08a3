"""What an answer means: for the update that was sent, for the game's callback, and for when to try again.

`JUDGEMENTS` is the one table. The service's documented errors are in it by code; an answer with any other code, or
without Discord's JSON, is judged by its HTTP status. An answer without Discord's JSON comes from a proxy or another
server: it says that the address is wrong only as long as the service has never answered there. The service's own word
on when to come back (`Retry-After`, `X-RateLimit-Reset-After`) outranks the table of delays.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from .errors import ApiError, ErrorCode, TransportError, WireError
from .result import Result

_DELAYS_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0)
_JITTER = 0.25
_AT_ONCE_S = 1.0
MAX_RETRY_AFTER_S = 3600.0
STRANGER_FAILURES = 6
"""A proxy that refuses requests is being reconfigured or wants a sign-in: the table is entered at 16 s."""


class Verdict(Enum):
    """What becomes of an update that was not accepted; the value is for the log."""

    RETRY = "the update is kept and will be sent again"
    REFUSED = "the service refused it, so the update is dropped"
    AUTHENTICATE = "the update is kept until there is another token"
    MISCONFIGURED = "the update is kept and tried again in two minutes; this address, application or account is wrong"


class Judgement(NamedTuple):
    """What becomes of the update, and the `Result` that the callback gets."""

    verdict: Verdict
    result: Result


Outcome = ApiError | TransportError | WireError

JUDGEMENTS: Mapping[ErrorCode, Judgement] = {
    ErrorCode.UNAUTHORIZED: Judgement(Verdict.AUTHENTICATE, Result.INVALID_ACCESS_TOKEN),
    # Every request like this one is addressed wrongly. The progress itself is fine: keep it for a corrected game.
    ErrorCode.ROUTE_NOT_FOUND: Judgement(Verdict.MISCONFIGURED, Result.INVALID_COMMAND),
    ErrorCode.METHOD_NOT_ALLOWED: Judgement(Verdict.MISCONFIGURED, Result.INVALID_COMMAND),
    ErrorCode.INVALID_API_VERSION: Judgement(Verdict.MISCONFIGURED, Result.INVALID_VERSION),
    ErrorCode.UNKNOWN_APPLICATION: Judgement(Verdict.MISCONFIGURED, Result.NOT_FOUND),
    ErrorCode.UNKNOWN_USER: Judgement(Verdict.MISCONFIGURED, Result.NOT_FOUND),
    ErrorCode.APPLICATION_MISMATCH: Judgement(Verdict.MISCONFIGURED, Result.APPLICATION_MISMATCH),
    ErrorCode.BOTS_NOT_ALLOWED: Judgement(Verdict.MISCONFIGURED, Result.INVALID_PERMISSIONS),
    ErrorCode.MISSING_ACCESS: Judgement(Verdict.MISCONFIGURED, Result.INVALID_PERMISSIONS),
    # The SDK sends nothing compressed, so something in between does.
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: Judgement(Verdict.MISCONFIGURED, Result.INVALID_COMMAND),
    # The service has looked at this very update and will not have it.
    ErrorCode.UNKNOWN_ACHIEVEMENT: Judgement(Verdict.REFUSED, Result.NOT_FOUND),
    ErrorCode.NOT_AUTHORIZED: Judgement(Verdict.REFUSED, Result.UNAUTHORIZED_FOR_ACHIEVEMENT),
    ErrorCode.INVALID_FORM_BODY: Judgement(Verdict.REFUSED, Result.INVALID_PAYLOAD),
    ErrorCode.INVALID_JSON: Judgement(Verdict.REFUSED, Result.INVALID_PAYLOAD),
    ErrorCode.PAYLOAD_TOO_LARGE: Judgement(Verdict.REFUSED, Result.INVALID_PAYLOAD),
    ErrorCode.TOO_MANY_ACHIEVEMENTS: Judgement(Verdict.REFUSED, Result.INVALID_PAYLOAD),
    # These pass.
    ErrorCode.REQUEST_TIMEOUT: Judgement(Verdict.RETRY, Result.SERVICE_UNAVAILABLE),
    ErrorCode.INTERNAL_ERROR: Judgement(Verdict.RETRY, Result.SERVICE_UNAVAILABLE),
    ErrorCode.UNAVAILABLE: Judgement(Verdict.RETRY, Result.SERVICE_UNAVAILABLE),
}

_BY_CODE = {(known.status, known.code): judgement for known, judgement in JUDGEMENTS.items()}
_BY_STATUS = {
    401: JUDGEMENTS[ErrorCode.UNAUTHORIZED],
    403: Judgement(Verdict.REFUSED, Result.INVALID_PERMISSIONS),
    404: Judgement(Verdict.REFUSED, Result.INVALID_COMMAND),
    405: Judgement(Verdict.REFUSED, Result.INVALID_COMMAND),
    408: JUDGEMENTS[ErrorCode.REQUEST_TIMEOUT],  # the service gave up waiting for our request
    409: Judgement(Verdict.REFUSED, Result.CONFLICT),
    410: Judgement(Verdict.MISCONFIGURED, Result.SERVICE_UNAVAILABLE),  # switched off for good, as Discord's is
    429: Judgement(Verdict.RETRY, Result.RATE_LIMITED),
}
_UNREACHABLE = JUDGEMENTS[ErrorCode.UNAVAILABLE]
_UNREADABLE = Judgement(Verdict.RETRY, Result.INTERNAL_ERROR)
_OTHER_4XX = Judgement(Verdict.REFUSED, Result.INVALID_PAYLOAD)


def is_strangers(outcome: Exception) -> bool:
    """Return whether somebody other than the service refused a request: it has a 4xx, but not Discord's JSON."""
    return isinstance(outcome, ApiError) and outcome.code is None and 400 <= outcome.status < 500


def judge(outcome: Outcome, *, has_worked: bool = False) -> Judgement:
    """Judge a request that did not succeed; `has_worked` is whether the service has ever answered at this address."""
    if isinstance(outcome, WireError):
        return _UNREADABLE
    if isinstance(outcome, TransportError):
        return _UNREACHABLE
    if not 400 <= outcome.status < 500:
        # 5xx pass. Redirects are not followed: they come from sign-in pages of public networks more than from services.
        return _UNREACHABLE
    if outcome.code is not None and (known := _BY_CODE.get((outcome.status, outcome.code))):
        return known
    judgement = _BY_STATUS.get(outcome.status, _OTHER_4XX)
    if is_strangers(outcome) and judgement.verdict in (Verdict.REFUSED, Verdict.MISCONFIGURED):
        # Nobody has judged the update.
        return _UNREACHABLE if has_worked else judgement._replace(verdict=Verdict.MISCONFIGURED)
    return judgement


def delay_s(failures: int, *, jitter: float, retry_after_s: float | None = None) -> float:
    """Return the seconds to wait after `failures` failures in a row (1 or more).

    The table is 0, 1, 2, 4 … 64, 120, 120 s, lengthened by up to a quarter by `jitter` (0 to 1). What the service asks
    for outranks it, up to an hour. If the service asks for no wait, the table applies; if it repeatedly asks for next
    to none, the wait grows to a second, so that a failing request is never repeated without a pause.
    """
    step = _DELAYS_S[min(failures, len(_DELAYS_S)) - 1]
    if retry_after_s:
        return min(max(retry_after_s, min(step, _AT_ONCE_S)), MAX_RETRY_AFTER_S)
    return step * (1.0 + _JITTER * jitter)
