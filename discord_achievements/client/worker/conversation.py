"""The conversation with the service: what the schedule decides is begun here, and what comes of it is taken in.

An exchange, or a call of the game's token object, is the courier's while it is under way; there is never more than one.
Worker's thread.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import NamedTuple

from ...domain import ratelimit
from ...domain.errors import ApiError, TransportError, WireError
from ...domain.result import Result
from ...domain.retry import Outcome, Verdict, is_strangers
from ..clock import Clock
from ..disk.icons import IconFolder
from ..disk.pacing import pause
from ..disk.players import Player
from ..disk.storage import Storage
from ..net.api import Api, check, history_of, is_difference, read_update
from ..net.event_stream import OpenReader, StreamMessage, StreamOpened, ThreadReader
from ..net.transport import Request, Response, Transport
from ..state import State
from ..token import Credentials
from ..unlock_age import UnlockAges
from .answers import Answers
from .courier import Courier, Returned
from .news import News
from .schedule import Exchange, FetchIcon, FetchList, OpenStream, Schedule, SendUpdate, Wait
from .session import NotSignedInError, Session, TokenCall
from .stream import EventStream
from .waiting import Waiting

_log = logging.getLogger("discord_achievements")
_HISTORIES_APART_S = 60.0


class _Taken(Enum):
    """How much of an answer could be taken in."""

    ALL = "everything"
    SOME = "the answer itself, but the list may contain more"
    NOTHING = "nothing: the list must be requested whole"


class Service(NamedTuple):
    """The means to talk to a service; in local mode there are none."""

    api: Api
    transport: Transport
    courier: Courier
    schedule: Schedule
    open_reader: OpenReader = ThreadReader


class Conversation:
    """One player after the other, as one manager.

    `post` takes the messages of the stream's reader. `ages` are those of the unlocks of this run. `is_online` is
    whether the service answered last time, None before the first exchange.
    """

    def __init__(
        self,
        service: Service,
        storage: Storage,
        clock: Clock,
        session: Session,
        news: News,
        waiting: Waiting,
        icons: IconFolder,
        post: Callable[[object], None],
    ) -> None:
        self.is_online: bool | None = None
        self.schedule = service.schedule
        self.ages = UnlockAges(clock)
        self._service = service
        self._storage = storage
        self._clock = clock
        self._session = session
        self._news = news
        self._waiting = waiting
        self._icons = icons
        self._answers = Answers(storage, session, service.api.application_id)
        self._stream = EventStream(service.transport, service.open_reader, service.schedule, post, self._described)
        # What the courier is doing: the number of the call, and what for. None: nothing that still matters.
        self._call_number = 0
        self._under_way: Exchange | TokenCall | None = None
        self._courier_is_busy = False
        self._aborted = False
        self._outage_logged = False
        self._is_conditional = False  # whether what was sent may be answered with 304
        self._cursor: str | None = None  # with which the list under way was asked for
        # The last fetch that the list under way answers; a later one asks for what the list may not contain.
        self._fetches_under_way = 0
        # When the service was last found to have another history.
        self._renewed_at = -math.inf
        # The player whose pending updates the schedule has.
        self._followed = session.player
        self._is_identified = False
        self.schedule.follow(storage.database.pending(self._followed.id))

    @property
    def holds_events(self) -> bool:
        """Whether events must wait: the answer under way may be older than they are, and is taken in first."""
        return isinstance(self._under_way, FetchList | SendUpdate)

    # What is next

    def step(self) -> float | None:
        """Begin one thing; return the seconds until the next, 0 for at once, None if that depends on a message."""
        if self._aborted:
            return None
        self.follow()  # already done, unless it failed
        now = self._clock.now()
        action = self.schedule.next(now, can_open_stream=self._stream.is_free)
        if isinstance(action, Wait):
            return None if action.until is None else max(0.0, action.until - now)
        needs_courier = not isinstance(action, OpenStream) or self._session.token is None
        if needs_courier and self._courier_is_busy:
            return None
        self._begin(action)
        return 0.0

    def _begin(self, action: Exchange | OpenStream) -> None:
        api, token = self._service.api, self._session.token
        if isinstance(action, FetchIcon):
            self._send(action, api.icon(action.achievement_id, action.icon_hash))
        elif token is None:
            self._call_token_object(self._session.ask)
        elif isinstance(action, OpenStream):
            request = api.stream(token, self.schedule.stream_or_poll.last_event_id)
            self._stream.open(request, self._clock.now())
        elif isinstance(action, FetchList):
            etag, self._cursor = self._session.stored_list()
            self._send(action, api.fetch(token, etag, self._cursor))
            self._fetches_under_way = self._waiting.last_fetch
        else:
            at_us = self.ages.sent_at_us(action.achievement_id, action.progress)
            self._send(action, api.update(token, action.achievement_id, action.progress, at_us))

    def _send(self, action: Exchange, request: Request) -> None:
        self._is_conditional = "If-None-Match" in request.headers
        self._have_done(action, partial(self._service.transport.send, request))
        self.schedule.begin_exchange()

    def _call_token_object(self, choose: Callable[[], TokenCall | None]) -> None:
        try:
            call = choose()
        except NotSignedInError as exc:
            self._not_signed_in(exc)
            return
        if call is not None:
            self._have_done(call, call.call)
            self.schedule.begin_token_call(self._clock.now())

    def _have_done(self, purpose: Exchange | TokenCall, call: Callable[[], object]) -> None:
        self._call_number += 1
        self._under_way = purpose
        self._courier_is_busy = True
        self._service.courier.run(self._call_number, call)

    def _not_signed_in(self, exc: NotSignedInError) -> None:
        if exc.passes:
            self.schedule.sign_in_failed(self._clock.now(), random.random())
        else:
            self.schedule.block(exc.result, self._clock.now())

    # What came of it

    def take(self, returned: Returned) -> None:
        """Take in what came of the courier's call."""
        if returned.number != self._call_number or not self._courier_is_busy:
            return  # of a call that was abandoned
        purpose, self._under_way = self._under_way, None
        self._courier_is_busy = False
        if purpose is None:
            return  # of an exchange with a token that has been replaced since
        self.schedule.ended()
        try:
            if isinstance(purpose, TokenCall):
                self._take_token(purpose, returned)
            else:
                self._take_answer(purpose, returned)
        finally:
            self.follow()

    def _take_token(self, call: TokenCall, returned: Returned) -> None:
        try:
            self._session.take(call, returned.value, returned.error)
        except NotSignedInError as exc:
            self._not_signed_in(exc)

    def _take_answer(self, action: Exchange, returned: Returned) -> None:
        try:
            taken = self._take(action, _response(returned))
        except (ApiError, TransportError, WireError) as exc:
            if not self._aborted:
                self._take_failure(action, exc)
            return
        self.schedule.succeeded(action, self._clock.now())
        if isinstance(action, FetchIcon):
            return
        if taken is not _Taken.ALL:
            # What the service has is for the list to say; until then nothing that waits is settled.
            self.schedule.follow(self._storage.database.pending(self._session.player.id))
            if taken is _Taken.NOTHING:
                self.schedule.want_fetch(self._clock.now())
                self.schedule.stream_or_poll.poll_now(self._clock.now())  # should this one fail
            elif isinstance(action, SendUpdate):
                self.schedule.want_list_first(self._clock.now())
            else:
                self.schedule.stream_or_poll.poll_now(self._clock.now())
        self._session.accepted()
        if self.is_online is False:
            _log.info("the service is reachable again")
        self.is_online = True
        if isinstance(action, FetchList) and taken is not _Taken.NOTHING:
            self._session.listed()
            self._answer_fetches(Result.OK)

    def _answer_fetches(self, result: Result) -> None:
        self._waiting.answer_fetches(result, self._fetches_under_way)
        if self._waiting.has_fetches:
            self.schedule.want_fetch(self._clock.now())

    def _take(self, action: Exchange, response: Response) -> _Taken:
        """Take in an answer; return how much could be taken in, since the service may have another history."""
        limit = ratelimit.read_headers(response.headers)
        if limit is not None:
            self.schedule.limited(action, limit, self._clock.now())
        is_same_list = response.status == 304 and self._is_conditional
        if not is_same_list:
            check(response, self._clock.at_us())
        if isinstance(action, SendUpdate):
            self._check_history(response)
            id_, sent = action.achievement_id, action.progress
            record = read_update(response, self._service.api.application_id, id_)
            history = history_of(response)
            after = self._answers.update(id_, sent, record, history, is_dated=self.ages.is_measured(id_, sent))
            if after is None:
                return _Taken.SOME
            self._settle(action.achievement_id, after)
            if not after.known:
                self.schedule.stream_or_poll.poll_now(self._clock.now())  # only the list has its name
        elif isinstance(action, FetchIcon):
            path = self._icons.store(action.icon_hash, response.body)
            for achievement_id in self.schedule.wanted_by(action.icon_hash):
                if path is not None:
                    self._news.icon(achievement_id, action.icon_hash, str(path))
        elif not is_same_list:
            return self._take_list(response)
        elif self._storage.is_another(history_of(response)):
            self._storage.forget_lists()
            return _Taken.NOTHING
        else:
            if not self._stream.is_trusted:
                self._stream.follow(history_of(response), self._clock.now())
            self._show_other_processes_changes()
            return _Taken.SOME if self._session.wants_identity else _Taken.ALL
        return _Taken.ALL

    def _take_list(self, response: Response) -> _Taken:
        before, now = self._session.player, self._clock.now()
        has_just_changed = self._has_just_changed
        self._check_history(response)
        taken = self._answers.take_list(response, self._cursor, pause)
        if taken is None:
            return _Taken.NOTHING
        if taken.renewed:
            self._renewed_at = now
            self.schedule.follow(self._storage.database.pending(taken.player.id))
            _log.warning("the service has gone back or has been replaced; what it lacks is sent to it again")
        if taken.renewed or not self._stream.is_trusted:
            self._stream.follow(history_of(response), now)
        for achievement_id in taken.settled:  # its value is in the list, which is sent below
            self.schedule.settled(achievement_id)
            self._waiting.answer_update(achievement_id, Result.OK)
        news = taken.news
        # The first list of a player is not news, except for what was set in this run before its definition was known.
        # After a change of player nothing in the new list is news.
        first = not before.fetched or before.id != taken.player.id
        if first:
            same = self._storage.players.get(before.id).id == taken.player.id
            news = [one for one in news if same and one.achievement_id in self._news.unshown]
        if taken.changed is None or first or self._storage.database.changed_elsewhere():
            self._news.whole_list(tuple(news))
        else:
            self._news.changed_list(taken.changed, tuple(news))
        # Once more, since another process of this game may have stored an update while the list was under way.
        is_nameless = self._session.wants_identity and is_difference(response, self._cursor)
        return _Taken.SOME if is_nameless or (taken.renewed and not has_just_changed) else _Taken.ALL

    def _show_other_processes_changes(self) -> None:
        if self._storage.database.changed_elsewhere():
            player_id = self._session.player.id
            self._session.player = self._storage.read(lambda: self._storage.players.get(player_id))
            self._news.whole_list()

    @property
    def _has_just_changed(self) -> bool:
        return self._clock.now() - self._renewed_at < _HISTORIES_APART_S

    def _check_history(self, response: Response) -> None:
        """Raise `TransportError` if the history differs again so soon after a change."""
        if self._has_just_changed and self._storage.is_another(history_of(response)):
            raise TransportError("the service's history changes again and again: two databases answer at one address")

    def _settle(self, achievement_id: int, after: State) -> None:
        """Report what one achievement is now, and answer the sets that the service has confirmed."""
        self._report(achievement_id, after)
        percent = after.confirmed.percent if after.pending is not None else 100
        self._waiting.answer_update(achievement_id, Result.OK, percent)

    def _report(self, achievement_id: int, after: State) -> None:
        self._news.change(achievement_id, after)
        if after.pending is not None:  # another device has not gone as far, or the player went further meanwhile
            self.schedule.wants(achievement_id, after.pending)
        else:
            self.schedule.settled(achievement_id)

    def _take_failure(self, action: Exchange, outcome: Outcome) -> None:
        verdict, result = self.schedule.failed(action, outcome, self._clock.now(), random.random())
        is_reached = verdict is not Verdict.RETRY or result is Result.RATE_LIMITED
        # Only the first outage of a run is a warning, and an icon alone is not worth one.
        is_news = verdict is not Verdict.RETRY or not (
            is_reached or self._outage_logged or isinstance(action, FetchIcon)
        )
        level = logging.WARNING if is_news else logging.INFO
        _log.log(level, "%s: %s%s", _describe(action), self._described(outcome), _consequence(action, verdict))
        if isinstance(action, FetchIcon):
            return
        self._outage_logged |= not is_reached
        self.is_online = is_reached
        if verdict is Verdict.AUTHENTICATE:
            passes = is_strangers(outcome)  # of a proxy that wants a sign-in of its own
            self._call_token_object(partial(self._session.renew, passes=passes))
        elif verdict is Verdict.REFUSED and isinstance(action, SendUpdate):
            self._report(action.achievement_id, self._answers.refusal(action.achievement_id, action.progress))
            self._waiting.answer_update(action.achievement_id, result, action.progress.percent)
        elif verdict is Verdict.REFUSED and isinstance(action, FetchList):
            self._answer_fetches(result)

    def follow(self) -> None:
        """Continue as the session's player, with what is pending for them and nothing of anybody else's."""
        session, before = self._session, self._followed
        self.schedule.uncertain(session.is_uncertain)
        if session.is_identified and not self._is_identified:
            # They may have taken over what was set before anybody had signed in.
            self.schedule.follow(self._storage.database.pending(session.player.id))
        self._is_identified = session.is_identified
        if _same(session.player, before):
            return
        self.schedule.follow(self._storage.database.pending(session.player.id))
        if self._storage.players.get(before.id).id != session.player.id:
            # Not the same player recognised late, but a different one: pending updates stay until their owner signs in.
            self._stream.leave()
            self.schedule.new_token(self._clock.now())
            self._waiting.answer_updates(Result.NOT_AUTHENTICATED)
            self._news.unshown.clear()
        self._news.whole_list()
        self._followed = session.player

    # The event stream

    def take_stream(self, message: StreamMessage) -> None:
        """Take in a message of the stream's reader."""
        now = self._clock.now()
        events = self._stream.take(message, self._session.player.user_id, now)
        if isinstance(message, StreamOpened) and self._stream.is_open:
            self.is_online = True
            self._answers.stream_opened()
            if self._storage.is_another(message.history):
                self._stream.distrust()
                self.schedule.stream_or_poll.poll_now(now)  # the list is taken in as the other history's
        changes = self._answers.events(events.records) if events.records else {}
        if events.poll or any(not after.known for _, after in changes.values()):
            self.schedule.stream_or_poll.poll_now(now)  # what has just become visible has its name in the list only
        for achievement_id, (before, after) in changes.items():
            if after.known and after != before:
                self._settle(achievement_id, after)
        if any(after == before for before, after in changes.values()):
            self._show_other_processes_changes()  # one of them may have received these events first

    # Another token, and the end

    def sign_in(self, credentials: Credentials) -> None:
        """Continue with other credentials."""
        is_same_object = self._session.sign_in(credentials)
        self._stream.leave()
        self.schedule.new_token(self._clock.now())
        if not isinstance(self._under_way, TokenCall):
            self._under_way = None  # an exchange with the old token ends when it ends
        elif is_same_object:
            self.schedule.begin_token_call(self._clock.now())  # the call goes on: never two at once
        else:
            # The old token object may block for ever, so nobody waits for it any more.
            self._service.courier.abandon()
            self._courier_is_busy = False
            self._under_way = None
        self.follow()

    def abort(self) -> None:
        """Give up what is under way on the network; the next start does it again. **Thread**: any."""
        self._aborted = True
        try:
            self._service.transport.close()
        except Exception:
            _log.exception("the transport failed while it was closed")

    def close(self) -> None:
        """End everything. **Blocks** for the threads that are ending, a second each at most."""
        self.abort()
        self._stream.close()
        if isinstance(self._under_way, TokenCall):
            self._service.courier.abandon()
        self._service.courier.stop()

    def _described(self, outcome: Exception) -> str:
        described = self._service.api.describe(outcome, has_worked=self.schedule.has_worked)
        return self._session.without_token(described)


def _response(returned: Returned) -> Response:
    """Return the answer that a call of the transport has brought. Raises `TransportError`."""
    if isinstance(returned.value, Response):
        return returned.value
    if isinstance(returned.error, TransportError):
        raise returned.error
    _log.error("the transport failed; it must return a Response or raise TransportError", exc_info=returned.error)
    raise TransportError(f"the transport failed: {returned.error!r:.200}")


def _same(a: Player, b: Player) -> bool:
    return (a.id, a.user_id) == (b.id, b.user_id)


def _describe(action: Exchange) -> str:
    if isinstance(action, SendUpdate):
        return f"sending {action.progress.percent} % for achievement {action.achievement_id}"
    return "fetching the list" if isinstance(action, FetchList) else "fetching an icon"


def _consequence(action: Exchange, verdict: Verdict) -> str:
    if isinstance(action, SendUpdate):
        return f"; {verdict.value}"
    return "; it will be fetched again later" if verdict is Verdict.RETRY else ""
