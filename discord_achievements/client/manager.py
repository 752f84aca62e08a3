"""`AchievementManager`: the GameSDK's verbs, on the game's thread.

Nothing here waits. A verb checks its arguments, notes what was asked, and leaves the rest to the worker; what comes of
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
from ..domain.errors import CatalogueError, ConfigurationError, ResultError
from ..domain.models import Achievement, UserAchievement
from ..domain.progress import COMPLETE, is_percent
from ..domain.result import Result
from ..domain.snowflake import MAX_SNOWFLAKE, is_snowflake
from ..domain.wire import format_time
from . import options
from .callbacks import Callbacks, ResultCallback, awaited
from .clock import Clock, SystemClock
from .disk import owner as owners
from .disk.catalogue_file import png_paths, read_catalogue
from .disk.storage import Storage
from .event import Event
from .lifetime import Lifetime
from .messages import START, Fetch, Set, SignIn, WantIcon
from .net.api import Api
from .net.transport import Transport
from .token import Credentials, TokenProvider, credentials
from .worker.engine import Engine, Service
from .worker.schedule import Schedule
from .worker.thread import Worker
from .wrong_calls import WrongCalls

_log = logging.getLogger("discord_achievements")
_FLUSH_POLL_S = 0.002


class AchievementManager:
    """The achievements of one player in one game.

        manager = AchievementManager(461618159171141643, achievements="achievements.toml")
        manager.on_user_achievement_update = lambda achievement: print(achievement)
        manager.set_user_achievement(580159119969878046, 25)
        while playing:
            manager.run_callbacks()
        manager.close()

    With `achievements`, the path of a catalogue file, it works on this machine alone (local mode). With `base_url`,
    `https://host/api/v10`, and the player's `token` it works with a service; the catalogue, if there is one too, gives
    the definitions until the service has answered once.

    `data_dir` is where progress is kept (default: the platform's folder for user data). `locale` picks the language of
    names and descriptions. `timeout_s` bounds a request. `transport` and `clock` replace network and time in tests.
    `DISCORD_ACHIEVEMENTS_URL`, `DISCORD_ACCESS_TOKEN` and `DISCORD_CURRENT_LOCALE` count where an argument is absent.

    Raises `CatalogueError` with every mistake in the catalogue, `ConfigurationError` for any other argument.
    **Thread**: all calls and all callbacks belong to the thread that calls `run_callbacks()`.
    **Blocks**: only the constructor (some milliseconds for the files), `flush` and `close`.
    **Source**: Discord GameSDK, AchievementManager.
    """

    # So that a handler assigned to a misspelt event is an AttributeError. Subclasses may have attributes of their own.
    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_clock",
        "_closed",
        "_credentials",
        "_deliver",
        "_delivery",
        "_icon_paths",
        "_inbox",
        "_journal",
        "_last_set",
        "_lifetime",
        "_local",
        "_objects",
        "_own",
        "_owner",
        "_seq",
        "_started",
        "_storage",
        "_tell_worker",
        "_token_replaced",
        "_visible",
        "_worker",
        "_wrong_calls",
        "application_id",
        "locale",
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
        self.application_id = options.checked_application_id(application_id)
        self.locale = options.checked_locale(
            locale or options.from_environment(options.LOCALE_VARIABLE) or options.DEFAULT_LOCALE
        )
        timeout_s = options.checked_timeout("timeout_s", timeout_s)
        url_source = "base_url" if base_url else options.URL_VARIABLE
        base_url = base_url or options.from_environment(options.URL_VARIABLE)
        if base_url is not None:
            base_url = options.checked_base_url(base_url, allow_insecure_http=allow_insecure_http, name=url_source)
            token = token or options.from_environment(options.TOKEN_VARIABLE)
        elif achievements is None:
            raise ConfigurationError(
                "neither achievements nor base_url is given: pass achievements='achievements.toml' to work on this"
                " machine alone, or base_url='https://host/api/v10' to work with a service"
            )
        elif token:
            raise ConfigurationError("a token is given but no base_url: without a service nobody asks for it")
        catalogue = _load(achievements, self.application_id)
        self._icon_paths = {} if catalogue is None else png_paths(catalogue)

        self._clock = clock or SystemClock()
        self._credentials = Credentials(None, owners.LOCAL) if base_url is None else credentials(token)
        self._local = base_url is None
        service = None
        if base_url is not None:
            if transport is None:
                # Importing requests takes long enough to be seen, so it happens here and not during play.
                from .net.requests_transport import RequestsTransport

                transport = RequestsTransport()
            service = Service(
                Api(self.application_id, base_url, timeout_s),
                transport,
                Schedule(self._clock.now(), patience_s=timeout_s),
            )

        folder = options.default_data_dir(self.application_id) if data_dir is None else Path(data_dir)
        self._storage = Storage(folder)
        if base_url is not None:
            self._storage.use_service(base_url)
        if catalogue is not None and (base_url is None or not self._storage.answered):
            self._storage.define(entry.achievement for entry in catalogue.entries)

        callbacks: dict[int, ResultCallback] = {}
        inbox: deque[object] = deque()
        outbox: SimpleQueue[object] = SimpleQueue()
        self._tell_worker = outbox.put
        self._wrong_calls = WrongCalls(catalogue, outbox.put)
        engine = Engine(
            self._storage,
            self._clock,
            self._credentials,
            service,
            to_game=awaited(inbox, callbacks),
            to_worker=outbox.put,
        )
        self._delivery = Callbacks(engine.view(), inbox, callbacks)
        # What the verbs use of it in every frame, so that they need not go through it.
        self._deliver = self._delivery.run
        self._inbox = inbox
        self._callbacks = callbacks
        self._objects, self._visible, self._own = self._delivery.objects, self._delivery.visible, self._delivery.own
        self._journal = self._storage.journal
        self._owner = self._credentials.owner
        self._worker = Worker(engine, outbox, inbox, self._clock)

        self._seq = 0
        # After another token came, the list may still be another player's: then every set is news.
        self._token_replaced = False
        self._last_set = 0
        self._started = False
        self._closed = False
        # The first run_callbacks() finds this, and so starts the worker; with nothing in the queue it checks nothing.
        inbox.append(START)
        self._lifetime = Lifetime(self, self._worker, close=self.close, forget=self._forget)

    # The GameSDK's verbs

    def set_user_achievement(
        self, achievement_id: int, percent_complete: int, callback: ResultCallback | None = None
    ) -> None:
        """Say that the player has reached `percent_complete` (0 to 100) on an achievement; 100 unlocks it.

        When this returns, the update survives a crash of the game. Progress only rises: a lower or equal value is
        `OK` and changes nothing. `callback` gets the `Result`, exactly once, inside `run_callbacks()` or `close()`:
        `OK` when the service has it (local mode: when it is on disk), `SERVICE_UNAVAILABLE` when the service is out
        of reach (the update is kept and delivered later), or why it was refused.

        Raises `TypeError` for a callback that cannot be called. **Source**: SetUserAchievement.
        """
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is {callback!r:.60}, which cannot be called")
        self._seq = seq = self._seq + 1
        if callback is not None:
            self._callbacks[seq] = callback
        if self._closed:
            self._delivery.refuse(seq, Result.TRANSACTION_ABORTED)
            return
        # Plain integers, which is what games pass, are checked on the spot: two calls would cost a tenth of it all.
        if type(achievement_id) is int and type(percent_complete) is int:
            is_valid = 0 < achievement_id <= MAX_SNOWFLAKE and 0 <= percent_complete <= COMPLETE
        else:
            is_valid = is_snowflake(achievement_id) and is_percent(percent_complete)
        if not is_valid:
            self._wrong_calls.invalid_set(achievement_id, percent_complete)
            self._delivery.refuse(seq, Result.INVALID_PAYLOAD)
            return
        view = self._delivery.view
        shown = view.objects.get(achievement_id) or view.look(achievement_id)
        may_show = shown is not None and achievement_id not in view.secure
        if self._local and not may_show:
            refusal = Result.NOT_FOUND if shown is None else Result.UNAUTHORIZED_FOR_ACHIEVEMENT
            self._wrong_calls.refused_set(achievement_id, refusal)
            self._delivery.refuse(seq, refusal)
            return
        # Only an unlock has a time.
        at_us = self._clock.at_us() if percent_complete == COMPLETE else 0
        own = None
        if may_show and shown is not None and percent_complete > shown.percent_complete:
            unlocked_at = format_time(at_us) if percent_complete == COMPLETE else ""
            own = UserAchievement(shown.user_id, achievement_id, percent_complete, unlocked_at)
        # Half the time of Set(...), on the path that a game may take in every frame.
        said = tuple.__new__(Set, (seq, achievement_id, percent_complete, at_us, own))
        if own is not None or not may_show or self._token_replaced:
            if self._journal is not None:
                self._journal.write(seq, achievement_id, percent_complete, at_us, self._owner)
            self._own[achievement_id] = said
            if own is not None:
                self._inbox.append(own)
        self._last_set = seq
        self._tell_worker(said)
        if not self._started:
            self._start()

    def fetch_user_achievements(self, callback: ResultCallback | None = None) -> None:
        """Load the player's list; afterwards it can be counted and read.

        One request serves all calls that wait. Out of reach of the service the list is the last known one, and
        `callback` is told so. Raises `TypeError` for a callback that cannot be called.
        **Source**: FetchUserAchievements.
        """
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is {callback!r:.60}, which cannot be called")
        self._seq = seq = self._seq + 1
        if callback is not None:
            self._callbacks[seq] = callback
        if self._closed:
            self._delivery.refuse(seq, Result.TRANSACTION_ABORTED)
            return
        self._tell_worker(Fetch(seq))
        if not self._started:
            self._start()

    def count_user_achievements(self) -> int:
        """Return how many achievements the list has; 0 before a fetch has completed.

        **Source**: CountUserAchievements.
        """
        return len(self._visible)

    def get_user_achievement_at(self, index: int) -> UserAchievement:
        """Return the achievement at `index`, 0 to count - 1; the list is in ascending id.

        Raises `ResultError`: `NOT_FETCHED` before a fetch has completed, `NOT_FOUND` for any other index.
        **Source**: GetUserAchievementAt.
        """
        if index >= 0:
            try:
                return self._objects[self._visible[index]]
            except (IndexError, KeyError):
                pass  # out of range, not fetched, or not looked at before
        return self._look_at(index)

    def get_user_achievement(self, achievement_id: int) -> UserAchievement:
        """Return the player's progress on one achievement.

        Raises `ResultError`: `NOT_FETCHED` before a fetch has completed, `NOT_FOUND` for an id that is not in the
        list. **Source**: GetUserAchievement.
        """
        try:
            return self._objects[achievement_id]
        except KeyError:
            return self._look(achievement_id)

    def run_callbacks(self, budget_s: float | None = None) -> None:
        """Deliver what has arrived: call it once per frame, also while the game is paused.

        Delivers what was there when it was called; with a budget it stops when those seconds are used and goes on in
        the next frame. An exception from your code comes through; the rest is delivered in the next frame. Called
        from inside a callback it returns at once. **Source**: RunCallbacks.
        """
        if self._inbox:
            if not self._started:
                self._start()
            self._deliver(budget_s)

    # Beyond the GameSDK

    @property
    def on_user_achievement_update(self) -> Event[UserAchievement]:
        """The event of an achievement whose value has changed; assign a function, or `connect` several.

        Once per change, whether it was made here, on another device or by the game's server. **Source**:
        OnUserAchievementUpdate.
        """
        return self._delivery.updates

    @on_user_achievement_update.setter
    def on_user_achievement_update(self, handler: Callable[[UserAchievement], object] | None) -> None:
        self._delivery.updates.assign(handler)

    @property
    def on_connection_change(self) -> Event[bool]:
        """The event of the connection: False once when an update cannot be delivered, True once when all have been.

        It is about updates, whatever the cause: a token that is not accepted stops them while the service is in reach.
        What a cloud symbol should show is `pending_count`: something waits while it is above 0.
        """
        return self._delivery.connection

    @on_connection_change.setter
    def on_connection_change(self, handler: Callable[[bool], object] | None) -> None:
        self._delivery.connection.assign(handler)

    @property
    def pending_count(self) -> int:
        """How many updates the service has not confirmed; 0 in local mode."""
        if self._local:
            return 0
        seen_seq, pending = self._worker.engine.backlog
        if seen_seq >= self._last_set:
            return len(pending)
        return len(pending.union(id_ for id_, said in self._own.items() if said.seq > seen_seq))

    @property
    def is_online(self) -> bool | None:
        """Whether the service answered last time; None before the first exchange, and in local mode.

        A refusal is an answer too: with a token that is not accepted this is True, and updates wait all the same. So
        draw a cloud symbol from `pending_count` or `on_connection_change`, and use this to tell the player why.
        """
        return self._worker.engine.is_online

    @property
    def clock(self) -> Clock:
        """Where the manager takes the time from."""
        return self._clock

    @property
    def data_dir(self) -> Path:
        """The folder in which progress is kept."""
        return self._storage.folder

    @property
    def storage_error(self) -> str | None:
        """What is wrong with the data folder, so that progress may not outlive the game; None while all is well."""
        return self._storage.error

    def get_achievement(self, achievement_id: int) -> Achievement:
        """Return what an achievement is called and what it asks for, in the manager's locale.

        Needs no fetch where the definitions are known already. Raises `ResultError` with `NOT_FOUND`.
        """
        found = self._delivery.view.definition(self.application_id, achievement_id, self.locale)
        if found is None:
            hint = self._wrong_calls.key_hint(achievement_id) or "the catalogue or the service has to have it"
            raise ResultError(Result.NOT_FOUND, f"no achievement with id {achievement_id!r:.40} is known: {hint}")
        return found

    def get_icon(self, achievement_id: int) -> str | None:
        """Return the path of the icon, a PNG on this machine; None while there is none.

        The first call has it fetched in the background; ask again in a later frame.
        """
        path = self._icon_paths.get(achievement_id)
        icon_hash = self._delivery.view.icon_hash(achievement_id)
        known = self._delivery.icons.get(achievement_id)
        if known is not None and known[0] == icon_hash:
            return known[1]
        if (path or icon_hash) and not self._closed:
            self._delivery.icons[achievement_id] = (icon_hash, None)
            self._tell_worker(WantIcon(achievement_id, icon_hash, None if icon_hash else path))
            if not self._started:
                self._start()
        elif type(achievement_id) is not int:
            self._wrong_calls.key_as_id("get_icon", achievement_id)
        return None

    def set_token(self, token: str | TokenProvider) -> None:
        """Replace the player's token; what waited for one goes on.

        Raises `ConfigurationError` for a token that cannot be used, and in local mode.
        """
        if self._local:
            raise ConfigurationError("there is no service in local mode, so a token has no use; give a base_url first")
        self._credentials = credentials(token)
        if self._closed:
            return
        self._owner = self._credentials.owner
        self._token_replaced = True
        self._tell_worker(SignIn(self._credentials))
        if not self._started:
            self._start()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until the service has every update (local mode: until all is on disk); return whether it has.

        **Blocks** for at most `timeout_s`. Callbacks still need `run_callbacks()`.
        """
        deadline = time.monotonic() + options.checked_wait("timeout_s", timeout_s)
        if self._closed:
            return self.pending_count == 0
        if not self._started:
            self._start()
        while self._worker.engine.backlog[0] < self._last_set or self.pending_count:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_FLUSH_POLL_S)
        return True

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop; call it when the game ends. What the service does not have yet is sent after the next start.

        Delivers what has arrived, and gives `TRANSACTION_ABORTED` to the callbacks that still wait. Runs by itself at
        exit; a second call does nothing. **Blocks** for at most about `timeout_s`.
        """
        timeout_s = options.checked_wait("timeout_s", timeout_s)
        if self._closed:
            return
        self._closed = True
        self._lifetime.closed()
        if not self._worker.stop(timeout_s):
            _log.warning("the worker did not end within %s s; it ends with the process", timeout_s)
        is_heard = self._callbacks or self._delivery.updates.handlers or self._delivery.connection.handlers
        if is_heard and len(self._inbox) > 1 and self._inbox[0] is START and not self._worker.has_warned:
            _log.warning(
                "run_callbacks() was never called, so no callback and no event reached the game while it ran;"
                " call it once per frame"
            )
        self._delivery.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        mode = "local mode" if self._local else "service mode"
        return f"<AchievementManager {self.application_id}, {mode}{', closed' if self._closed else ''}>"

    # Inside

    def _start(self) -> None:
        if self._closed:
            return
        try:
            self._worker.start()
            self._started = True
        except RuntimeError as exc:
            _log.warning("no worker can be started any more (%s); what was set is sent after the next start", exc)

    def _look_at(self, index: object) -> UserAchievement:
        if isinstance(index, int) and 0 <= index < len(self._visible):
            return self._look(self._visible[index])
        self._nothing(f"there is no achievement at index {index!r:.40}; the list has {len(self._visible)}, from 0 on")

    def _look(self, achievement_id: int) -> UserAchievement:
        if self._delivery.fetched and self._delivery.view.is_listed(achievement_id):
            found = self._delivery.view.look(achievement_id)
            if found is not None:
                return found
        unknown = "it is unknown, or a secret that is still locked" if is_snowflake(achievement_id) else "it is no id"
        hint = self._wrong_calls.key_hint(achievement_id) or unknown
        self._nothing(f"the list has no achievement with id {achievement_id!r:.40}: {hint}")

    def _nothing(self, why: str) -> NoReturn:
        if self._delivery.fetched:
            raise ResultError(Result.NOT_FOUND, why)
        raise ResultError(
            Result.NOT_FETCHED,
            "the list has not been fetched: call fetch_user_achievements() and wait for its callback",
        )

    def _forget(self) -> None:
        """In a forked child: be closed, and touch nothing of what the parent goes on with."""
        self._closed = True
        self._callbacks.clear()
        self._inbox.clear()
        if self._journal is not None:
            self._journal.close(remove=False)  # else its lock would outlive the parent


def _load(achievements: str | os.PathLike[str] | Catalogue | None, application_id: int) -> Catalogue | None:
    if achievements is None:
        return None
    catalogue = achievements if isinstance(achievements, Catalogue) else read_catalogue(achievements)
    if catalogue.application_id != application_id:
        raise CatalogueError(
            catalogue.source,
            [f"application_id is {catalogue.application_id}, but the manager was made for {application_id}"],
        )
    return catalogue
