"""The game's commands, carried out: what is set is stored, what is asked is answered. Worker's thread.

Nothing here waits for the network or for the game's token object. What is said to the service, and what it answers, is
the `conversation`; `news` and `waiting` report to the game.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ...domain.progress import Progress, further, reach
from ...domain.result import Result
from .. import state
from ..clock import Clock
from ..disk.icons import IconFolder, is_png, why_no_png
from ..disk.storage import Storage
from ..messages import Fetch, Mistake, Set, SignIn, Status, Wake, WantIcon
from ..net.event_stream import StreamEnded, StreamFilled, StreamMessage, StreamOpened
from ..player_list import PlayerList
from ..token import Credentials
from .conversation import Conversation, Service
from .courier import Returned
from .news import News
from .session import Session
from .waiting import Waiting

_log = logging.getLogger("discord_achievements")
_UNDELIVERED_MAX = 1000  # beyond that, events of other devices wait until the game has called run_callbacks()
_UNDELIVERED_PAUSE_S = 0.1


class Engine:
    """One manager's commands.

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
        self._undelivered = undelivered
        self._commands: deque[object] = deque()
        self._from_stream: deque[StreamMessage] = deque()
        self._session = Session(storage, credentials)
        self._news = News(storage, self._session, to_game, knows_users=service is not None)
        self._waiting = Waiting(None if service is None else service.schedule, to_game)
        self._icons = IconFolder(storage.folder / "icons", storage.run)
        self._conversation: Conversation | None = None
        if service is not None:
            self._conversation = Conversation(
                service, storage, clock, self._session, self._news, self._waiting, self._icons, to_worker
            )
        self._storage_due_at: float | None = None
        self._storage_returns = storage.returns
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
                self._service.sign_in(command.credentials)
                self._commands.popleft()
                continue
            self._commands.popleft()
            if isinstance(command, Returned):
                self._service.take(command)
                continue
            try:
                self._obey(command)
            except BaseException as exc:
                self._make_good(command)
                if not isinstance(exc, Exception):
                    raise
        # Last, since the game's own sets come first; and only as fast as the game takes what it is sent.
        while self._from_stream and self._undelivered() < _UNDELIVERED_MAX and not self._service.holds_events:
            message = self._from_stream.popleft()
            try:
                self._service.take_stream(message)
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
        elif isinstance(command, StreamFilled):
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
            if self._conversation is None and not self._storage.is_safe:
                self._waiting.missed(one.seq)
            elif self._conversation is None or pending is None:
                self._waiting.answer(one.seq, Result.OK)
            else:
                self._conversation.ages.note(one.achievement_id, pending, one.at_us)
                self._conversation.schedule.wants(one.achievement_id, pending)
                self._waiting.await_update(one.seq, one.achievement_id, one.percent)
        for achievement_id, (before, after) in taken.items():
            if state.needs_agreement(after):
                self._news.unshown.add(achievement_id)
            seen = shown.get(achievement_id, state.shown(before))
            if state.shown(after) != seen and not state.needs_agreement(after):
                # The worker knows more than the game's thread: from another process, or of a new player.
                self._news.change(achievement_id, after)

    def _want_fetch(self, command: Fetch) -> None:
        self._waiting.await_list(command.seq)
        if self._conversation is not None:
            self._conversation.schedule.want_fetch(self._clock.now())
            return
        if self._storage.database.changed_elsewhere():
            self._news.whole_list()
        self._waiting.answer_fetches(Result.OK)

    def _want_icon(self, wanted: WantIcon) -> None:
        path = self._icons.path(wanted.icon_hash) if wanted.path is None else Path(wanted.path)
        if is_png(path):
            self._news.icon(wanted.achievement_id, wanted.icon_hash, str(path))
        elif wanted.path is None and self._conversation is not None:
            self._conversation.schedule.wants_icon(wanted.icon_hash, wanted.achievement_id)
        else:
            why = why_no_png(path) or "did not exist a moment ago"
            _log.warning("the icon of achievement %d, %s, %s", wanted.achievement_id, path, why)

    # One thing after the other

    def step(self) -> float | None:
        """Begin one thing; return the seconds until the next, 0 for at once, None if that depends on a message."""
        self._tend_storage()
        wait_s = None if self._conversation is None else self._conversation.step()
        if wait_s == 0.0:
            self._publish()
        if self._storage_due_at is not None:
            due_s = max(0.0, self._storage_due_at - self._clock.now())
            wait_s = due_s if wait_s is None else min(wait_s, due_s)
        if self._from_stream and not self._service.holds_events:
            wait_s = _UNDELIVERED_PAUSE_S if wait_s is None else min(wait_s, _UNDELIVERED_PAUSE_S)
        return wait_s

    def _tend_storage(self) -> None:
        self._storage_due_at = self._storage.tend(self._clock.now())
        if self._storage.returns == self._storage_returns:
            return
        # Back in the file, to which another process may have added. What was kept in memory meanwhile is in it now.
        self._storage_returns = self._storage.returns
        self._session.player = self._storage.players.get(self._session.player.id)
        if not self._storage.keeps_journal:
            self._waiting.stored_after_all()
        if self._conversation is not None:
            # Journals may have been recovered whose player is known only once the service has said again who this is.
            self._session.forget_identity()
            self._conversation.schedule.stream_or_poll.poll_now(self._clock.now())
            for achievement_id, progress in self._storage.database.pending(self._session.player.id).items():
                self._conversation.schedule.wants(achievement_id, progress)
        self._news.whole_list()
        self._publish()

    @property
    def _service(self) -> Conversation:
        assert self._conversation is not None, "in local mode there is no message of, and no token for, a service"
        return self._conversation

    # What the game reads

    def first_list(self) -> PlayerList:
        """Return the whole list as it is now, for a game that has not started to play."""
        return self._news.first_list()

    def _publish(self) -> None:
        """Publish how things stand, then send the answers that go with it."""
        self._waiting.give_up(self._clock.now())
        conversation = self._conversation
        if conversation is None:
            self.status = Status(self._waiting.stored_seq, frozenset(), None)
        else:
            pending = conversation.schedule.pending_ids
            self.status = Status(self._waiting.stored_seq, pending, conversation.is_online)
        self._waiting.release()

    # The end

    def abort(self) -> None:
        """Give up what is under way on the network; the next start does it again. **Thread**: any."""
        if self._conversation is not None:
            self._conversation.abort()

    def close(self) -> None:
        """Let go of network and disk. **Blocks** for the threads that are ending, a second each at most."""
        try:
            self.abort()
        finally:
            try:
                self._storage.close()  # first: no thread that is ending uses it, and what is set is safe at once
            finally:
                if self._conversation is not None:
                    self._conversation.close()
