"""`AchievementManager`: the GameSDK's verbs, on the game's thread.

Nothing here waits. A verb checks its arguments, notes what was asked and leaves the rest to the worker; what comes of
it arrives in a queue that `run_callbacks()` empties. The game's thread touches neither disk nor network and takes no
lock, except in the constructor, `flush` and `close`.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import NoReturn, Self

from ..domain.catalogue import Catalogue
from ..domain.errors import ConfigurationError, ResultError
from ..domain.models import Achievement, UserAchievement, new_user_achievement
from ..domain.progress import COMPLETE, is_news, is_percent
from ..domain.result import Result
from ..domain.snowflake import MAX_SNOWFLAKE, is_snowflake
from ..domain.wire import format_time
from . import options
from .callbacks import Callbacks, ResultCallback, awaited
from .clock import Clock
from .disk.storage import Storage
from .event import Event
from .lifetime import Lifetime
from .messages import Fetch, Ready, Set, SignIn, WantIcon
from .net.transport import Transport
from .token import TokenProvider, credentials
from .uncopied import Uncopied
from .worker.start import new_worker
from .worker.thread import Worker
from .wrong_calls import WrongCalls

_log = logging.getLogger("discord_achievements")
_FLUSH_POLL_S = 0.002


class AchievementManager(Uncopied):
    """The achievements of one player in one game.

        manager = AchievementManager(461618159171141643, achievements="achievements.toml")
        manager.on_user_achievement_update = lambda achievement: print(achievement)
        manager.set_user_achievement(580159119969878046, 25)
        while playing:
            manager.run_callbacks()
        manager.close()

    With `achievements`, the path of a catalogue file, it works on this machine alone (local mode). With `base_url`,
    such as `https://host/api/v10`, and the player's `token` it works with a service; a catalogue then only supplies
    the definitions until the service has answered once.

    `data_dir` is where progress is kept (default: the platform's folder for user data); a relative path starts at the
    working directory of this call. `locale` selects the language of names and descriptions. `timeout_s` limits each
    request. `transport` and `clock` replace network and time in tests. If `base_url`, `token` or `locale` is omitted,
    it is read from `DISCORD_ACHIEVEMENTS_URL`, `DISCORD_ACCESS_TOKEN` or `DISCORD_CURRENT_LOCALE`.

    Raises `CatalogueError` with every mistake in the catalogue, `ConfigurationError` for any other argument.
    **Thread**: all calls and all callbacks belong to the thread that calls `run_callbacks()`.
    **Blocks**: only the constructor (some milliseconds for the files), `flush` and `close`.
    **Source**: Discord GameSDK, AchievementManager.
    """

    # So that assigning a handler to a misspelt event is an AttributeError. Subclasses may have attributes of their own.
    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_closed",
        "_inbox",
        "_last_set",
        "_lifetime",
        "_locale",
        "_objects",
        "_options",
        "_owner",
        "_seq",
        "_started",
        "_storage",
        "_to_worker",
        "_token_replaced",
        "_visible",
        "_worker",
        "_wrong_calls",
    )

    def __init__(
        self,
        application_id: int,
        *,
        achievements: str | os.PathLike[str] | Catalogue | None = None,
        base_url: str | None = None,
        token: str | TokenProvider | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        locale: str | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        timeout_s: float = 10.0,
        allow_insecure_http: bool = False,
    ) -> None:
        self._options = options.resolve(
            application_id,
            achievements=achievements,
            base_url=base_url,
            token=token,
            data_dir=data_dir,
            locale=locale,
            transport=transport,
            clock=clock,
            timeout_s=timeout_s,
            allow_insecure_http=allow_insecure_http,
        )
        self._owner = self._options.credentials.owner
        self._locale = self._options.locale
        waiting: dict[int, ResultCallback] = {}
        self._inbox: deque[object] = deque([Ready()])
        self._to_worker: SimpleQueue[object] = SimpleQueue()
        self._storage = Storage(self._options.data_dir)
        try:
            self._worker = self._new_worker(awaited(self._inbox, waiting))
            known = self._worker.engine.first_list()
        except BaseException:
            self._storage.close()
            raise
        self._wrong_calls = WrongCalls(self._options.catalogue, self._to_worker.put)
        self._callbacks = Callbacks(known, self._inbox, waiting)
        # A tenth of a getter's time would go into finding these two.
        self._objects, self._visible = self._callbacks.objects, self._callbacks.visible
        self._seq = 0
        self._last_set = 0
        # After another token came, the list may still be another player's: then every set is news.
        self._token_replaced = False
        self._started = False
        self._closed = False
        self._lifetime = Lifetime(self, self._worker, close=self.close, forget=self._forget)

    # The GameSDK's verbs

    def set_user_achievement(
        self, achievement_id: int, percent_complete: int, callback: ResultCallback | None = None
    ) -> None:
        """Set the player's progress on an achievement to `percent_complete` (0 to 100); 100 unlocks it.

        When this returns, the update survives a crash of the game. Progress only rises: a lower or equal value is
        `OK` and changes nothing. `callback` gets the `Result`, exactly once, inside `run_callbacks()` or `close()`:
        `OK` when the service has it (local mode: when it is on disk),
        `SERVICE_UNAVAILABLE` when the service is unreachable (the update is kept and delivered later), or the reason
        why it was refused. After `close()` nothing is recorded, and the `Result` is `TRANSACTION_ABORTED`.

        Raises `TypeError` for a callback that is not callable. **Source**: SetUserAchievement.
        """
        seq = self._next_call(callback)
        if self._closed:
            self._abort(seq)
            return
        # Plain ints, which is what games pass, are checked here: the two calls would be a twentieth of the time.
        if type(achievement_id) is int and type(percent_complete) is int:
            is_valid = 0 < achievement_id <= MAX_SNOWFLAKE and 0 <= percent_complete <= COMPLETE
        else:
            is_valid = is_snowflake(achievement_id) and is_percent(percent_complete)
        if not is_valid:
            self._wrong_calls.invalid_set(achievement_id, percent_complete)
            self._callbacks.answer(seq, Result.INVALID_PAYLOAD)
            return
        callbacks = self._callbacks
        known = callbacks.known
        shown = known.objects.get(achievement_id) or known.look(achievement_id)
        may_show = shown is not None and achievement_id not in known.secure
        if not may_show and self._options.base_url is None:
            refusal = Result.NOT_FOUND if shown is None else Result.UNAUTHORIZED_FOR_ACHIEVEMENT
            self._wrong_calls.refused_set(achievement_id, refusal)
            self._callbacks.answer(seq, refusal)
            return
        # Only an unlock has a time.
        at_us = self._options.clock.at_us() if percent_complete == COMPLETE else 0
        own = None
        if may_show and shown is not None and is_news(percent_complete, shown.percent_complete):
            unlocked_at = format_time(at_us) if percent_complete == COMPLETE else ""
            own = new_user_achievement(shown.user_id, achievement_id, percent_complete, unlocked_at)
        # Set(...) would take twice the time, which is a twentieth of the call's.
        said = tuple.__new__(Set, (seq, achievement_id, percent_complete, at_us, own))
        if own is not None or not may_show or self._token_replaced:
            journal = self._storage.journal
            if journal is not None:
                journal.write(seq, achievement_id, percent_complete, at_us, self._owner)
            callbacks.own[achievement_id] = said
            if own is not None:
                self._inbox.append(own)
        self._last_set = seq
        self._to_worker.put(said)
        if not self._started:
            self._start()

    def fetch_user_achievements(self, callback: ResultCallback | None = None) -> None:
        """Load the player's list; afterwards it can be counted and read.

        One request serves all calls that wait. If the service is unreachable, the list is the last known one and
        `callback` gets `SERVICE_UNAVAILABLE`. Raises `TypeError` for a callback that is not callable.
        **Source**: FetchUserAchievements.
        """
        seq = self._next_call(callback)
        if self._closed:
            self._abort(seq)
            return
        self._to_worker.put(Fetch(seq))
        if not self._started:
            self._start()

    def count_user_achievements(self) -> int:
        """Return the number of achievements in the list; 0 before a fetch has completed.

        **Source**: CountUserAchievements.
        """
        return len(self._visible)

    def get_user_achievement_at(self, index: int) -> UserAchievement:
        """Return the achievement at `index`, from 0 to the count minus 1; the list is in ascending order of ids.

        Raises `ResultError`: `NOT_FETCHED` before a fetch has completed, `NOT_FOUND` for any other index.
        **Source**: GetUserAchievementAt.
        """
        try:
            if index >= 0:
                return self._objects[self._visible[index]]
        except (IndexError, KeyError, TypeError):
            pass  # out of range, not fetched, not looked at before, or not an index
        return self._look_at(index)

    def get_user_achievement(self, achievement_id: int) -> UserAchievement:
        """Return the player's progress on one achievement.

        Raises `ResultError`: `NOT_FETCHED` before a fetch has completed, `NOT_FOUND` for an id that is not in the
        list. **Source**: GetUserAchievement.
        """
        try:
            return self._objects[achievement_id]
        except (KeyError, TypeError):
            return self._look(achievement_id)

    def run_callbacks(self, budget_s: float | None = None) -> None:
        """Deliver what has arrived. Call it once per frame, even while the game is paused.

        It delivers what was in the queue when it was called; with a budget it stops after that many seconds and
        continues in the next frame. An exception from your code propagates; the rest is delivered in the next frame.
        A call from inside a callback returns at once. **Source**: RunCallbacks.
        """
        if self._inbox:
            if not self._started:
                self._start()
            self._callbacks.run(budget_s)

    # Beyond the GameSDK

    @property
    def on_user_achievement_update(self) -> Event[UserAchievement]:
        """The event of an achievement whose value has changed; assign a function, or `connect` several.

        Fires once for each change of an achievement's value, whether it was made here, on another device or by the
        game's server. **Source**: OnUserAchievementUpdate.
        """
        return self._callbacks.updates

    @on_user_achievement_update.setter
    def on_user_achievement_update(self, handler: Callable[[UserAchievement], object] | None) -> None:
        self._callbacks.updates.assign(handler)

    @property
    def on_connection_change(self) -> Event[bool]:
        """The event of the connection; assign a function, or `connect` several.

        Fires once with False when an update cannot be delivered, and once with True when all have been delivered. The
        cause does not matter: a refused token stops updates although the service is reachable. A cloud symbol should
        show `pending_count`: while it is above 0, something waits.
        """
        return self._callbacks.connection

    @on_connection_change.setter
    def on_connection_change(self, handler: Callable[[bool], object] | None) -> None:
        self._callbacks.connection.assign(handler)

    @property
    def pending_count(self) -> int:
        """The number of achievements whose progress the service has not confirmed; 0 in local mode."""
        if self._options.base_url is None:
            return 0
        status = self._worker.status
        if status.stored_seq >= self._last_set:
            return len(status.pending)
        own = self._callbacks.own.items()
        return len(status.pending.union(id_ for id_, said in own if said.seq > status.stored_seq))

    @property
    def is_online(self) -> bool | None:
        """Whether the service answered last time; None before the first exchange, and in local mode.

        A refusal is an answer too: with a refused token this is True although updates wait. Draw a cloud symbol from
        `pending_count` or `on_connection_change`, and use `is_online` to explain the delay.
        """
        return self._worker.status.is_online

    @property
    def application_id(self) -> int:
        """The id of the game's application."""
        return self._options.application_id

    @property
    def locale(self) -> str:
        """The language of names and descriptions, such as `en-US`; `set_locale` changes it."""
        return self._locale

    @property
    def clock(self) -> Clock:
        """The clock that the manager uses."""
        return self._options.clock

    @property
    def data_dir(self) -> Path:
        """The folder in which progress is kept, an absolute path."""
        return self._storage.folder

    @property
    def storage_error(self) -> str | None:
        """What is wrong with the data folder, so that progress may be lost when the game ends; None if nothing is."""
        return self._storage.error

    def user_achievements(self) -> list[UserAchievement]:
        """Return the player's list, in ascending order of ids; empty before a fetch has completed."""
        return [self.get_user_achievement_at(index) for index in range(self.count_user_achievements())]

    def get_achievement(self, achievement_id: int) -> Achievement:
        """Return the definition of an achievement, its texts in the manager's locale.

        Needs no fetch if the definitions are known already. Raises `ResultError` with `NOT_FOUND`.
        """
        found = self._callbacks.known.definition(self.application_id, achievement_id, self._locale)
        if found is None:
            hint = self._wrong_calls.id_hint(achievement_id) or "it must be in the catalogue or on the service"
            raise ResultError(Result.NOT_FOUND, f"no achievement with id {achievement_id!r:.40} is known: {hint}")
        return found

    def get_icon(self, achievement_id: int) -> str | None:
        """Return the path of the icon, a PNG on this machine, or None if there is none yet.

        The first call has it fetched in the background; ask again in a later frame.
        """
        path = self._options.icon_paths.get(achievement_id)
        icon_hash = self._callbacks.known.icon_hash(achievement_id)
        icon = self._callbacks.icons.get(achievement_id)
        if icon is not None and icon[0] == icon_hash:
            return icon[1]
        if (path or icon_hash) and not self._closed:
            self._callbacks.icons[achievement_id] = (icon_hash, None)
            self._to_worker.put(WantIcon(achievement_id, icon_hash, None if icon_hash else path))
            if not self._started:
                self._start()
        elif type(achievement_id) is not int:
            self._wrong_calls.key_as_id("get_icon", achievement_id)
        return None

    def set_locale(self, locale: str) -> None:
        """Change the language of names and descriptions. Raises `ConfigurationError` for anything but a string."""
        self._locale = options.checked_locale(locale)

    def set_token(self, token: str | TokenProvider) -> None:
        """Replace the player's token; updates that waited for one are sent.

        Raises `ConfigurationError` for a token that cannot be used, and in local mode.
        """
        if self._options.base_url is None:
            raise ConfigurationError("local mode has no service, so a token is of no use; pass base_url as well")
        replaced = credentials(token)
        if self._closed:
            self._lifetime.called_after_end()
            return
        self._owner = replaced.owner
        self._token_replaced = True
        self._to_worker.put(SignIn(replaced))
        if not self._started:
            self._start()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until every update is delivered; return whether that is so.

        An update is delivered once the service has it; in local mode, once it is on disk. **Blocks** for at
        most `timeout_s`. Callbacks still need `run_callbacks()`.
        """
        deadline = time.monotonic() + options.checked_wait("timeout_s", timeout_s)
        if self._closed:
            return self.pending_count == 0
        if not self._started:
            self._start()
        while self._worker.status.stored_seq < self._last_set or self.pending_count:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_FLUSH_POLL_S)
        return True

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop. Call it when the game ends; what the service does not have yet is sent after the next start.

        Delivers what has arrived, and `TRANSACTION_ABORTED` to the callbacks that still wait. Runs automatically at
        exit; a second call does nothing. **Blocks** for at most about `timeout_s`.
        """
        timeout_s = options.checked_wait("timeout_s", timeout_s)
        if self._closed:
            return
        self._closed = True
        self._lifetime.closed()
        if not self._worker.stop(timeout_s):
            _log.warning("the worker did not end within %s s; it ends with the process", timeout_s)
        callbacks = self._callbacks
        is_listening = callbacks.waiting or callbacks.updates.handlers or callbacks.connection.handlers
        if is_listening and len(self._inbox) > 1 and not (callbacks.has_run or self._worker.has_warned):
            _log.warning(
                "run_callbacks() was never called, so no callback and no event reached the game while it ran;"
                " call it once per frame"
            )
        callbacks.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        mode = "local mode" if self._options.base_url is None else f"service mode, {self.pending_count} pending"
        count = f"{self.count_user_achievements()} listed" if self._callbacks.fetched else "not fetched"
        return f"<AchievementManager {self.application_id}, {mode}, {count}{', closed' if self._closed else ''}>"

    # Inside

    def _new_worker(self, to_game: Callable[[object], None]) -> Worker:
        """Return the worker, not started. Overridden by the manager of the test kit, which needs no thread."""
        return new_worker(self._options, self._storage, self._to_worker, self._inbox, to_game)

    def _next_call(self, callback: ResultCallback | None) -> int:
        """Return the number of a new call, and keep its callback. Raises `TypeError`."""
        if callback is not None and not callable(callback):
            raise TypeError(f"callback: expected a function or None, got {callback!r:.60}")
        self._seq += 1
        if callback is not None:
            self._callbacks.waiting[self._seq] = callback
        return self._seq

    def _abort(self, seq: int) -> None:
        self._lifetime.called_after_end()
        self._callbacks.answer(seq, Result.TRANSACTION_ABORTED)

    def _start(self) -> None:
        if self._closed:
            return
        try:
            self._worker.start()
            self._started = True
        except RuntimeError as exc:
            _log.warning("the worker cannot be started any more (%s); what was set is sent after the next start", exc)

    def _look_at(self, index: object) -> UserAchievement:
        count = len(self._visible)
        if isinstance(index, int) and 0 <= index < count:
            return self._look(self._visible[index])
        expected = f"expected an int from 0 to {count - 1}" if count else "the list is empty"
        self._nothing(f"the list has no achievement at index {index!r:.40}: {expected}")

    def _look(self, achievement_id: object) -> UserAchievement:
        if self._callbacks.fetched and is_snowflake(achievement_id) and self._callbacks.known.is_listed(achievement_id):
            found = self._callbacks.known.look(achievement_id)
            if found is not None:
                return found
        unknown = "it is unknown, or a secret that is still locked"
        hint = self._wrong_calls.id_hint(achievement_id) or unknown
        self._nothing(f"the list has no achievement with id {achievement_id!r:.40}: {hint}")

    def _nothing(self, why: str) -> NoReturn:
        if self._callbacks.fetched:
            raise ResultError(Result.NOT_FOUND, why)
        raise ResultError(
            Result.NOT_FETCHED,
            "the list has not been fetched: call fetch_user_achievements() and wait for its callback",
        )

    def _forget(self) -> None:
        """In a forked child: be closed, and leave the parent's files and threads alone."""
        self._closed = True
        self._callbacks.waiting.clear()
        self._inbox.clear()
        if self._storage.journal is not None:
            self._storage.journal.close(remove=False)  # or its lock would outlive the parent
