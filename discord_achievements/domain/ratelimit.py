"""Rate limits, as Discord's headers describe them.

A limited answer carries `X-RateLimit-Limit` (requests in a window), `-Remaining` (left in this one), `-Reset` (when
it ends, seconds since the epoch), `-Reset-After` (the same as seconds from now) and `-Bucket` (which limit it was).
A client that sends nothing while `Remaining` is 0 and `Reset-After` has not passed is never refused. Only
`Reset-After` is used for waiting, since the wall clocks of two machines need not agree. If a 429 names several times,
the latest counts.

All waiting uses `now`, monotonic seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import NamedTuple

from .routes import Limit

_MAX_DATE_CHARACTERS = 64


class LimitState(NamedTuple):
    """One answer's limit: requests per window, requests left, seconds until the window ends, name of the bucket."""

    limit: int
    remaining: int
    reset_after_s: float
    bucket: str


def _number(said: object) -> float | None:
    if not isinstance(said, str | int | float) or isinstance(said, bool):
        return None
    try:
        value = float(said)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and value >= 0 else None


def read_headers(headers: Mapping[str, str]) -> LimitState | None:
    """Return the limit in the lower-case `headers`, or None if they have nothing usable."""
    remaining = _number(headers.get("x-ratelimit-remaining"))
    reset_after_s = _number(headers.get("x-ratelimit-reset-after"))
    if remaining is None or reset_after_s is None:
        return None
    limit = _number(headers.get("x-ratelimit-limit"))
    bucket = headers.get("x-ratelimit-bucket", "")
    return LimitState(int(limit or 0), int(remaining), reset_after_s, bucket)


def write_headers(state: LimitState, at_s: float) -> dict[str, str]:
    """Return the headers for `state`; `at_s` is the wall clock in seconds since the epoch."""
    # Rounded up: a client that comes back at the time it was given must not be refused for half a millisecond.
    reset_after_s = math.ceil(state.reset_after_s * 1000) / 1000
    return {
        "X-RateLimit-Limit": str(state.limit),
        "X-RateLimit-Remaining": str(state.remaining),
        "X-RateLimit-Reset": f"{at_s + reset_after_s:.3f}",
        "X-RateLimit-Reset-After": f"{reset_after_s:.3f}",
        "X-RateLimit-Bucket": state.bucket,
    }


def refusal_headers(wait_s: float, scope: str = "user") -> dict[str, str]:
    """Return the further headers of a 429: how long to wait, in whole seconds, and whose limit it was.

    The wait is at least one second: without any, a client would try again at once. discord.py waits only if there is a
    `Via`; without it, it takes the 429 for a ban by Discord's network and raises an exception.
    """
    return {"Retry-After": str(max(1, math.ceil(wait_s))), "X-RateLimit-Scope": scope, "Via": "1.1 achievements"}


def retry_after_s(headers: Mapping[str, str], body: object, at_us: int | None = None) -> float | None:
    """Return how long a 429 or 503 asks to wait: the longest of its header, its bucket's reset and its body.

    If the header is a date, it is compared with the answer's own `Date`, or else with `at_us`, our clock.
    """
    said: list[object] = [headers.get("retry-after"), headers.get("x-ratelimit-reset-after")]
    if isinstance(body, Mapping) and not isinstance(body.get("retry_after"), str):
        said.append(body.get("retry_after"))
    if _number(said[0]) is None:
        said[0] = _until_date_s(headers, at_us)
    return max((value for value in map(_number, said) if value is not None), default=None)


def _until_date_s(headers: Mapping[str, str], at_us: int | None) -> float | None:
    """Return the seconds until the date in `retry-after`, 0 for one in the past, None if it is not a date."""
    until_s, now_s = _date_s(headers.get("retry-after")), _date_s(headers.get("date"))
    if now_s is None and at_us is not None:
        now_s = at_us / 1_000_000
    return None if until_s is None or now_s is None else max(0.0, until_s - now_s)


def _date_s(text: str | None) -> float | None:
    """Return an HTTP-date as seconds since the epoch, in any of its three forms. Source: RFC 9110, 5.6.7."""
    if text is None or len(text) > _MAX_DATE_CHARACTERS:
        return None
    # Imported late: it would add some ten milliseconds to every game's start, and few services ever send a date.
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


@dataclass(slots=True)
class Bucket:
    """What a client knows of one limit: nothing until the first answer."""

    _remaining: int | None = None
    _reset_at: float = 0.0

    def wait_s(self, now: float) -> float:
        """Return the seconds until a request may be sent, 0 if it may be sent now."""
        if self._remaining is None or self._remaining > 0:
            return 0.0
        return max(0.0, self._reset_at - now)

    def update(self, state: LimitState, now: float) -> None:
        """Remember the limit that an answer carried at `now`."""
        self._remaining = state.remaining
        self._reset_at = now + state.reset_after_s


@dataclass(slots=True)
class Window:
    """A service's count for one limit: a window opens with its first request and closes `per_s` later."""

    limit: Limit
    _opened: float = field(default=-math.inf)
    _used: int = 0

    def hit(self, now: float) -> tuple[bool, int, float]:
        """Count a request at `now`; return whether it is allowed, how many are left, seconds to the window's end."""
        if now - self._opened >= self.limit.per_s:
            self._opened, self._used = now, 0
        allowed = self._used < self.limit.requests
        if allowed:
            self._used += 1
        return allowed, self.limit.requests - self._used, self._opened + self.limit.per_s - now

    def is_over(self, now: float) -> bool:
        """Return whether the window has ended."""
        return now - self._opened >= self.limit.per_s
