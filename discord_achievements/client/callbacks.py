"""What `run_callbacks()` shows the game and which of its functions it calls, in which order, and how much in a frame.

The worker's messages and the game's own sets wait in one queue. Taking one out changes the list that the game reads, or
calls the game's code; nothing else does either. All of it runs on the game's thread.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Container
from itertools import repeat
from typing import Any, NamedTuple, TypeVar

from ..domain.models import UserAchievement
from ..domain.progress import is_news
from ..domain.result import Result
from .event import Event, Handlers
from .messages import Answered, Changed, ConnectionChanged, FetchAnswered, IconStored, ListChanged, Listed, Set
from .player_list import PlayerList
from .state import listed

_log = logging.getLogger("discord_achievements")
ResultCallback = Callable[[Result], object]
T = TypeVar("T")


class Callbacks:
    """What the game is shown, and what waits to be delivered to it.

    `inbox` is the queue, `waiting` the callbacks of calls that have no result yet, by the call's number. `known` is the
    list as far as it is known; `objects` and `visible` are what the getters read of it, empty until the list has been
    `fetched`, and always the same two containers, so that a getter finds them in one step. `own` are the game's sets
    that were news and that the worker may not have seen yet. `icons` are the paths of icons with their hash, by
    achievement. `has_run` is whether `run` has ever been called.
    """

    def __init__(self, known: PlayerList, inbox: deque[object], waiting: dict[int, ResultCallback]) -> None:
        self.inbox = inbox
        self.waiting = waiting
        self.known = known
        self.objects: dict[int, UserAchievement] = {}
        self.visible: list[int] = []
        self.fetched = False
        self.own: dict[int, Set] = {}
        self.icons: dict[int, tuple[str, str | None]] = {}
        self.updates: Event[UserAchievement] = Event("on_user_achievement_update")
        self.connection: Event[bool] = Event("on_connection_change")
        self.has_run = False
        self._delivering = False

    def answer(self, seq: int, result: Result) -> None:
        """Queue the result of call `seq`, if that has a callback."""
        if seq in self.waiting:
            self.inbox.append(Answered(seq, result))

    def run(self, budget_s: float | None) -> None:
        """Deliver what is in the queue now, within a budget if there is one; a call from inside it does nothing."""
        if self._delivering:
            return
        stop_at = None if budget_s is None else time.perf_counter() + budget_s
        self._delivering = self.has_run = True
        inbox, updates, known = self.inbox, self.updates, self.known
        try:
            for _ in repeat(None, len(inbox)):
                if not inbox:
                    break  # a callback has closed the manager
                entry = inbox.popleft()
                if (
                    type(entry) is UserAchievement
                    and (handler := updates.only_handler) is not None
                    and (old := known.objects.get(entry.achievement_id)) is not None
                    and entry.user_id == known.user_id
                ):
                    # What _take would do, in half the time; a call of `is_news` would be a fifth of what is left.
                    if entry.percent_complete > old.percent_complete:
                        known.objects[entry.achievement_id] = entry
                        handler(entry)
                else:
                    self._take(entry, stop_at)
                    known = self.known
                if stop_at is not None and time.perf_counter() >= stop_at:
                    break
        finally:
            self._delivering = False

    def _take(self, entry: object, stop_at: float | None = None) -> None:
        """Deliver one message."""
        if isinstance(entry, UserAchievement):
            self._show_own(entry)
        elif isinstance(entry, Answered):
            self._answer(entry.seq, entry.result)
        elif isinstance(entry, Changed):
            if self._put(entry):
                self._call(self.updates, entry.achievement)
        elif isinstance(entry, _News):
            self._show_news(entry, stop_at)
        elif isinstance(entry, Listed | ListChanged):
            if isinstance(entry, Listed):
                self._show_list(entry)
            else:
                for change in entry.changes:
                    self._put(change)
            if entry.news:
                self._show_news(_News(deque(entry.news)), stop_at)
        elif isinstance(entry, FetchAnswered):
            self.fetched = True
            self._show()
            self._answer(entry.seq, entry.result)
        elif isinstance(entry, ConnectionChanged):
            self._call(self.connection, entry.online)
        elif isinstance(entry, IconStored):
            self.icons[entry.achievement_id] = (entry.icon_hash, entry.path)
        elif isinstance(entry, _Call):
            self._call(entry.event, entry.value, entry.called)

    def _answer(self, seq: int, result: Result) -> None:
        callback = self.waiting.pop(seq, None)
        if callback is not None:
            callback(result)

    def _call(self, event: Event[T], value: T, called: Handlers[T] = ()) -> None:
        """Give `value` to the handlers of `event` that were not `called` yet; those behind one that raises wait.

        One that another has disconnected is not called any more.
        """
        handlers = event.handlers
        if called:
            handlers = tuple(handler for handler in handlers if handler not in called)
        for number, handler in enumerate(handlers, 1):
            if handler not in event.handlers:
                continue
            try:
                handler(value)
            except BaseException:
                if number < len(handlers):
                    self.inbox.appendleft(_Call(event, value, called + handlers[:number]))
                raise

    def _show_own(self, own: UserAchievement) -> None:
        """Show what the game itself has set."""
        known, achievement_id = self.known, own.achievement_id
        old = known.look(achievement_id)
        if old is None or not is_news(own.percent_complete, old.percent_complete):
            return
        own = known.put_own(own)
        if known.is_listed(achievement_id):
            self._call(self.updates, own)

    def _put(self, change: Changed) -> bool:
        """Show one achievement as it is now; return whether its value is news."""
        seq, new, state, texts = change
        known, achievement_id = self.known, new.achievement_id
        known.define(achievement_id, state, texts)
        said = self.own.get(achievement_id)
        if said is not None and said.seq <= seq:
            del self.own[achievement_id]
        elif said is not None and said.own is not None and is_news(said.own.percent_complete, new.percent_complete):
            return False  # the worker has not seen our latest set yet; a message about that will follow
        old = known.look(achievement_id)
        is_seen = listed(state) or known.is_listed(achievement_id)
        known.put(new, is_listed=listed(state))
        return is_seen and new.percent_complete != (0 if old is None else old.percent_complete)

    def _show_list(self, message: Listed) -> None:
        before, known = self.known, message.player_list
        for achievement_id, said in list(self.own.items()):
            if said.seq <= known.seq:
                del self.own[achievement_id]
                continue
            own, shown, now = said.own, before.look(achievement_id), known.look(achievement_id)
            if own is None or shown is None or now is None:
                continue
            # What the game has been shown stays shown until the worker has seen it too.
            is_shown = not is_news(own.percent_complete, shown.percent_complete)
            if is_shown and is_news(own.percent_complete, now.percent_complete):
                known.put_own(own)
        self.known = known
        if self.fetched:
            self._show()

    def _show_news(self, news: _News, stop_at: float | None) -> None:
        """Deliver the values that came with a list, one after the other; the game may set some itself meanwhile."""
        inbox, waiting = self.inbox, news.waiting
        # It stays in front until all of it is delivered: a handler may raise, or close the manager.
        inbox.appendleft(news)
        while waiting:
            new = waiting.popleft()
            said = self.own.get(new.achievement_id)
            if said is None or said.own is None or is_news(new.percent_complete, said.own.percent_complete):
                self._call(self.updates, new)
            if stop_at is not None and time.perf_counter() >= stop_at:
                return
        if inbox and inbox[0] is news:
            inbox.popleft()

    def _show(self) -> None:
        """Let the getters read the list that is known, and see what happens to it from now on."""
        known = self.known
        if known.objects is not self.objects:
            self.objects.clear()
            self.objects.update(known.objects)
            self.visible[:] = known.visible
            known.objects, known.visible = self.objects, self.visible

    def finish(self) -> None:
        """Deliver what has arrived, and abort the calls still waiting.

        An exception in one callback does not stop the others. What a callback asks for meanwhile is answered by another
        `run_callbacks()`: one that tries again whenever it fails would never end here.
        """
        self.inbox.extend([Answered(seq, Result.TRANSACTION_ABORTED) for seq in self.waiting])
        self.inbox.append(end := object())
        error: BaseException | None = None
        was_delivering, self._delivering = self._delivering, True
        while (entry := self.inbox.popleft()) is not end:
            try:
                self._take(entry)
            except BaseException as exc:
                if error is not None:
                    _log.error("another callback raised while the manager was closing", exc_info=exc)
                error = error or exc
        self._delivering = was_delivering
        if error is not None:
            raise error


class _News(NamedTuple):
    """Changes that came with a list and have not been delivered yet."""

    waiting: deque[UserAchievement]


class _Call(NamedTuple):
    """An event that is still to be given to the handlers that were not `called` yet."""

    event: Event[Any]
    value: object
    called: Handlers[Any] = ()


def awaited(inbox: deque[object], waiting: Container[int]) -> Callable[[object], None]:
    """Return what puts the worker's messages into `inbox`, except answers to sets for which no callback waits."""

    def post(message: object) -> None:
        if not isinstance(message, Answered) or message.seq in waiting:
            inbox.append(message)

    return post
