"""What `run_callbacks()` shows and tells the game, in which order, and how much of it in one frame.

The worker's messages and the game's own sets wait in one queue. Taking one out changes the list that the game reads,
or calls the game's code, and nothing else does either. All of it runs on the game's thread.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Container
from typing import Any, NamedTuple, TypeVar

from ..domain.models import UserAchievement
from ..domain.result import Result
from .event import Event, Handlers
from .messages import Answered, Changed, ConnectionChanged, FetchAnswered, IconStored, Listed, Set
from .player_list import PlayerList
from .state import listed

_log = logging.getLogger("discord_achievements")
ResultCallback = Callable[[Result], object]
T = TypeVar("T")


class Callbacks:
    """What the game is shown, and what waits to be told to it.

    `inbox` is the queue, `callbacks` the calls that wait for their result. `view` is the list as it is known, `objects`
    and `visible` are that of it which the getters read: nothing before it has been `fetched`. These two stay the same
    containers, so that a getter need not look for them. `own` are the sets that were news; the worker may not have seen
    them yet. `icons` are where they are, by achievement, with their hash.
    """

    def __init__(self, view: PlayerList, inbox: deque[object], callbacks: dict[int, ResultCallback]) -> None:
        self.inbox = inbox
        self.callbacks = callbacks
        self.view = view
        self.objects: dict[int, UserAchievement] = {}
        self.visible: list[int] = []
        self.fetched = False
        self.own: dict[int, Set] = {}
        self.icons: dict[int, tuple[str, str | None]] = {}
        self.updates: Event[UserAchievement] = Event("on_user_achievement_update")
        self.connection: Event[bool] = Event("on_connection_change")
        self._delivering = False

    def refuse(self, seq: int, result: Result) -> None:
        """Have the callback of the call `seq`, if there is one, be told `result`."""
        if seq in self.callbacks:
            self.inbox.append(Answered(seq, result))

    def run(self, budget_s: float | None) -> None:
        """Deliver what is there now, within a budget if there is one; called from inside itself it does nothing."""
        if self._delivering:
            return
        stop_at = None if budget_s is None else time.perf_counter() + budget_s
        self._delivering = True
        inbox, updates = self.inbox, self.updates
        left = len(inbox)
        try:
            # A callback may close the manager, which empties the queue.
            while left and inbox:
                entry = inbox.popleft()
                left -= 1
                if type(entry) is UserAchievement:
                    # What _take would do with it, for the usual case: one handler, and the list has been looked at.
                    objects = self.view.objects
                    achievement_id = entry.achievement_id
                    old = objects.get(achievement_id)
                    if old is None or old.user_id != entry.user_id:
                        self._show_own(entry)
                    elif entry.percent_complete > old.percent_complete:
                        objects[achievement_id] = entry
                        if len(updates.handlers) == 1:
                            updates.handlers[0](entry)
                        else:
                            self._call(updates, entry)
                elif type(entry) is _News:
                    self._show_news(entry, stop_at)
                else:
                    left += self._take(entry)
                if stop_at is not None and time.perf_counter() >= stop_at:
                    break
        finally:
            self._delivering = False

    def _take(self, entry: object) -> int:
        """Deliver one message; return how many it has put in front of the queue."""
        match entry:
            case Answered(seq, result):
                self._answer(seq, result)
            case UserAchievement():
                self._show_own(entry)
            case FetchAnswered(seq, result):
                self.fetched = True
                self._show(self.view)
                self._answer(seq, result)
            case Changed():
                self._show_change(entry)
            case Listed(view, news):
                return self._show_list(view, news)
            case ConnectionChanged(online):
                self._call(self.connection, online)
            case IconStored(achievement_id, icon_hash, path):
                self.icons[achievement_id] = (icon_hash, path)
            case _News():
                self._show_news(entry, None)
            case _Call(event, value, called):
                self._call(event, value, called)
        return 0

    def _answer(self, seq: int, result: Result) -> None:
        callback = self.callbacks.pop(seq, None)
        if callback is not None:
            callback(result)

    def _call(self, event: Event[T], value: T, called: Handlers[T] = ()) -> None:
        """Give `value` to the handlers of `event` that were not `called` yet; those behind one that raises wait."""
        handlers = tuple(handler for handler in event.handlers if handler not in called)
        for number, handler in enumerate(handlers, 1):
            try:
                handler(value)
            except BaseException:
                if number < len(handlers):
                    self.inbox.appendleft(_Call(event, value, called + handlers[:number]))
                raise

    def _show_own(self, own: UserAchievement) -> None:
        """An own set of an achievement that is not in the list, or has not been looked at since a new list came."""
        view, achievement_id = self.view, own.achievement_id
        old = view.look(achievement_id)
        if old is None or own.percent_complete <= old.percent_complete:
            return
        own = view.put_own(own)
        if view.is_listed(achievement_id):
            self._call(self.updates, own)

    def _show_change(self, change: Changed) -> None:
        seq, new, state, texts = change
        view, achievement_id = self.view, new.achievement_id
        view.define(achievement_id, state, texts)
        said = self.own.get(achievement_id)
        if said is not None and said.seq <= seq:
            del self.own[achievement_id]
        elif said is not None and said.own is not None and said.own.percent_complete > new.percent_complete:
            return  # the worker has not seen our latest set yet; what it says of that comes later
        old = view.look(achievement_id)
        is_seen = listed(state) or view.is_listed(achievement_id)
        view.put(new, is_listed=listed(state))
        if is_seen and new.percent_complete != (0 if old is None else old.percent_complete):
            self._call(self.updates, new)

    def _show_list(self, view: PlayerList, news: tuple[UserAchievement, ...]) -> int:
        before = self.view
        for achievement_id, said in list(self.own.items()):
            if said.seq <= view.seq:
                del self.own[achievement_id]
                continue
            own, shown, told = said.own, before.look(achievement_id), view.look(achievement_id)
            if own is None or shown is None or told is None:
                continue
            # What the game has been shown already stays shown, until the worker has seen it too.
            if told.percent_complete < own.percent_complete <= shown.percent_complete:
                view.put_own(own)
        self.view = view
        if self.fetched:
            self._show(view)
        if not news:
            return 0
        self.inbox.appendleft(_News(deque(news)))
        return 1

    def _show_news(self, news: _News, stop_at: float | None) -> None:
        """Tell the values that came with a list, one after the other; the game may have set some itself meanwhile."""
        inbox, waiting, own, updates = self.inbox, news.waiting, self.own, self.updates
        # It stays in front until all of it is told: a handler may raise, or close the manager.
        inbox.appendleft(news)
        while waiting:
            new = waiting.popleft()
            said = own.get(new.achievement_id) if own else None
            if said is None or said.own is None or said.own.percent_complete < new.percent_complete:
                if len(updates.handlers) == 1:
                    updates.handlers[0](new)
                else:
                    self._call(updates, new)
            if stop_at is not None and time.perf_counter() >= stop_at:
                return
        if inbox and inbox[0] is news:
            inbox.popleft()

    def _show(self, view: PlayerList) -> None:
        """Have the getters read `view`, and see what happens to it from now on."""
        if view.objects is not self.objects:
            self.objects.clear()
            self.objects.update(view.objects)
            self.visible[:] = view.visible
            view.objects, view.visible = self.objects, self.visible

    def finish(self) -> None:
        """Deliver what has arrived, and give the calls up that still wait; a mistake in one callback hinders no other.

        What a callback asks for meanwhile is answered by another `run_callbacks()`: one that tries again whenever it
        has failed would have no end here.
        """
        self.inbox.extend([Answered(seq, Result.TRANSACTION_ABORTED) for seq in self.callbacks])
        self.inbox.append(end := object())
        error: BaseException | None = None
        was_delivering, self._delivering = self._delivering, True
        while (entry := self.inbox.popleft()) is not end:
            try:
                self._take(entry)
            except BaseException as exc:
                if error is not None:
                    _log.error("one more callback raised while the manager was closing", exc_info=exc)
                error = error or exc
        self._delivering = was_delivering
        if error is not None:
            raise error


class _News(NamedTuple):
    """Changes that came with a list, and are still to be told."""

    waiting: deque[UserAchievement]


class _Call(NamedTuple):
    """An event that is still to be given to the handlers that were not `called` yet."""

    event: Event[Any]
    value: object
    called: Handlers[Any] = ()


def awaited(inbox: deque[object], callbacks: Container[int]) -> Callable[[object], None]:
    """Return what puts the worker's messages into `inbox`, save answers to sets for which no callback waits."""

    def post(message: object) -> None:
        if not isinstance(message, Answered) or message.seq in callbacks:
            inbox.append(message)

    return post
