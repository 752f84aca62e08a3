"""What to ask the service next. Sans-I/O: it decides and never acts.

The engine calls `next(now)`, carries out the action, and reports what came of it. All `now` are monotonic seconds.
Nothing else writes the fields of a `Schedule`; each verb below is one thing that happened.

The rules, first match wins:

    an exchange or a token call is under way    wait for its end
    blocked: nothing can succeed                wait for a new token or fetch, but for ten minutes at most
    the service or the back-off says wait       wait until then
    a list is wanted, or due                    FetchList, but in turns with updates
    something is pending                        SendUpdate, those that have not failed yet first
    the event stream is due                     OpenStream, once the service has answered with this token
    an icon is wanted                           FetchIcon

Updates and lists have a rate limit each (a lane): exhausting one leaves the other alone. Icons fail for themselves:
they may come from another host. While it is uncertain whose token is in use, only the list is asked for, since its
answer says so.

What a verb changes:

    wants, settled, follow         what is pending
    want_fetch, fetch_answered     whether the game waits for a list
    wants_icon                     which icons are wanted
    new_token, uncertain,
    want_list_first, block         whether the service may be asked, and what
    begin_exchange,
    begin_token_call, ended        whether an exchange or a token call is under way
    limited, succeeded, failed,
    sign_in_failed                 back-off, rate limits, and all that an answer settles

A call of the game must not wait for ever for an answer that will be late: `updates_unreachable` and
`list_unreachable` return the `Result` for those that wait, once nothing will be delivered soon.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...domain.errors import ApiError
from ...domain.progress import Progress
from ...domain.ratelimit import Bucket, LimitState
from ...domain.result import Result
from ...domain.retry import (
    MAX_RETRY_AFTER_S,
    STRANGER_FAILURES,
    Judgement,
    Outcome,
    Verdict,
    delay_s,
    is_strangers,
    judge,
)
from .stream_or_poll import StreamOrPoll

_USUAL_WINDOWS_S = 10.0
RETRY_BLOCKED_S = 600.0
RETRY_ADDRESS_S = 120.0
_EVERY_S, _AT_ONCE = 1.0, 10


class FetchList(NamedTuple):
    """Ask for the player's list."""


class SendUpdate(NamedTuple):
    """Send one achievement's progress to the service."""

    achievement_id: int
    progress: Progress


class FetchIcon(NamedTuple):
    """Ask for an icon."""

    achievement_id: int
    icon_hash: str


class OpenStream(NamedTuple):
    """Open the event stream."""


class Wait(NamedTuple):
    """Do nothing before `until`, or before something happens if that is None."""

    until: float | None


Exchange = FetchList | SendUpdate | FetchIcon
Action = Exchange | OpenStream | Wait


class _Lane:
    """One kind of request: its rate limit, and since when the service has refused requests because of it."""

    def __init__(self) -> None:
        self.bucket = Bucket()
        self.refused_since: float | None = None


class _Pace:
    """One a second in the long run, a few at once; whatever the service says, and however often the game asks."""

    def __init__(self, now: float) -> None:
        self._even_at = now

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next one."""
        return max(0.0, self._even_at - (_AT_ONCE - 1) * _EVERY_S - now)

    def used(self, now: float) -> None:
        """There has been one."""
        self._even_at = max(self._even_at, now) + _EVERY_S


class Schedule:
    """The state of the conversation with the service, for the player whose token is in use.

    `stream_or_poll` is the policy for changes made elsewhere. Calls of the game wait `patience_s` for a rate limit or
    a token, but at least as long as the usual limits last. `has_worked` is whether the service has ever answered at
    this address, in this run or an earlier one.
    """

    def __init__(self, now: float, patience_s: float, *, has_worked: bool = False) -> None:
        self._has_worked = has_worked
        self.stream_or_poll = StreamOrPoll(now)
        self._patience_s = max(patience_s, _USUAL_WINDOWS_S)
        self._pending: dict[int, Progress] = {}
        self._pending_ids: frozenset[int] | None = None
        self._icons: dict[str, list[int]] = {}
        self._fetch_wanted = False
        self._is_uncertain = False
        self._list_first = False
        self._updates = _Lane()
        self._lists = _Lane()
        self._list_pace = _Pace(now)
        self._hurry_pace = _Pace(now)
        self._listed_last = False
        self._failed_updates: set[int] = set()
        self._blocked: Result | None = None
        self._blocked_until = now
        self._failures = 0
        self._not_before = now
        self._ordered_to_wait = False
        self._last_result = Result.OK
        self._reached = False
        self._icon_failures = 0
        self._icons_not_before = now
        self._is_under_way = False
        self._late_at: float | None = None

    # What to do

    def next(self, now: float, *, can_open_stream: bool = True) -> Action:
        """Return what to do at `now`; without `can_open_stream`, another stream has yet to end."""
        if self._is_under_way:
            return Wait(self._late_at if self._late_at is not None and self._late_at > now else None)
        if self._blocked is not None and now < self._blocked_until:
            return Wait(self._blocked_until)
        if now < self._not_before:
            return Wait(self._not_before)
        list_at, update_at = self._list_at(now), self._update_at(now)
        # In turns: neither a game that always wants the list nor a list that always fails may hold up the updates.
        if list_at <= now and not (self._listed_last and update_at <= now):
            return FetchList()
        if update_at <= now:
            return self._next_update()
        stream_at = math.inf
        if can_open_stream and self._reached and not self._is_uncertain and self.stream_or_poll.stream_at is not None:
            stream_at = self.stream_or_poll.stream_at
        if stream_at <= now:
            return OpenStream()
        icons_at = self._icons_not_before if self._icons else math.inf
        if icons_at <= now:
            icon_hash, achievement_ids = next(iter(self._icons.items()))
            return FetchIcon(achievement_ids[0], icon_hash)
        until = min(list_at, update_at, stream_at, icons_at)
        return Wait(None if until == math.inf else until)

    def _list_at(self, now: float) -> float:
        poll_at = now if self._fetch_wanted or self._is_uncertain else self.stream_or_poll.poll_at
        wait_s = max(self._lists.bucket.wait_s(now), self._list_pace.wait_s(now))
        return math.inf if poll_at is None else max(poll_at, now + wait_s)

    def _update_at(self, now: float) -> float:
        if not self._pending or self._is_uncertain or self._list_first:
            return math.inf
        return now + self._updates.bucket.wait_s(now)

    def _next_update(self) -> SendUpdate:
        """Return an update that has not failed yet if there is one, so that a failing one does not block the others."""
        oldest = next(iter(self._pending))
        achievement_id = next((id_ for id_ in self._pending if id_ not in self._failed_updates), oldest)
        return SendUpdate(achievement_id, self._pending[achievement_id])

    @property
    def pending(self) -> Mapping[int, Progress]:
        """What the service has not confirmed, by achievement."""
        return self._pending

    @property
    def pending_ids(self) -> frozenset[int]:
        """The achievements in `pending`; the same object until they change."""
        if self._pending_ids is None:
            self._pending_ids = frozenset(self._pending)
        return self._pending_ids

    @property
    def is_uncertain(self) -> bool:
        """Whether it is not known whose token is in use."""
        return self._is_uncertain

    @property
    def has_worked(self) -> bool:
        """Whether the service has ever answered at this address."""
        return self._has_worked

    def wanted_by(self, icon_hash: str) -> Sequence[int]:
        """Return the achievements for which an icon is wanted."""
        return self._icons.get(icon_hash, ())

    def updates_unreachable(self, now: float) -> Result | None:
        """Return the result for sets that wait if none will be delivered soon, None if one may be."""
        return self._unreachable(self._lists if self._is_uncertain else self._updates, now)

    def list_unreachable(self, now: float) -> Result | None:
        """Return the result for fetches that wait if no list will come soon, None if one may."""
        return self._unreachable(self._lists, now)

    def _unreachable(self, lane: _Lane, now: float) -> Result | None:
        if self._late_at is not None and now >= self._late_at:
            return Result.SERVICE_UNAVAILABLE
        if self._blocked is not None:
            return self._blocked
        if self._not_before > now and self._last_result is not Result.RATE_LIMITED:
            return self._last_result
        again_at = max(self._not_before, now + lane.bucket.wait_s(now))
        since = now if lane.refused_since is None else lane.refused_since
        return Result.RATE_LIMITED if again_at > now and again_at - since > self._patience_s else None

    # What the game and the player want

    def wants(self, achievement_id: int, progress: Progress) -> None:
        """The service has yet to receive `progress`."""
        self._pending[achievement_id] = progress
        self._pending_ids = None

    def settled(self, achievement_id: int) -> None:
        """Nothing of an achievement is pending any more."""
        self._pending.pop(achievement_id, None)
        self._failed_updates.discard(achievement_id)
        self._pending_ids = None

    def follow(self, pending: Mapping[int, Progress]) -> None:
        """Another player's progress is what matters; this much of it is pending."""
        self._pending = dict(pending)
        self._pending_ids = None

    def want_fetch(self, now: float) -> None:
        """The game asks for the list: worth another try at once, unless the service itself said when to come back.

        So it is once a second in the long run, if the game asks in each frame.
        """
        self._fetch_wanted = True
        is_held_up = self._blocked is not None or (self._not_before > now and not self._ordered_to_wait)
        if not is_held_up or self._hurry_pace.wait_s(now):
            return
        self._hurry_pace.used(now)
        self._blocked = None
        if not self._ordered_to_wait:
            self._not_before = now

    def fetch_answered(self) -> None:
        """No call of the game waits for the list any more."""
        self._fetch_wanted = False

    def wants_icon(self, icon_hash: str, achievement_id: int) -> None:
        """An achievement's icon is to be fetched."""
        self._icons.setdefault(icon_hash, []).append(achievement_id)

    # Whether the service may be asked

    def new_token(self, now: float) -> None:
        """Another token is in use: whatever was in the way may be gone."""
        self.ended()
        self._blocked = None
        self._failures = 0
        self._not_before = now
        self._updates = _Lane()
        self._lists = _Lane()
        self._failed_updates.clear()
        self._listed_last = False
        self._list_first = False
        self._reached = False
        self.stream_or_poll = StreamOrPoll(now)

    def uncertain(self, is_uncertain: bool) -> None:
        """It is, or is no longer, uncertain whose token is in use."""
        self._is_uncertain = is_uncertain

    def want_list_first(self, now: float) -> None:
        """What the service holds is unknown until it has sent the list; no update is sent before that."""
        self._list_first = True
        self.stream_or_poll.poll_now(now)

    def block(self, result: Result, now: float, again_s: float = RETRY_BLOCKED_S) -> None:
        """Nothing can succeed before there is a new token or a new fetch; even so it is tried again in `again_s`."""
        self._blocked = result
        self._blocked_until = now + again_s

    # What came of it

    def begin_exchange(self) -> None:
        """An exchange is under way, which the transport ends in time. There is never more than one thing under way."""
        self._is_under_way = True

    def begin_token_call(self, now: float) -> None:
        """A method of the token object is under way. It may block for ever; the game's calls do not wait that long."""
        self._is_under_way = True
        self._late_at = now + self._patience_s

    def ended(self) -> None:
        """What was under way has ended; what came of it follows."""
        self._is_under_way = False
        self._late_at = None

    def limited(self, action: Exchange, limit: LimitState, now: float) -> None:
        """An answer carried rate-limit headers."""
        if not isinstance(action, FetchIcon):
            # No service can silence a game for ever.
            limit = limit._replace(reset_after_s=min(limit.reset_after_s, MAX_RETRY_AFTER_S))
            self._lane(action).bucket.update(limit, now)

    def succeeded(self, action: Exchange, now: float) -> None:
        """The service answered with success."""
        if isinstance(action, FetchIcon):
            self._icons.pop(action.icon_hash, None)
            self._icon_failures = 0
            return
        self._lane(action).refused_since = None
        self._blocked = None
        self._has_worked = True
        self._failures = 0
        self._not_before = now
        self._ordered_to_wait = False
        self._last_result = Result.OK
        self._reached = True
        if isinstance(action, FetchList):
            self._list_pace.used(now)
            self._fetch_wanted = False
            self._list_first = False
            self.stream_or_poll.fetched(now)
            self._listed_last = True
            return
        self._listed_last = False
        self._failed_updates.discard(action.achievement_id)
        # The player may have gone further meanwhile, here or in another process of this game.
        if self._pending.get(action.achievement_id) == action.progress:
            self.settled(action.achievement_id)

    def failed(self, action: Exchange, outcome: Outcome, now: float, jitter: float) -> Judgement:
        """The exchange had any other outcome; return the judgement on it."""
        has_worked = self._has_worked and not isinstance(action, FetchIcon)  # icons may come from another host
        judged = judge(outcome, has_worked=has_worked)
        if isinstance(action, FetchIcon):
            return self._icon_failed(action, outcome, judged, now, jitter)
        self._blocked = None
        self._last_result = judged.result
        self._listed_last = isinstance(action, FetchList)
        if self._listed_last:
            self._list_pace.used(now)
        lane = self._lane(action)
        if judged.result is not Result.RATE_LIMITED:
            lane.refused_since = None
        elif lane.refused_since is None:
            lane.refused_since = now
        if judged.verdict is Verdict.RETRY:
            self._back_off(lane, outcome, now, jitter)
            if isinstance(action, SendUpdate) and action.achievement_id in self._pending:
                self._failed_updates.add(action.achievement_id)
                self._pending[action.achievement_id] = self._pending.pop(action.achievement_id)
        elif judged.verdict is Verdict.REFUSED:
            self._reached = True
            self._failures = 0
            if isinstance(action, SendUpdate):
                self.settled(action.achievement_id)
            else:
                self._fetch_wanted = False
                self.stream_or_poll.poll_later(now)
                if self._is_uncertain:
                    self.block(judged.result, now)
        elif judged.verdict is Verdict.MISCONFIGURED:
            self.block(judged.result, now, RETRY_ADDRESS_S)
        return judged

    def sign_in_failed(self, now: float, jitter: float) -> None:
        """No token could be had, for a reason that may pass."""
        self._blocked = None
        self._last_result = Result.OAUTH2_ERROR
        self._failures += 2
        self._not_before = now + delay_s(self._failures, jitter=jitter)

    def _lane(self, action: FetchList | SendUpdate) -> _Lane:
        return self._lists if isinstance(action, FetchList) else self._updates

    def _back_off(self, lane: _Lane, outcome: Outcome, now: float, jitter: float) -> None:
        # A time-out has used up the patience of the game's calls: they are answered before a second try.
        self._failures += 2 if getattr(outcome, "timed_out", False) else 1
        if is_strangers(outcome):
            self._failures = max(self._failures, STRANGER_FAILURES)
        retry_after_s = outcome.retry_after_s if isinstance(outcome, ApiError) else None
        wait_s = delay_s(self._failures, jitter=jitter, retry_after_s=retry_after_s)
        if retry_after_s is not None and _is_for_one_route(outcome):
            lane.bucket.update(LimitState(0, 0, wait_s, ""), now)
        else:
            self._not_before = now + wait_s
            self._ordered_to_wait = bool(retry_after_s)

    def _icon_failed(
        self, action: FetchIcon, outcome: Outcome, judged: Judgement, now: float, jitter: float
    ) -> Judgement:
        if judged.verdict is not Verdict.RETRY:
            self._icons.pop(action.icon_hash, None)
            return judged._replace(verdict=Verdict.REFUSED)
        self._icon_failures += 1
        retry_after_s = outcome.retry_after_s if isinstance(outcome, ApiError) else None
        self._icons_not_before = now + delay_s(self._icon_failures, jitter=jitter, retry_after_s=retry_after_s)
        if action.icon_hash in self._icons:
            self._icons[action.icon_hash] = self._icons.pop(action.icon_hash)
        return judged


def _is_for_one_route(outcome: Outcome) -> bool:
    return isinstance(outcome, ApiError) and outcome.status == 429 and not outcome.is_global
