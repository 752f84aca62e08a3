"""What to ask the service next: a policy over what is pending, what is wanted, and what the last answers said.

It performs nothing: `next(now)` returns an action for the worker to carry out, `succeeded` and `failed` take in what
came of it. All `now` are monotonic seconds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ...domain.errors import ApiError
from ...domain.progress import Progress
from ...domain.ratelimit import Bucket, LimitState
from ...domain.result import Result
from ...domain.retry import MAX_RETRY_AFTER_S, Outcome, Verdict, delay_s, result_of, verdict
from .stream_or_poll import StreamOrPoll

_USUAL_WINDOWS_S = 10.0


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


class _Lane:
    """One kind of requests: what its rate limit allows, and since when the service has been refusing it for that."""

    def __init__(self) -> None:
        self.bucket = Bucket()
        self.refused_since: float | None = None


class Schedule:
    """The state of the conversation with the service, for the player whose token is in use.

    `icons` are the hashes that are wanted, each with the achievements that show it. While `is_uncertain` whose token
    is in use, the list is all that is asked for: it tells. Callbacks wait `patience_s` for a
    rate limit, and at least as long as the usual limits last.
    """

    def __init__(self, now: float, patience_s: float) -> None:
        self.pending: dict[int, Progress] = {}
        self.icons: dict[str, list[int]] = {}
        self.stream_or_poll = StreamOrPoll(now)
        self.fetch_wanted = False
        self.is_uncertain = False
        self._patience_s = max(patience_s, _USUAL_WINDOWS_S)
        self._updates = _Lane()
        self._lists = _Lane()
        self._listed_last = False
        self._failed_updates: set[int] = set()
        self._blocked: Result | None = None
        self._failures = 0
        self._not_before = now
        self._ordered_to_wait = False
        self._last_result = Result.OK
        self._reached = False
        self._icon_failures = 0
        self._icons_not_before = now

    def next(self, now: float) -> Action:
        """Return what to do at `now`."""
        if self._blocked is not None:
            return Wait(None)
        if now < self._not_before:
            return Wait(self._not_before)
        list_at, update_at = self._list_at(now), self._update_at(now)
        # In turns, so that neither a game that always wants the list nor a list that always fails holds up the rest.
        if list_at <= now and not (self._listed_last and update_at <= now):
            return FetchList()
        if update_at <= now:
            return self._next_update()
        stream_at = math.inf
        if self.stream_or_poll.stream_at is not None and self._reached and not self.is_uncertain:
            stream_at = self.stream_or_poll.stream_at
        if stream_at <= now:
            return OpenStream()
        icons_at = self._icons_not_before if self.icons else math.inf
        if icons_at <= now:
            icon_hash, achievement_ids = next(iter(self.icons.items()))
            return FetchIcon(achievement_ids[0], icon_hash)
        until = min(list_at, update_at, stream_at, icons_at)
        return Wait(None if until == math.inf else until)

    def _list_at(self, now: float) -> float:
        poll_at = now if self.fetch_wanted or self.is_uncertain else self.stream_or_poll.poll_at
        return math.inf if poll_at is None else max(poll_at, now + self._lists.bucket.wait_s(now))

    def _update_at(self, now: float) -> float:
        return now + self._updates.bucket.wait_s(now) if self.pending and not self.is_uncertain else math.inf

    def _next_update(self) -> SendUpdate:
        """One that the service chokes on must not keep the others waiting, so those that have not failed go first."""
        oldest = next(iter(self.pending))
        achievement_id = next((id_ for id_ in self.pending if id_ not in self._failed_updates), oldest)
        return SendUpdate(achievement_id, self.pending[achievement_id])

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
        self._updates = _Lane()
        self._lists = _Lane()
        self._failed_updates.clear()
        self._listed_last = False
        self._reached = False
        self.stream_or_poll = StreamOrPoll(now)

    def block(self, result: Result) -> None:
        """Nothing more can succeed before a new token or a new fetch."""
        self._blocked = result

    def told_limit(self, action: Exchange, limit: LimitState, now: float) -> None:
        """Take in the rate-limit headers of an answer."""
        if not isinstance(action, FetchIcon):
            # No service can silence a game for ever.
            limit = limit._replace(reset_after_s=min(limit.reset_after_s, MAX_RETRY_AFTER_S))
            self._lane(action).bucket.update(limit, now)

    def succeeded(self, action: Exchange, now: float) -> None:
        """Take in that the service has answered with success."""
        if isinstance(action, FetchIcon):
            self.icons.pop(action.icon_hash, None)
            self._icon_failures = 0
            return
        self._lane(action).refused_since = None
        self._failures = 0
        self._not_before = now
        self._ordered_to_wait = False
        self._last_result = Result.OK
        self._reached = True
        if isinstance(action, FetchList):
            self.fetch_wanted = False
            self.stream_or_poll.fetched(now)
            self._listed_last = True
            return
        self._listed_last = False
        self._failed_updates.discard(action.achievement_id)
        # Another process of this game may have gone further meanwhile.
        if self.pending.get(action.achievement_id) == action.progress:
            del self.pending[action.achievement_id]

    def failed(self, action: Exchange, outcome: Outcome, now: float, jitter: float) -> Verdict:
        """Take in any other outcome, and return the verdict on it."""
        judged = verdict(outcome)
        if isinstance(action, FetchIcon):
            return self._icon_failed(action, outcome, judged, now, jitter)
        self._last_result = result_of(outcome)
        self._listed_last = isinstance(action, FetchList)
        lane = self._lane(action)
        if self._last_result is not Result.RATE_LIMITED:
            lane.refused_since = None
        elif lane.refused_since is None:
            lane.refused_since = now
        if judged is Verdict.RETRY:
            self._back_off(lane, outcome, now, jitter)
            if isinstance(action, SendUpdate) and action.achievement_id in self.pending:
                self._failed_updates.add(action.achievement_id)
                self.pending[action.achievement_id] = self.pending.pop(action.achievement_id)
        elif judged is Verdict.REFUSED:
            self._reached = True
            self._failures = 0
            if isinstance(action, SendUpdate):
                self.pending.pop(action.achievement_id, None)
                self._failed_updates.discard(action.achievement_id)
            else:
                self.fetch_wanted = False
                self.stream_or_poll.poll_later(now)
                if self.is_uncertain:
                    self._blocked = self._last_result
        elif judged is Verdict.MISCONFIGURED:
            self._blocked = self._last_result
        return judged

    def sign_in_failed(self, now: float, jitter: float) -> None:
        """No token could be had; that may pass."""
        self._last_result = Result.OAUTH2_ERROR
        self._failures += 2
        self._not_before = now + delay_s(self._failures, jitter=jitter)

    def updates_out_of_reach(self, now: float) -> Result | None:
        """Return what the callbacks of sets have to be told now, as none is delivered soon; None if one may be."""
        return self._out_of_reach(self._lists if self.is_uncertain else self._updates, now)

    def list_out_of_reach(self, now: float) -> Result | None:
        """Return what the callbacks of fetches have to be told now, as no list comes soon; None if one may."""
        return self._out_of_reach(self._lists, now)

    def _out_of_reach(self, lane: _Lane, now: float) -> Result | None:
        if self._blocked is not None:
            return self._blocked
        if self._not_before > now and self._last_result is not Result.RATE_LIMITED:
            return self._last_result
        again_at = max(self._not_before, now + lane.bucket.wait_s(now))
        since = now if lane.refused_since is None else lane.refused_since
        return Result.RATE_LIMITED if again_at > now and again_at - since > self._patience_s else None

    def _lane(self, action: FetchList | SendUpdate) -> _Lane:
        return self._lists if isinstance(action, FetchList) else self._updates

    def _back_off(self, lane: _Lane, outcome: Outcome, now: float, jitter: float) -> None:
        # A time-out has cost the callbacks enough patience: no second try before they are told.
        self._failures += 2 if getattr(outcome, "timed_out", False) else 1
        retry_after_s = outcome.retry_after_s if isinstance(outcome, ApiError) else None
        wait_s = delay_s(self._failures, jitter=jitter, retry_after_s=retry_after_s)
        if retry_after_s is not None and _is_for_one_route(outcome):
            lane.bucket.update(LimitState(0, 0, wait_s, ""), now)
        else:
            self._not_before = now + wait_s
            self._ordered_to_wait = bool(retry_after_s)

    def _icon_failed(self, action: FetchIcon, outcome: Outcome, judged: Verdict, now: float, jitter: float) -> Verdict:
        """Icons come from elsewhere, perhaps: their trouble is nobody else's."""
        if judged is not Verdict.RETRY:
            self.icons.pop(action.icon_hash, None)
            return Verdict.REFUSED
        self._icon_failures += 1
        retry_after_s = outcome.retry_after_s if isinstance(outcome, ApiError) else None
        self._icons_not_before = now + delay_s(self._icon_failures, jitter=jitter, retry_after_s=retry_after_s)
        if action.icon_hash in self.icons:
            self.icons[action.icon_hash] = self.icons.pop(action.icon_hash)
        return judged


def _is_for_one_route(outcome: Outcome) -> bool:
    return isinstance(outcome, ApiError) and outcome.status == 429 and not outcome.is_global
