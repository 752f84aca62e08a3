"""The worker's hands: takes the game's commands, and carries out what the schedule decides.

Everything here runs on the worker's thread, and nothing here waits for the network or for the game's token object: a
courier does, and what it brings back is a message like any other. What to send is decided in `schedule`, what a value
becomes in `state`, who plays in `session`; `answers` stores, `news` and `waiting` report.
"""

from __future__ import annotations

import logging
import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ...domain import ratelimit
from ...domain.errors import ApiError, TransportError, WireError
from ...domain.progress import Progress, further, reach
from ...domain.result import Result
from ...domain.retry import Outcome, Verdict
from .. import state
from ..clock import Clock
from ..disk.icons import IconFolder, is_png, why_no_png
from ..disk.pacing import no_pause, pause
from ..disk.players import Player
from ..disk.storage import Storage
from ..messages import Fetch, Mistake, Set, SignIn, Status, Wake, WantIcon
from ..net.api import Api, check, read_update
from ..net.event_stream import StreamEnded, StreamFilled, StreamMessage, StreamOpened, StreamReader
from ..net.transport import Request, Response, Transport
from ..player_list import PlayerList
from ..token import Credentials
from .answers import Answers
from .courier import Courier, Returned
from .news import News
from .schedule import Exchange, FetchIcon, FetchList, OpenStream, Schedule, SendUpdate, Wait
from .session import NotSignedInError, Session, TokenCall
from .stream import EventStream
from .waiting import Waiting

_log = logging.getLogger("discord_achievements")
_UNDELIVERED_MAX = 1000  # beyond that, events of other devices wait until the game has called run_callbacks()
_UNDELIVERED_PAUSE_S = 0.1


class Service(NamedTuple):
    """What an engine needs to talk to a service; in local mode there is none."""

    api: Api
    transport: Transport
    courier: Courier
    schedule: Schedule


class Engine:
    """One manager's commands and decisions.

    `to_game` takes the messages for the game, of which `undelivered` are still in its queue; `to_worker` takes those of
    the stream's reader. `status` is for the game to read at any time.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        credentials: Credentials,
        service: Service | None,
        *,
        to_game: Callable[[object], None],
        undelivered: Callable[[], int],
        to_worker: Callable[[object], None],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._service = service
        schedule = None if service is None else service.schedule
        self._session = Session(storage, credentials)
        self._news = News(storage, self._session, to_game, knows_users=service is not None)
        self._waiting = Waiting(schedule, to_game)
        self._answers = Answers(storage, self._session)
        self._icons = IconFolder(storage.folder / "icons", storage.run)
        self._stream: EventStream | None = None
        if service is not None:
            self._stream = EventStream(service.transport, service.schedule, to_worker, self._described)
        self._undelivered = undelivered
        self._commands: deque[object] = deque()
        self._from_stream: deque[StreamMessage] = deque()
        # What the courier is doing: the number of the call, and what for. None: nothing that still matters.
        self._call_number = 0
        self._under_way: Exchange | TokenCall | None = None
        self._courier_is_busy = False
        self._aborted = False
        self._is_online: bool | None = None
        self._outage_logged = False
        # Set in this run before their definitions were known: the game has not been shown them.
        self._unshown: set[int] = set()
        # The player whose pending updates the schedule has.
        self._followed = self._session.player
        if service is not None:
            service.schedule.follow(storage.database.pending(self._followed.id))
        self.status = Status(0, frozenset(), None)
        self._publish()

    # Commands

    def handle(self, commands: Iterable[object]) -> None:
        """Take commands, in order. One that fails is answered, and those behind it are still carried out."""
        for command in commands:
            if isinstance(command, StreamOpened | StreamFilled | StreamEnded):
                self._from_stream.append(command)
            else:
                self._commands.append(command)
        while self._commands:
            command = self._commands[0]
            if isinstance(command, Set):
                self._record(self._next_sets())
                continue
            if isinstance(command, SignIn):
                # If that fails it stays in front, to be tried again: all that follows is the new player's.
                self._sign_in(command.credentials)
                self._commands.popleft()
                continue
            self._commands.popleft()
            if isinstance(command, Returned):
                self._take_returned(command)
                continue
            try:
                self._obey(command)
            except Exception:
                self._make_good(command)
        # Last, since the game's own sets come first; and only as fast as the game takes what it is sent.
        while self._from_stream and self._undelivered() < _UNDELIVERED_MAX:
            message = self._from_stream.popleft()
            try:
                self._take_stream(message)
            except Exception:
                self._make_good(message)
        self._publish()

    def _obey(self, command: object) -> None:
        if isinstance(command, Fetch):
            self._want_fetch(command)
        elif isinstance(command, WantIcon):
            self._want_icon(command)
        elif isinstance(command, Mistake):
            _log.warning("%s", command.text)
        elif not isinstance(command, Wake):
            raise TypeError(f"no such command: {command!r}")

    def _make_good(self, command: object) -> None:
        """Answer a command that failed, or have the list bring what it would have brought."""
        _log.exception("%s failed; the worker continues with what follows", type(command).__name__)
        if isinstance(command, Fetch):
            self._waiting.answer_fetches(Result.INTERNAL_ERROR)
        elif isinstance(command, StreamFilled) and self._service is not None:
            self._service.schedule.stream_or_poll.poll_now(self._clock.now())

    def _next_sets(self) -> list[Set]:
        sets: list[Set] = []
        while self._commands and isinstance(command := self._commands[0], Set):
            sets.append(command)
            self._commands.popleft()
        return sets

    def _record(self, sets: Sequence[Set]) -> None:
        try:
            self._take_sets(sets)
        except Exception as exc:
            if len(sets) > 1:
                _log.warning("%d sets cannot be stored together; storing them one by one", len(sets), exc_info=True)
                for one in sets:
                    self._record([one])
                return
            (one,) = sets
            _log.exception("%d %% of achievement %d cannot be stored", one.percent, one.achievement_id)
            self._storage.keep_journal(exc)
            self._news.seq = one.seq
            self._waiting.missed(one.seq)

    def _take_sets(self, sets: Sequence[Set]) -> None:
        latest: dict[int, Progress] = {}
        shown: dict[int, Progress] = {}
        for one in sets:
            progress = reach(one.percent, one.at_us)
            latest[one.achievement_id] = further(latest.get(one.achievement_id), progress)
            if one.own is not None:
                shown[one.achievement_id] = further(shown.get(one.achievement_id), progress)
        seq = sets[-1].seq
        taken = self._storage.take(self._session.player.id, latest, seq, news=bool(shown))
        self._news.seq = seq
        self._waiting.taken(seq)
        for one in sets:
            pending = taken[one.achievement_id].after.pending
            if self._service is None or pending is None:
                self._waiting.answer(one.seq, Result.OK)
            else:
                self._service.schedule.wants(one.achievement_id, pending)
                self._waiting.await_update(one.seq, one.achievement_id)
        for achievement_id, (before, after) in taken.items():
            if state.needs_agreement(after):
                self._unshown.add(achievement_id)
            seen = shown.get(achievement_id, state.shown(before))
            if state.shown(after) != seen and not state.needs_agreement(after):
                # The worker knows more than the game's thread: from another process, or of a new player.
                self._news.change(achievement_id, after)

    def _want_fetch(self, command: Fetch) -> None:
        self._waiting.await_list(command.seq)
        if self._service is not None:
            self._service.schedule.want_fetch(self._clock.now())
            return
        if self._storage.database.changed_elsewhere():
            self._news.whole_list()
        self._waiting.answer_fetches(Result.OK)

    def _sign_in(self, credentials: Credentials) -> None:
        assert self._service is not None, "the manager refuses tokens in local mode"
        assert self._stream is not None
        self._session.sign_in(credentials)
        self._stream.leave()
        if isinstance(self._under_way, TokenCall):
            # The old token object may block for ever, so nobody waits for it any more.
            self._service.courier.abandon()
            self._courier_is_busy = False
        self._under_way = None  # an exchange under the old token ends when it ends
        self._service.schedule.new_token(self._clock.now())
        self._follow(self._service)

    def _want_icon(self, wanted: WantIcon) -> None:
        path = self._icons.path(wanted.icon_hash) if wanted.path is None else Path(wanted.path)
        if is_png(path):
            self._news.icon(wanted.achievement_id, wanted.icon_hash, str(path))
        elif wanted.path is None and self._service is not None:
            self._service.schedule.wants_icon(wanted.icon_hash, wanted.achievement_id)
        else:
            why = why_no_png(path) or "did not exist a moment ago"
            _log.warning("the icon of achievement %d, %s, %s", wanted.achievement_id, path, why)

    # Decisions, carried out

    def step(self) -> float | None:
        """Do one thing; return the seconds until the next, 0 for at once, None for when something happens."""
        if self._service is None or self._aborted:
            return None
        self._follow(self._service)  # already done, unless it failed
        now = self._clock.now()
        action = self._service.schedule.next(now)
        if not isinstance(action, Wait) and self._can_begin(action):
            self._begin(self._service, action)
            self._publish()
            return 0.0
        wait_s = math.inf
        if isinstance(action, Wait) and action.until is not None:
            wait_s = max(0.0, action.until - now)
        if self._from_stream:
            wait_s = min(wait_s, _UNDELIVERED_PAUSE_S)
        return None if wait_s == math.inf else wait_s

    def _can_begin(self, action: Exchange | OpenStream) -> bool:
        if isinstance(action, OpenStream) and self._stream is not None and self._session.token is not None:
            return self._stream.is_free
        return not self._courier_is_busy

    def _begin(self, service: Service, action: Exchange | OpenStream) -> None:
        token = self._session.token
        if isinstance(action, FetchIcon):
            self._send(service, action, service.api.icon(action.achievement_id, action.icon_hash))
        elif token is None:
            self._call_token_object(service, self._session.ask)
        elif isinstance(action, OpenStream):
            assert self._stream is not None
            self._stream.open(service.api.stream(token, service.schedule.stream_or_poll.last_event_id))
        elif isinstance(action, FetchList):
            self._send(service, action, service.api.fetch(token, self._session.etag()))
        else:
            update = service.api.update(token, action.achievement_id, action.progress, self._clock.at_us())
            self._send(service, action, update)

    def _send(self, service: Service, action: Exchange, request: Request) -> None:
        service.schedule.begin_exchange()
        self._have_done(service, action, partial(service.transport.send, request))

    def _call_token_object(self, service: Service, choose: Callable[[], TokenCall | None]) -> None:
        try:
            call = choose()
        except NotSignedInError as exc:
            self._not_signed_in(service, exc)
            return
        if call is not None:
            service.schedule.begin_token_call(self._clock.now())
            self._have_done(service, call, call.call)

    def _have_done(self, service: Service, purpose: Exchange | TokenCall, call: Callable[[], object]) -> None:
        self._call_number += 1
        self._under_way = purpose
        self._courier_is_busy = True
        service.courier.run(self._call_number, call)

    def _not_signed_in(self, service: Service, exc: NotSignedInError) -> None:
        if exc.passes:
            service.schedule.sign_in_failed(self._clock.now(), random.random())
        else:
            service.schedule.block(exc.result)

    def _take_returned(self, returned: Returned) -> None:
        if self._service is None or returned.number != self._call_number or not self._courier_is_busy:
            return  # of a call that was abandoned
        purpose, self._under_way = self._under_way, None
        self._courier_is_busy = False
        if purpose is None:
            return  # of an exchange with a token that has been replaced since
        self._service.schedule.ended()
        if isinstance(purpose, TokenCall):
            self._take_token(self._service, purpose, returned)
        else:
            self._take_answer(self._service, purpose, returned)
        self._follow(self._service)

    def _take_token(self, service: Service, call: TokenCall, returned: Returned) -> None:
        try:
            self._session.take(call, returned.value, returned.error)
        except NotSignedInError as exc:
            self._not_signed_in(service, exc)

    def _take_answer(self, service: Service, action: Exchange, returned: Returned) -> None:
        try:
            self._take(service, action, _response(returned))
        except (ApiError, TransportError, WireError) as exc:
            if not self._aborted:
                self._take_failure(service, action, exc)
            return
        service.schedule.succeeded(action, self._clock.now())
        if isinstance(action, FetchIcon):
            return
        self._session.accepted()
        if self._is_online is False:
            _log.info("the service is reachable again")
        self._is_online = True
        if isinstance(action, FetchList):
            self._session.listed()
            self._waiting.answer_fetches(Result.OK)

    def _take(self, service: Service, action: Exchange, response: Response) -> None:
        limit = ratelimit.read_headers(response.headers)
        if limit is not None:
            service.schedule.limited(action, limit, self._clock.now())
        check(response, self._clock.at_us())
        if isinstance(action, SendUpdate):
            after = self._answers.update(action.achievement_id, action.progress, read_update(response))
            self._settle(action.achievement_id, after, Result.OK)
            if not after.known:
                service.schedule.stream_or_poll.poll_now(self._clock.now())  # only the list has its name
        elif isinstance(action, FetchIcon):
            path = self._icons.store(action.icon_hash, response.body)
            for achievement_id in service.schedule.wanted_by(action.icon_hash):
                if path is not None:
                    self._news.icon(achievement_id, action.icon_hash, str(path))
        elif response.status != 304:
            self._take_list(response)
        elif self._storage.database.changed_elsewhere():
            self._news.whole_list()

    def _take_list(self, response: Response) -> None:
        before = self._session.player
        taken = self._answers.whole_list(response.body, response.headers.get("etag"), pause)
        for achievement_id, after in taken.settled.items():
            self._settle(achievement_id, after, Result.OK)
        news = taken.news
        # The first list of a player is not news, except for what was set in this run before its definition was known.
        # After a change of player nothing in the new list is news.
        first = not before.fetched or before.id != taken.player.id
        if first:
            same = self._storage.players.get(before.id).id == taken.player.id
            news = [one for one in news if same and one.achievement_id in self._unshown]
        if taken.changed or first or self._storage.database.changed_elsewhere():
            self._news.whole_list(tuple(news))

    def _settle(self, achievement_id: int, after: state.State, result: Result) -> None:
        """Send what one achievement is now; if nothing of it is pending any more, answer the calls that wait."""
        self._news.change(achievement_id, after)
        if self._service is None:
            return
        if after.pending is not None:  # another device has not gone as far, or the player went further meanwhile
            self._service.schedule.wants(achievement_id, after.pending)
            return
        self._service.schedule.settled(achievement_id)
        self._waiting.answer_update(achievement_id, result)

    def _take_failure(self, service: Service, action: Exchange, outcome: Outcome) -> None:
        verdict, result = service.schedule.failed(action, outcome, self._clock.now(), random.random())
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
        self._is_online = is_reached
        if verdict is Verdict.AUTHENTICATE:
            self._call_token_object(service, self._session.renew)
        elif verdict is Verdict.REFUSED and isinstance(action, SendUpdate):
            self._settle(action.achievement_id, self._answers.refusal(action.achievement_id, action.progress), result)
        elif verdict is Verdict.REFUSED and isinstance(action, FetchList):
            self._waiting.answer_fetches(result)

    def _follow(self, service: Service) -> None:
        """Continue as the session's player, with what is pending for them and nothing of anybody else's."""
        session, before = self._session, self._followed
        service.schedule.uncertain(session.is_uncertain)
        if _same(session.player, before):
            return
        service.schedule.follow(self._storage.database.pending(session.player.id))
        if self._storage.players.get(before.id).id != session.player.id:
            # Not the same player recognised late, but a different one: pending updates stay until their owner signs in.
            if self._stream is not None:
                self._stream.leave()
            service.schedule.new_token(self._clock.now())
            self._waiting.answer_updates(Result.NOT_AUTHENTICATED)
            self._unshown.clear()
        self._news.whole_list()
        self._followed = session.player

    # The event stream

    def _take_stream(self, message: StreamMessage) -> None:
        if self._stream is None or self._service is None:
            return
        schedule, now = self._service.schedule, self._clock.now()
        events = self._stream.take(message, self._session.player.user_id, now)
        if isinstance(message, StreamOpened) and self._stream.is_open:
            self._is_online = True
        changes = self._answers.events(events.records) if events.records else {}
        if events.poll or any(not after.known for _, after in changes.values()):
            schedule.stream_or_poll.poll_now(now)  # what has just become visible has its name in the list only
        for achievement_id, (before, after) in changes.items():
            if after.known and after != before:
                self._settle(achievement_id, after, Result.OK)

    @property
    def stream_reader(self) -> StreamReader | None:
        """The reader of the open event stream, None if there is none."""
        return None if self._stream is None else self._stream.reader

    # What the game reads

    def player_list(self) -> PlayerList:
        """Return the whole list as it is now, for a game that has not started to play."""
        return self._news.player_list(no_pause)

    def _publish(self) -> None:
        """Publish how things stand, then send the answers that go with it."""
        self._waiting.give_up(self._clock.now())
        pending = frozenset[int]() if self._service is None else self._service.schedule.pending_ids
        self.status = Status(self._waiting.stored_seq, pending, self._is_online)
        self._waiting.release()

    def _described(self, outcome: Exception) -> str:
        line = str(outcome) if self._service is None else self._service.api.describe(outcome)
        return self._session.without_token(line)

    # The end

    def abort(self) -> None:
        """Give up what is under way on the network; the next start does it again. **Thread**: any."""
        self._aborted = True
        if self._service is not None:
            self._service.transport.close()

    def close(self) -> None:
        """Let go of network and disk. **Blocks** for the threads that are ending, a second each at most."""
        self.abort()
        if self._stream is not None:
            self._stream.close()
        if self._service is not None:
            if isinstance(self._under_way, TokenCall):
                self._service.courier.abandon()
            self._service.courier.stop()
        self._storage.close()


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
