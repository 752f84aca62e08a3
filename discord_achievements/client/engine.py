"""The worker's hands: takes in the game's commands, carries out what the policy decides, tells the game.

Everything here runs on the worker's thread. Nothing here decides what to send (see `sync`) or what a value becomes
(see `state`).
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..domain import ratelimit, wire
from ..domain.errors import ApiError, ConfigurationError, TransportError, WireError
from ..domain.models import Achievement, UserAchievement
from ..domain.progress import NO_PROGRESS, Progress, merge, reach
from ..domain.result import Result
from ..domain.retry import Outcome, Verdict, result_of, verdict
from . import identity, state
from .cache import SLICE, Player, definition_row
from .clock import Clock
from .events import ServerEvent, StreamEnded, StreamEvent, StreamOpened, StreamReader
from .feed import DEFAULT_RETRY_S
from .messages import (
    Answered,
    Changed,
    ConnectionChanged,
    Fetch,
    FetchAnswered,
    IconStored,
    Listed,
    Set,
    SignIn,
    Wake,
    WantIcon,
)
from .protocol import Protocol, check, describe, read_list, read_update
from .state import State
from .storage import Storage
from .sync import Exchange, FetchIcon, FetchList, OpenStream, SendUpdate, Sync, Wait
from .token import Credentials, TokenProvider, checked
from .transport import Response, Transport
from .view import View, user_achievement

_log = logging.getLogger("discord_achievements")
_PAUSE_S = 0.0002
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_ICON_BYTES = 1024 * 1024


def pause() -> None:
    """Let the game have the interpreter, for long enough that it takes it."""
    time.sleep(_PAUSE_S)


class Service:
    """What an engine needs to talk to a service; a manager in local mode has none."""

    def __init__(self, protocol: Protocol, transport: Transport, sync: Sync, credentials: Credentials) -> None:
        self.protocol = protocol
        self.transport = transport
        self.sync = sync
        self.credentials = credentials


class Engine:
    """One manager's disk and network.

    `to_game` receives the messages for the game, `to_worker` what the stream's reader has to say. `pending_ids` (the
    updates that the service has not confirmed as of `seen_seq`) and `is_online` are there for the game to read.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        service: Service | None,
        *,
        to_game: Callable[[object], None],
        to_worker: Callable[[object], None],
    ) -> None:
        self.storage = storage
        self.is_online: bool | None = None
        self.backlog: tuple[int, frozenset[int]] = (0, frozenset())
        self._clock = clock
        self._service = service
        self._post = to_game
        self._to_worker = to_worker
        self._seq = 0
        self._waiting: dict[int, list[int]] = {}
        self._fetches: list[int] = []
        self._trouble_told = False
        self._token: str | None = None
        self._refreshed = False
        self._reader: StreamReader | None = None
        self._aborted = False
        owner = identity.LOCAL if service is None else service.credentials.owner
        self._player = storage.change(lambda: storage.cache.player_of(owner, storage.run))
        if service is not None:
            service.sync.pending = storage.cache.pending(self._player.id)
            self._publish()

    # What the game says

    def handle(self, commands: Sequence[object]) -> None:
        """Take in commands, in their order."""
        sets: list[Set] = []
        for command in commands:
            if isinstance(command, Set):
                sets.append(command)
                continue
            self._record(sets)
            sets = []
            if isinstance(command, Fetch):
                self._want_fetch(command)
            elif isinstance(command, SignIn):
                self._sign_in(command.credentials)
            elif isinstance(command, WantIcon):
                self._want_icon(command)
            elif isinstance(command, StreamOpened | StreamEvent | StreamEnded):
                self._take_stream(command)
            elif not isinstance(command, Wake):
                raise TypeError(f"no such command: {command!r}")
        self._record(sets)
        if self._service is not None:
            self._give_up_waiting(self._clock.now())
        self._publish()

    def _record(self, sets: list[Set]) -> None:
        if not sets:
            return
        latest: dict[int, Progress] = {}
        for one in sets:
            latest[one.achievement_id] = merge(
                latest.get(one.achievement_id, NO_PROGRESS), reach(one.percent, one.at_us)
            )
        seq = sets[-1].seq
        player, storage = self._player, self.storage

        def commit() -> dict[int, State]:
            states = storage.record(player.id, latest)
            storage.cache.commit_journal(storage.run, seq)
            return states

        states = storage.unless_new(player.id, latest) or storage.change(commit)
        storage.committed(seq)
        self._seq = seq
        for one in sets:
            pending = states[one.achievement_id].pending
            if self._service is None or pending is None:
                self._post(Answered(one.seq, Result.OK))
            else:
                self._service.sync.pending[one.achievement_id] = pending
                self._waiting.setdefault(one.achievement_id, []).append(one.seq)
        for achievement_id, after in states.items():
            if state.shown(after) != latest[achievement_id] and not state.needs_agreement(after):
                # More was known here than on the game's thread, from another process of this game.
                self._post_change(achievement_id, after)

    def _want_fetch(self, command: Fetch) -> None:
        self._fetches.append(command.seq)
        if self._service is None:
            if self.storage.cache.changed_elsewhere():
                self._post(Listed(self.view(pause), ()))
            self._answer_fetches(Result.OK)
        else:
            self._service.sync.want_fetch(self._clock.now())

    def _sign_in(self, credentials: Credentials) -> None:
        assert self._service is not None, "the manager refuses tokens in local mode"
        self._stop_stream()
        previous = self._service.credentials
        self._service.credentials = credentials
        self._service.sync.new_token(self._clock.now())
        self._token = None
        self._refreshed = False
        storage, run = self.storage, self.storage.run
        if previous.provider is None:
            # What was done before anybody had signed in is the new player's.
            self._become(
                storage.change(
                    lambda: storage.cache.link(
                        previous.owner, storage.cache.player_of(credentials.owner, run), run
                    )
                )
            )
        else:
            self._become(storage.change(lambda: storage.cache.player_of(credentials.owner, run)))

    # What the policy decides

    def step(self) -> float | None:
        """Do one thing; return the seconds until there is another, 0 for at once, None for when something happens."""
        if self._service is None or self._aborted:
            return None
        now = self._clock.now()
        action = self._service.sync.next(now)
        if isinstance(action, Wait):
            return None if action.until is None else max(0.0, action.until - now)
        if isinstance(action, OpenStream):
            self._open_stream(self._service)
        else:
            self._exchange(self._service, action)
            self._give_up_waiting(self._clock.now())
        self._publish()
        return 0.0

    def _exchange(self, service: Service, action: Exchange) -> None:
        token = "" if isinstance(action, FetchIcon) else self._get_token(service)
        if token is None:
            return
        try:
            response = self._send(service, action, token)
            self._take(service, action, response)
        except (ApiError, TransportError, WireError) as exc:
            if self._aborted:
                return
            self._take_failure(service, action, exc)
            return
        service.sync.succeeded(action, self._clock.now())
        self.is_online = True
        self._refreshed = False
        if isinstance(action, FetchList):
            self._answer_fetches(Result.OK)

    def _send(self, service: Service, action: Exchange, token: str) -> Response:
        if isinstance(action, FetchList):
            request = service.protocol.fetch(token, self._player.etag)
        elif isinstance(action, SendUpdate):
            request = service.protocol.update(token, action.achievement_id, action.progress, self._clock.at_us())
        else:
            request = service.protocol.icon(action.achievement_id, action.icon_hash)
        response = service.transport.send(request)
        limit = ratelimit.read_headers(response.headers)
        if limit is not None:
            service.sync.told_limit(action, limit, self._clock.now())
        return response

    def _take(self, service: Service, action: Exchange, response: Response) -> None:
        if isinstance(action, SendUpdate):
            self._take_update(service, action, read_update(response))
        elif isinstance(action, FetchIcon):
            check(response)
            self._store_icon(action, response.body)
        else:
            check(response)
            if response.status != 304:
                self._take_list(service, response)
            elif self.storage.cache.changed_elsewhere():
                self._post(Listed(self.view(pause), ()))

    def _take_update(self, service: Service, action: SendUpdate, record: wire.Record | None) -> None:
        achievement_id = action.achievement_id
        told, revision = (None, None) if record is None else (record.progress, record.revision)

        def commit() -> tuple[Player, State]:
            cache = self.storage.cache
            player = self._player
            if record is not None and record.user_id is not None:
                player = self._identified(record.user_id)
            if record is not None and record.definition is not None:
                cache.write_definitions([definition_row(record.definition)])
            before = cache.states(player.id, [achievement_id])[achievement_id]
            after = state.agreed(before, action.progress, told, revision)
            cache.write_states(player.id, {achievement_id: after})
            return player, after

        player, after = self.storage.change(commit)
        self._settle(achievement_id, after, Result.OK)
        self._become(player)
        if not after.known:
            service.sync.feed.poll_now(self._clock.now())

    def _take_list(self, service: Service, response: Response) -> None:
        def commit() -> tuple[Player, bool, list[UserAchievement], dict[int, State]]:
            cache = self.storage.cache
            player, changed, defines = self._player, False, False
            news: list[UserAchievement] = []
            settled: dict[int, State] = {}
            seen: set[int] = set()
            for records in read_list(response.body, SLICE, pause):
                user_id = records[0].user_id
                if not seen and user_id is not None:
                    player = self._identified(user_id)
                seen.update(record.achievement_id for record in records)
                defines = defines or any(record.definition for record in records)
                changed |= self._take_records(player, records, news, settled)
            if defines or not seen:
                changed |= self._take_absence(player, seen)
                self.storage.remember_answer()
            cache.remember_list(player.id, response.headers.get("etag"))
            return cache.player(player.id), changed, news, settled

        first = not self._player.fetched
        player, changed, news, settled = self.storage.change(commit)
        other = (player.id, player.user_id) != (self._player.id, self._player.user_id)
        for achievement_id, after in settled.items():
            self._settle(achievement_id, after, Result.OK, tell=False)
        self._become(player, tell=False)
        if changed or first or other or self.storage.cache.changed_elsewhere():
            self._post(Listed(self.view(pause), () if first or other else tuple(news)))

    def _take_records(
        self,
        player: Player,
        records: Sequence[wire.Record],
        news: list[UserAchievement],
        settled: dict[int, State],
    ) -> bool:
        cache = self.storage.cache
        ids = [record.achievement_id for record in records]
        stored = cache.definitions(ids)
        rows = []
        for record in records:
            if record.definition is not None:
                row = definition_row(record.definition)
            elif record.achievement_id in stored:
                continue
            else:
                row = definition_row(Achievement(0, record.achievement_id, "", ""))
            if stored.get(record.achievement_id) != row:
                rows.append(row)
        cache.write_definitions(rows)
        before = cache.states(player.id, ids)
        after = {
            record.achievement_id: state.told(before[record.achievement_id], record.progress, record.revision)
            for record in records
            if record.progress is not None
        }
        after = {id_: one for id_, one in after.items() if one != before[id_]}
        cache.write_states(player.id, after)
        for id_, one in after.items():
            if before[id_].pending is not None and one.pending is None:
                settled[id_] = one
            if state.listed(one) and state.shown(one).percent != state.shown(before[id_]).percent:
                news.append(user_achievement(player.user_id or 0, id_, one, fetched=True))
        return bool(rows or after)

    def _take_absence(self, player: Player, seen: set[int]) -> bool:
        """What the list leaves out is gone, or it is a secret that this player has not unlocked."""
        cache = self.storage.cache
        absent = {id_: secret for id_, secret in cache.definition_ids().items() if id_ not in seen}
        gone = [id_ for id_, secret in absent.items() if not secret]
        cache.delete_definitions(gone)
        changed = bool(gone)
        hidden = [id_ for id_, secret in absent.items() if secret]
        for start in range(0, len(hidden), SLICE):
            before = cache.states(player.id, hidden[start : start + SLICE])
            after = {id_: state.told(one, NO_PROGRESS, None) for id_, one in before.items() if one.confirmed.percent}
            cache.write_states(player.id, after)
            changed = changed or bool(after)
        return changed

    def _take_failure(self, service: Service, action: Exchange, outcome: Outcome) -> None:
        now = self._clock.now()
        judged = service.sync.failed(action, outcome, now, random.random())
        self.is_online = judged is not Verdict.RETRY
        _log.log(
            logging.INFO if judged is Verdict.RETRY else logging.WARNING,
            "%s: %s; %s",
            _describe_action(action),
            describe(outcome),
            judged.value,
        )
        if judged is Verdict.AUTHENTICATE:
            self._renew_token(service)
        elif judged is Verdict.REFUSED and isinstance(action, SendUpdate):
            self._take_refusal(action, result_of(outcome))
        elif judged is Verdict.REFUSED and isinstance(action, FetchList):
            self._answer_fetches(result_of(outcome))

    def _take_refusal(self, action: SendUpdate, result: Result) -> None:
        def commit() -> State:
            before = self.storage.cache.states(self._player.id, [action.achievement_id])
            after = state.refused(before[action.achievement_id])
            self.storage.cache.write_states(self._player.id, {action.achievement_id: after})
            return after

        self._settle(action.achievement_id, self.storage.change(commit), result)

    # Who plays

    def _get_token(self, service: Service) -> str | None:
        if self._token is not None:
            return self._token
        provider = service.credentials.provider
        if provider is None:
            service.sync.block(Result.NOT_AUTHENTICATED)
            return None
        return self._use_token(service, provider.get_token)

    def _renew_token(self, service: Service) -> None:
        provider = service.credentials.provider
        self._token = None
        if self._refreshed or not isinstance(provider, TokenProvider):
            _log.warning("the service does not accept the player's token; give a new one with set_token()")
            service.sync.block(Result.INVALID_ACCESS_TOKEN)
            return
        self._refreshed = True
        self._use_token(service, provider.refresh)

    def _use_token(self, service: Service, get: Callable[[], str]) -> str | None:
        try:
            token = checked(get())
        except ConfigurationError as exc:
            _log.warning("%s", exc)
            service.sync.block(Result.INVALID_ACCESS_TOKEN)
            return None
        except Exception as exc:
            # The game's own code: anything can come, and its text may hold a token.
            _log.warning("%s() of the token object raised %s", get.__name__, type(exc).__name__)
            service.sync.sign_in_failed(self._clock.now(), random.random())
            return None
        self._token = token
        owner, run = identity.of_token(token), self.storage.run
        self._become(self.storage.change(lambda: self.storage.cache.link(owner, self._player, run)))
        return token

    def _identified(self, user_id: int) -> Player:
        """Return the player that the service says this is; inside `change`."""
        assert self._token is not None, "an answer came without a token having been sent"
        owner = identity.of_token(self._token)
        return self.storage.cache.identify(self._player, user_id, owner, self.storage.other_runs())

    def _become(self, player: Player, *, tell: bool = True) -> None:
        """Go on as `player`: with what is pending for them, and nothing of anybody else's."""
        previous, self._player = self._player, player
        if (player.id, player.user_id) == (previous.id, previous.user_id) or self._service is None:
            return
        self._service.sync.pending = self.storage.cache.pending(player.id)
        for achievement_id in [id_ for id_ in self._waiting if id_ not in self._service.sync.pending]:
            for seq in self._waiting.pop(achievement_id):
                self._post(Answered(seq, Result.NOT_AUTHENTICATED))
        if tell:
            self._post(Listed(self.view(pause), ()))

    # The event stream

    def _open_stream(self, service: Service) -> None:
        token = self._get_token(service)
        if token is None:
            return
        service.sync.feed.opening()
        request = service.protocol.stream(token, service.sync.feed.last_event_id)
        self._reader = StreamReader(service.transport, request, self._to_worker)

    def _take_stream(self, message: StreamOpened | StreamEvent | StreamEnded) -> None:
        if message.reader is not self._reader or self._service is None:
            return
        feed, now = self._service.sync.feed, self._clock.now()
        if isinstance(message, StreamOpened):
            self.is_online = True
            feed.opened(now)
        elif isinstance(message, StreamEvent):
            self._take_event(self._service, message.event)
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
                _log.info("no event stream (%s); asking for changes every minute instead", describe(outcome))
                feed.refused(now)

    def _take_event(self, service: Service, event: ServerEvent) -> None:
        feed, now = service.sync.feed, self._clock.now()
        feed.last_event_id = event.id
        if event.type != wire.USER_ACHIEVEMENT_UPDATE:
            if event.type == wire.RESYNC:
                feed.poll_now(now)
            return
        try:
            record = wire.decode_record(json.loads(event.data))
        except (ValueError, RecursionError, WireError) as exc:
            _log.warning("an event that cannot be read (%s); asking for the whole list", exc)
            feed.poll_now(now)
            return
        if record.progress is None or (record.user_id is not None and record.user_id != self._player.user_id):
            return
        progress, achievement_id = record.progress, record.achievement_id

        def commit() -> tuple[State, State]:
            before = self.storage.cache.states(self._player.id, [achievement_id])[achievement_id]
            after = state.told(before, progress, record.revision)
            if after != before:
                self.storage.cache.write_states(self._player.id, {achievement_id: after})
            return before, after

        before, after = self.storage.change(commit)
        if not after.known:
            feed.poll_now(now)  # it has just become visible: only the list tells its name
        elif after != before:
            self._settle(achievement_id, after, Result.OK)

    def _stop_stream(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    # What the game is told

    def view(self, pause: Callable[[], None]) -> View:
        """Return the whole list as it is now."""
        view = View(self._user_id, self._seq, fetched=self._player.fetched)
        for rows in self.storage.cache.rows(self._player.id):
            view.add(rows)
            pause()
        return view

    @property
    def _user_id(self) -> int:
        return 0 if self._service is None else self._player.user_id or 0

    def _settle(self, achievement_id: int, after: State, result: Result, *, tell: bool = True) -> None:
        """Tell what has become of one achievement, and answer those who wait if nothing of it is pending any more."""
        if tell:
            self._post_change(achievement_id, after)
        if after.pending is None:
            if self._service is not None:
                self._service.sync.pending.pop(achievement_id, None)
            for seq in self._waiting.pop(achievement_id, ()):
                self._post(Answered(seq, result))

    def _post_change(self, achievement_id: int, after: State) -> None:
        texts = self.storage.cache.texts(achievement_id)
        if texts is not None:
            seen = user_achievement(self._user_id, achievement_id, after, fetched=self._player.fetched)
            self._post(Changed(self._seq, seen, after, texts))

    def _answer_fetches(self, result: Result) -> None:
        for seq in self._fetches:
            self._post(FetchAnswered(seq, result))
        self._fetches.clear()

    def _give_up_waiting(self, now: float) -> None:
        assert self._service is not None
        sync = self._service.sync
        result = sync.out_of_reach(now)
        if result is None:
            return
        for seqs in self._waiting.values():
            for seq in seqs:
                self._post(Answered(seq, result))
        self._waiting.clear()
        self._answer_fetches(result)
        sync.fetch_wanted = False
        if sync.pending and not self._trouble_told:
            self._trouble_told = True
            self._post(ConnectionChanged(False))

    def _publish(self) -> None:
        pending = frozenset() if self._service is None else frozenset(self._service.sync.pending)
        self.backlog = (self._seq, pending)
        if self._trouble_told and not pending:
            self._trouble_told = False
            self._post(ConnectionChanged(True))

    # Icons

    def _want_icon(self, wanted: WantIcon) -> None:
        path = wanted.path or str(self._icon_file(wanted.icon_hash))
        try:
            with open(path, "rb") as file:
                is_png = file.read(len(_PNG)) == _PNG
        except OSError as exc:
            if wanted.path is None and self._service is not None:
                self._service.sync.icons.setdefault(wanted.icon_hash, wanted.achievement_id)
            else:
                _log.warning("the icon of achievement %d cannot be read (%s)", wanted.achievement_id, exc)
            return
        if is_png:
            self._post(IconStored(wanted.achievement_id, wanted.icon_hash, path))
        else:
            _log.warning("the icon %s is not a PNG", path)

    def _store_icon(self, action: FetchIcon, body: bytes) -> None:
        if not body.startswith(_PNG) or len(body) > _MAX_ICON_BYTES:
            _log.warning("the icon of achievement %d is not a PNG of at most 1 MiB", action.achievement_id)
            return
        file = self._icon_file(action.icon_hash)
        try:
            file.parent.mkdir(exist_ok=True)
            part = file.with_name(f"{file.name}.{self.storage.run.hex()}.part")
            part.write_bytes(body)
            os.replace(part, file)
        except OSError as exc:
            _log.warning("the icon of achievement %d cannot be kept (%s)", action.achievement_id, exc)
            return
        self._post(IconStored(action.achievement_id, action.icon_hash, str(file)))

    def _icon_file(self, icon_hash: str) -> Path:
        return self.storage.folder / "icons" / f"{icon_hash}.png"

    def abort(self) -> None:
        """Give up what is under way on the network; it is done again after the next start. **Thread**: any."""
        self._aborted = True
        if self._service is not None:
            self._service.transport.close()

    def close(self) -> None:
        """Let go of network and disk."""
        self.abort()
        self._stop_stream()
        self.storage.close()


def _describe_action(action: Exchange) -> str:
    if isinstance(action, SendUpdate):
        return f"telling {action.progress.percent} % for achievement {action.achievement_id}"
    return "asking for the list" if isinstance(action, FetchList) else "asking for an icon"
