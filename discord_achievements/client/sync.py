"""What to ask the service next: a policy over what is pending, what is wanted, and what the last answers said.

It performs nothing: `next(now)` returns an action for the worker to carry out, `succeeded` and `failed` take in what
came of it. All `now` are monotonic seconds.
"""

from __future__ import annotations

from typing import NamedTuple

from ..domain.errors import ApiError
from ..domain.progress import Progress
from ..domain.ratelimit import Bucket, LimitState
from ..domain.result import Result
from ..domain.retry import Outcome, Verdict, delay_s, result_of, verdict
from .feed import Feed


class FetchList(NamedTuple):
    """Ask for the player's list."""


class SendUpdate(NamedTuple):
    """Tell the service one achievement's progress."""

    achievement_id: int
    progress: Progress


class FetchIcon(NamedTuple):
    """Ask for an icon."""

    achievement_id: int
    icon_hash: str


class OpenStream(NamedTuple):
    """Open the event stream."""


class Wait(NamedTuple):
    """Nothing to do before `until`, or before something happens where that is None."""

    until: float | None


Exchange = FetchList | SendUpdate | FetchIcon
Action = Exchange | OpenStream | Wait


class Sync:
    """The state of the conversation with the service, for the player whose token is in use."""

    def __init__(self, now: float, patience_s: float) -> None:
        self.pending: dict[int, Progress] = {}
        self.icons: dict[str, int] = {}
        self.feed = Feed(now)
        self.fetch_wanted = False
        self._patience_s = patience_s
        self._updates = Bucket()
        self._lists = Bucket()
        self._blocked: Result | None = None
        self._failures = 0
        self._not_before = now
        self._ordered_to_wait = False
        self._last_result = Result.OK
        self._reached = False

    def next(self, now: float) -> Action:
        """Return what to do at `now`."""
        if self._blocked is not None:
            return Wait(None)
        if now < self._not_before:
            return Wait(self._not_before)
        times: list[float] = []
        poll_at = now if self.fetch_wanted else self.feed.poll_at
        if poll_at is not None:
            at = max(poll_at, now + self._lists.wait_s(now))
            if at <= now:
                return FetchList()
            times.append(at)
        if self.pending:
            wait_s = self._updates.wait_s(now)
            if wait_s <= 0:
                return SendUpdate(*next(iter(self.pending.items())))
            times.append(now + wait_s)
        if self.feed.stream_at is not None and self._reached:
            if self.feed.stream_at <= now:
                return OpenStream()
            times.append(self.feed.stream_at)
        if self.icons:
            icon_hash, achievement_id = next(iter(self.icons.items()))
            return FetchIcon(achievement_id, icon_hash)
        return Wait(min(times, default=None))

    def want_fetch(self, now: float) -> None:
        """The game asks for the list: worth another try at once, unless the service itself said when to come back."""
        self.fetch_wanted = True
        self._blocked = None
        if not self._ordered_to_wait:
            self._not_before = now

    def new_token(self, now: float) -> None:
        """Another token counts: whatever was in the way may be gone."""
        self._blocked = None
        self._failures = 0
        self._not_before = now
        self._updates = Bucket()
        self._lists = Bucket()
        self._reached = False
        self.feed = Feed(now)

    def block(self, result: Result) -> None:
        """Nothing more can succeed before a new token or a new fetch."""
        self._blocked = result

    def told_limit(self, action: Exchange, limit: LimitState, now: float) -> None:
        """Take in the rate-limit headers of an answer."""
        if isinstance(action, SendUpdate):
            self._updates.update(limit, now)
        elif isinstance(action, FetchList):
            self._lists.update(limit, now)

    def succeeded(self, action: Exchange, now: float) -> None:
        """Take in that the service has answered with success."""
        self._failures = 0
        self._not_before = now
        self._ordered_to_wait = False
        self._last_result = Result.OK
        self._reached = True
        if isinstance(action, FetchList):
            self.fetch_wanted = False
            self.feed.fetched(now)
        elif isinstance(action, SendUpdate):
            # Another process of this game may have gone further meanwhile.
            if self.pending.get(action.achievement_id) == action.progress:
                del self.pending[action.achievement_id]
        else:
            self.icons.pop(action.icon_hash, None)

    def failed(self, action: Exchange, outcome: Outcome, now: float, jitter: float) -> Verdict:
        """Take in any other outcome, and return the verdict on it."""
        judged = verdict(outcome)
        self._last_result = result_of(outcome)
        if isinstance(action, FetchIcon) and judged is not Verdict.RETRY:
            self.icons.pop(action.icon_hash, None)
            return Verdict.REFUSED
        if judged is Verdict.RETRY:
            self._back_off(action, outcome, now, jitter)
            if isinstance(action, SendUpdate) and action.achievement_id in self.pending:
                # One update that the service chokes on must not keep the others waiting.
                self.pending[action.achievement_id] = self.pending.pop(action.achievement_id)
        elif judged is Verdict.REFUSED:
            self._reached = True
            self._failures = 0
            if isinstance(action, SendUpdate):
                self.pending.pop(action.achievement_id, None)
            else:
                self.fetch_wanted = False
                self.feed.poll_later(now)
        elif judged is Verdict.MISCONFIGURED:
            self._blocked = self._last_result
        return judged

    def sign_in_failed(self, now: float, jitter: float) -> None:
        """No token could be had; that may pass."""
        self._last_result = Result.OAUTH2_ERROR
        self._failures += 2
        self._not_before = now + delay_s(self._failures, jitter=jitter)

    def out_of_reach(self, now: float) -> Result | None:
        """Return what callbacks have to be told now because nothing will be delivered soon; None if it may be."""
        if self._blocked is not None:
            return self._blocked
        patience_s = self._patience_s if self._last_result is Result.RATE_LIMITED else 0.0
        if self._not_before - now > patience_s:
            return self._last_result
        if self._last_result is Result.RATE_LIMITED:
            wanted = [self._updates] * bool(self.pending) + [self._lists] * self.fetch_wanted
            if any(bucket.wait_s(now) > patience_s for bucket in wanted):
                return Result.RATE_LIMITED
        return None

    def _back_off(self, action: Exchange, outcome: Outcome, now: float, jitter: float) -> None:
        retry_after_s = outcome.retry_after_s if isinstance(outcome, ApiError) else None
        self._ordered_to_wait = retry_after_s is not None
        if retry_after_s is not None and _is_for_one_route(outcome):
            self.told_limit(action, LimitState(0, 0, delay_s(1, jitter=0, retry_after_s=retry_after_s), ""), now)
            self._ordered_to_wait = False
            if not isinstance(action, FetchIcon):
                return
        # A time-out has cost the callbacks enough patience: no second try before they are told.
        self._failures += 2 if getattr(outcome, "timed_out", False) else 1
        self._not_before = now + delay_s(self._failures, jitter=jitter, retry_after_s=retry_after_s)


def _is_for_one_route(outcome: Outcome) -> bool:
    return isinstance(outcome, ApiError) and outcome.status == 429 and not outcome.is_global
