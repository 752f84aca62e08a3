"""The worker's hands: takes in the game's commands, and carries out what the policy decides.

Everything here runs on the worker's thread. What to send is decided in `schedule`, what a value becomes in `state`, who
plays in `account`, what the game hears in `report`.
"""

from __future__ import annotations

import json
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ...domain import ratelimit, wire
from ...domain.errors import ApiError, TransportError, WireError
from ...domain.progress import Progress, reach
from ...domain.result import Result
from ...domain.retry import Outcome, Verdict, result_of, verdict
from .. import state
from ..clock import Clock
from ..disk.database import Player
from ..disk.icons import IconFolder, is_png, why_no_png
from ..disk.storage import Storage
from ..messages import Fetch, Mistake, Set, SignIn, Wake, WantIcon
from ..net.api import Api, check, is_sendable, read_update
from ..net.event_stream import ServerEvent, StreamEnded, StreamEvent, StreamOpened, StreamReader
from ..net.transport import Response, Transport
from ..player_list import PlayerList
from ..token import Credentials
from .answers import Answers
from .news import Report, pause
from .schedule import Exchange, FetchIcon, FetchList, OpenStream, Schedule, SendUpdate, Wait
from .session import NotSignedInError, Session
from .stream_or_poll import DEFAULT_RETRY_S

_log = logging.getLogger("discord_achievements")


class Service(NamedTuple):
    """What an engine needs to talk to a service; in local mode there is none."""

    api: Api
    transport: Transport
    schedule: Schedule


class Engine:
    """One manager's disk and network.

    `to_game` receives the messages for the game, `to_worker` what the stream's reader has to say. `is_online` is for
    the game to read at any time.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        credentials: Credentials,
        service: Service | None,
        *,
        to_game: Callable[[object], None],
        to_worker: Callable[[object], None],
    ) -> None:
        self.is_online: bool | None = None
        self._storage = storage
        self._clock = clock
        self._service = service
        self._to_worker = to_worker
        self._session = Session(storage, credentials)
        self._report = Report(storage, self._session, clock, None if service is None else service.schedule, to_game)
        self._answers = Answers(storage, self._session)
        self._icons = IconFolder(storage.folder / "icons", storage.run)
        self._commands: deque[object] = deque()
        self._reader: StreamReader | None = None
        self._aborted = False
        self._outage_told = False
        # Set in this run before it was known what they are: the game has not been shown them.
        self._unshown: set[int] = set()
        # For whom the policy has what is pending.
        self._followed = self._session.player
        if service is not None:
            service.schedule.pending = storage.database.pending(self._followed.id)
        self._report.stand()

    # What the game says

    def handle(self, commands: Iterable[object]) -> None:
        """Take in commands, in their order. One that fails is answered, and those behind it go on."""
        self._commands.extend(commands)
        while self._commands:
            command = self._commands[0]
            if isinstance(command, Set):
                self._record(self._next_sets())
                continue
            if isinstance(command, SignIn):
                # Where that fails it stays in front, for another try: all that follows is the new player's.
                self._sign_in(command.credentials)
                self._commands.popleft()
                continue
            self._commands.popleft()
            try:
                self._obey(command)
            except Exception:
                _log.exception("%s was not done; the worker goes on with what follows", type(command).__name__)
                self._make_good(command)
        self._report.stand()

    def _obey(self, command: object) -> None:
        if isinstance(command, Fetch):
            self._want_fetch(command)
        elif isinstance(command, WantIcon):
            self._want_icon(command)
        elif isinstance(command, Mistake):
            _log.warning("%s", command.text)
        elif isinstance(command, StreamOpened | StreamEvent | StreamEnded):
            self._take_stream(command)
        elif not isinstance(command, Wake):
            raise TypeError(f"no such command: {command!r}")

    def _make_good(self, command: object) -> None:
        """Answer a command that has failed, or have the list tell what it would have told."""
        if isinstance(command, Fetch):
            self._report.answer_fetches(Result.INTERNAL_ERROR)
        elif isinstance(command, StreamEvent) and self._service is not None:
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
                _log.warning("%d sets cannot be stored together; now one by one", len(sets), exc_info=True)
                for one in sets:
                    self._record([one])
                return
            (one,) = sets
            _log.exception("%d %% of achievement %d cannot be stored", one.percent, one.achievement_id)
            self._storage.keep_journal(exc)
            self._report.missed(one.seq)

    def _take_sets(self, sets: Sequence[Set]) -> None:
        latest: dict[int, Progress] = {}
        shown: dict[int, Progress] = {}
        for one in sets:
            progress = reach(one.percent, one.at_us)
            latest[one.achievement_id] = state.further(latest.get(one.achievement_id), progress)
            if one.own is not None:
                shown[one.achievement_id] = state.further(shown.get(one.achievement_id), progress)
        seq = sets[-1].seq
        taken = self._storage.take(self._session.player.id, latest, seq)
        self._report.seq = seq
        for one in sets:
            pending = taken[one.achievement_id].after.pending
            if self._service is None or pending is None:
                self._report.answer(one.seq, Result.OK)
            else:
                self._service.schedule.pending[one.achievement_id] = pending
                self._report.await_update(one.seq, one.achievement_id)
        for achievement_id, (before, after) in taken.items():
            if state.needs_agreement(after):
                self._unshown.add(achievement_id)
            seen = shown.get(achievement_id, state.shown(before))
            if state.shown(after) != seen and not state.needs_agreement(after):
                # Other things are known here than on the game's thread: from another process, or of a new player.
                self._report.change(achievement_id, after)

    def _want_fetch(self, command: Fetch) -> None:
        self._report.await_list(command.seq)
        if self._service is not None:
            self._service.schedule.want_fetch(self._clock.now())
            return
        if self._storage.database.changed_elsewhere():
            self._report.whole_list()
        self._report.answer_fetches(Result.OK)

    def _sign_in(self, credentials: Credentials) -> None:
        assert self._service is not None, "the manager refuses tokens in local mode"
        self._stop_stream()
        self._service.schedule.new_token(self._clock.now())
        self._session.sign_in(credentials)
        self._follow(self._service)

    def _want_icon(self, wanted: WantIcon) -> None:
        path = self._icons.path(wanted.icon_hash) if wanted.path is None else Path(wanted.path)
        if is_png(path):
            self._report.icon(wanted.achievement_id, wanted.icon_hash, str(path))
        elif wanted.path is None and self._service is not None:
            self._service.schedule.icons.setdefault(wanted.icon_hash, []).append(wanted.achievement_id)
        else:
            why = why_no_png(path) or "was not there a moment ago"
            _log.warning("the icon of achievement %d, %s, %s", wanted.achievement_id, path, why)

    # What the policy decides

    def step(self) -> float | None:
        """Do one thing; return the seconds until there is another, 0 for at once, None for when something happens."""
        if self._service is None or self._aborted:
            return None
        now = self._clock.now()
        action = self._service.schedule.next(now)
        if isinstance(action, Wait):
            return None if action.until is None else max(0.0, action.until - now)
        try:
            self._perform(self._service, action)
        except NotSignedInError as exc:
            if exc.passes:
                self._service.schedule.sign_in_failed(self._clock.now(), random.random())
            else:
                self._service.schedule.block(exc.result)
        self._follow(self._service)
        self._report.stand()
        return 0.0

    def _perform(self, service: Service, action: Exchange | OpenStream) -> None:
        if not isinstance(action, FetchIcon):
            self._session.token()
            if self._follow(service):
                return  # somebody else plays, or may: what to do has to be asked anew
        if isinstance(action, OpenStream):
            self._open_stream(service)
        else:
            self._exchange(service, action)

    def _exchange(self, service: Service, action: Exchange) -> None:
        try:
            response = self._send(service, action)
            self._take(service, action, response)
        except (ApiError, TransportError, WireError) as exc:
            if not self._aborted:
                self._take_failure(service, action, exc)
            return
        service.schedule.succeeded(action, self._clock.now())
        if isinstance(action, FetchIcon):
            return
        self._session.accepted()
        if self.is_online is False:
            _log.info("the service is in reach again")
        self.is_online = True
        if isinstance(action, FetchList):
            self._session.listed()
            self._report.answer_fetches(Result.OK)

    def _send(self, service: Service, action: Exchange) -> Response:
        api = service.api
        if isinstance(action, FetchIcon):
            request = api.icon(action.achievement_id, action.icon_hash)
        elif isinstance(action, FetchList):
            token = self._session.token()
            request = api.fetch(token, self._session.etag())
        else:
            token = self._session.token()
            request = api.update(token, action.achievement_id, action.progress, self._clock.at_us())
        response = service.transport.send(request)
        limit = ratelimit.read_headers(response.headers)
        if limit is not None:
            service.schedule.told_limit(action, limit, self._clock.now())
        return response

    def _take(self, service: Service, action: Exchange, response: Response) -> None:
        check(response, self._clock.at_us())
        if isinstance(action, SendUpdate):
            after = self._answers.update(action.achievement_id, action.progress, read_update(response))
            self._report.settle(action.achievement_id, after, Result.OK)
            if after.pending is not None:
                service.schedule.pending[action.achievement_id] = after.pending
            if not after.known:
                service.schedule.stream_or_poll.poll_now(self._clock.now())  # only the list tells its name
            return
        if isinstance(action, FetchIcon):
            path = self._icons.store(action.icon_hash, response.body)
            for achievement_id in service.schedule.icons.get(action.icon_hash, ()):
                if path is not None:
                    self._report.icon(achievement_id, action.icon_hash, str(path))
        elif response.status != 304:
            self._take_list(response)
        elif self._storage.database.changed_elsewhere():
            self._report.whole_list()

    def _take_list(self, response: Response) -> None:
        before = self._session.player
        taken = self._answers.whole_list(response.body, response.headers.get("etag"), pause)
        for achievement_id, after in taken.settled.items():
            self._report.settle(achievement_id, after, Result.OK)
        news = taken.news
        # A player's first list here holds no news, only what they know, but for what they have done in this run before
        # it had a name; and one player's list is none to another.
        first = not before.fetched or before.id != taken.player.id
        if first:
            same = self._storage.database.player(before.id).id == taken.player.id
            news = [one for one in news if same and one.achievement_id in self._unshown]
        if taken.changed or first or self._storage.database.changed_elsewhere():
            self._report.whole_list(tuple(news))

    def _take_failure(self, service: Service, action: Exchange, outcome: Outcome) -> None:
        judged = service.schedule.failed(action, outcome, self._clock.now(), random.random())
        is_reached = judged is not Verdict.RETRY or result_of(outcome) is Result.RATE_LIMITED
        # A line that comes and goes is no news after the first time; an icon is not worth a warning then either.
        is_news = judged is not Verdict.RETRY or not (is_reached or self._outage_told or isinstance(action, FetchIcon))
        level = logging.WARNING if is_news else logging.INFO
        _log.log(level, "%s: %s%s", _describe(action), self._said(outcome), _consequence(action, judged))
        if isinstance(action, FetchIcon):
            return
        self._outage_told |= not is_reached
        self.is_online = is_reached
        if judged is Verdict.AUTHENTICATE:
            self._session.renew()
        elif judged is Verdict.REFUSED and isinstance(action, SendUpdate):
            self._report.settle(action.achievement_id, self._answers.refusal(action.achievement_id), result_of(outcome))
        elif judged is Verdict.REFUSED and isinstance(action, FetchList):
            self._report.answer_fetches(result_of(outcome))

    def _follow(self, service: Service) -> bool:
        """Go on as the player of the session: with what is pending for them, and nothing of anybody else's.

        Return whether that is another than so far, or whether it has just become uncertain who it is.
        """
        session, cache, before = self._session, self._storage.database, self._followed
        becomes_uncertain = session.is_uncertain and not service.schedule.is_uncertain
        service.schedule.is_uncertain = session.is_uncertain
        if _same(session.player, before):
            return becomes_uncertain
        service.schedule.pending = cache.pending(session.player.id)
        if cache.player(before.id).id != session.player.id:
            # Not one who turned out to be known already, but another: what waits has to wait for the other's return.
            self._stop_stream()
            service.schedule.new_token(self._clock.now())
            self._report.answer_updates(Result.NOT_AUTHENTICATED)
            self._unshown.clear()
        self._report.whole_list()
        self._followed = session.player
        return True

    # The event stream

    def _open_stream(self, service: Service) -> None:
        request = service.api.stream(self._session.token(), service.schedule.stream_or_poll.last_event_id)
        service.schedule.stream_or_poll.opening()
        self._reader = StreamReader(service.transport, request, self._to_worker)

    def _take_stream(self, message: StreamOpened | StreamEvent | StreamEnded) -> None:
        if message.reader is not self._reader or self._service is None:
            return
        feed, now = self._service.schedule.stream_or_poll, self._clock.now()
        if isinstance(message, StreamOpened):
            self.is_online = True
            feed.opened(now)
        elif isinstance(message, StreamEvent):
            self._take_event(self._service, message.event)
            # One that cannot be told back is none: then the list closes the gap.
            feed.last_event_id = message.event.id if is_sendable(message.event.id) else ""
        else:
            self._reader = None
            outcome = message.outcome
            if outcome is None:
                feed.ended(now, (message.retry_s or DEFAULT_RETRY_S) * (1 + random.random() / 4))
            elif isinstance(outcome, ApiError) and outcome.status == 401:
                feed.unreachable(now, random.random())
                feed.poll_now(now)  # which renews the token
            elif not isinstance(outcome, WireError) and verdict(outcome) is Verdict.RETRY:
                feed.unreachable(now, random.random())
            else:
                _log.info("no event stream (%s); asking for changes every minute instead", self._said(outcome))
                feed.refused(now)

    def _take_event(self, service: Service, event: ServerEvent) -> None:
        feed, now = service.schedule.stream_or_poll, self._clock.now()
        if event.type == wire.RESYNC:
            feed.poll_now(now)
        if event.type != wire.USER_ACHIEVEMENT_UPDATE:
            return
        try:
            record = wire.decode_record(json.loads(event.data))
        except (ValueError, RecursionError, WireError) as exc:
            _log.warning("an event that cannot be read (%s); asking for the whole list", self._said(exc))
            feed.poll_now(now)
            return
        if record.progress is None or record.user_id not in (None, self._session.player.user_id):
            return
        before, after = self._answers.event(record.achievement_id, record.progress, record.revision)
        if not after.known:
            feed.poll_now(now)  # it has just become visible: only the list tells its name
        elif after != before:
            self._report.settle(record.achievement_id, after, Result.OK)

    def _stop_stream(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    # What the game is told

    def view(self) -> PlayerList:
        """Return the whole list as it is now, for a game that does not play yet."""
        return self._report.view(_no_pause)

    @property
    def backlog(self) -> tuple[int, frozenset[int]]:
        """The last set up to which all are stored, and the ids that the service has not confirmed by then.

        **Thread**: any.
        """
        return self._report.backlog

    def _said(self, outcome: Exception) -> str:
        said = str(outcome) if self._service is None else self._service.api.describe(outcome)
        return self._session.without_token(said)

    # The end

    def abort(self) -> None:
        """Give up what is under way on the network; it is done again after the next start. **Thread**: any."""
        self._aborted = True
        if self._service is not None:
            self._service.transport.close()

    def close(self) -> None:
        """Let go of network and disk."""
        self.abort()
        self._stop_stream()
        self._storage.close()


def _no_pause() -> None:
    """In the constructor nobody waits for the interpreter."""


def _same(a: Player, b: Player) -> bool:
    return (a.id, a.user_id) == (b.id, b.user_id)


def _describe(action: Exchange) -> str:
    if isinstance(action, SendUpdate):
        return f"telling {action.progress.percent} % for achievement {action.achievement_id}"
    return "asking for the list" if isinstance(action, FetchList) else "asking for an icon"


def _consequence(action: Exchange, judged: Verdict) -> str:
    if isinstance(action, SendUpdate):
        return f"; {judged.value}"
    return "; it is asked for again after a while" if judged is Verdict.RETRY else ""
