"""What each route does, without HTTP. Who may do it, and what a player may know, is decided in `domain.access`.

An id of a secret achievement cannot be found by trying: 22 of its bits are random for each millisecond in which it may
have been made, and a player has five updates in 5 s. Somebody who already has the id can tell it from an unknown one by
an update, and by its icon at the hash of that very picture. All other answers are the same for both, and are made by
the same look-ups, so that they take the same time.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec

from ..domain import access, wire
from ..domain.access import Caller, Target
from ..domain.definition import Change, Left, decode_change, decode_creation
from ..domain.errors import ApiError, ErrorCode, FieldErrors
from ..domain.models import Achievement
from ..domain.ratelimit import LimitState
from ..domain.routes import Route, path_id
from ..domain.snowflake import ClockError, make_snowflake
from ..domain.wire import Shape
from . import identity
from .auth import Authenticator
from .broker import Broker, Player
from .cursors import Cursor
from .definition_cache import DefinitionCache
from .definitions import NOTHING_HELD, Definitions
from .etags import ETags
from .events import Events
from .history import History
from .icons import EXTENSIONS, converted, default_icon, verify
from .stores.base import (
    AchievementDeleted,
    Application,
    Icon,
    Key,
    Raise,
    Reset,
    Store,
    TooManyAchievements,
    Write,
    Written,
)
from .stores.calls import StoreCalls
from .streams import SendBody, Stream, Streams
from .writer import Writer

T = TypeVar("T")

_ICON_HASH = re.compile("[0-9a-f]{32}")
_STREAM_FULL_RETRY_S = 5.0
_CLOCK_RETRY_S = 60.0  # a clock that is wrong after booting is usually set by then
_log = logging.getLogger(__name__)


class Admission(NamedTuple):
    """A request that may proceed: who asks, the application's definitions, the path's parameters, the history."""

    caller: Caller
    definitions: Definitions
    parameters: dict[str, str]
    history: str


class Listed(NamedTuple):
    """A player's list as JSON, its `ETag` and its cursor; `is_whole` is False if the body is only what has changed."""

    body: bytes
    etag: str
    cursor: str
    is_whole: bool


class Service:
    """Belongs to the event loop. Methods raise `ApiError` for a refusal and `StoreUnavailable` for an outage.

    `at_us` returns microseconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        streams: Streams,
        writer: Writer,
        *,
        at_us: Callable[[], int],
        replay_us: int,
    ) -> None:
        self._store = store
        self._calls = calls = StoreCalls(store)
        self._streams = streams
        self._writer = writer
        self._at_us = at_us
        self._definitions = DefinitionCache(store, calls)
        # Pictures take a core for seconds, so they wait for each other and never for, or before, the store.
        self._pictures = ThreadPoolExecutor(1, thread_name_prefix="icons")
        self._history = History(store, calls, streams.resync)
        self._etags = ETags(store, calls)
        self._events = Events(store, calls, broker, streams, at_us=at_us, replay_us=replay_us)
        self._authenticator = Authenticator(store.generation, lambda key: calls.read(partial(store.token, key)), at_us)

    async def close(self) -> None:
        """Return when everything that was begun is finished."""
        await self._writer.close()
        self._calls.close()
        self._pictures.shutdown()

    async def check_ready(self) -> None:
        """Return if the database answers; otherwise raise `StoreUnavailable` with the reason."""
        await self._calls.in_thread(self._store.ping)

    async def admit(self, route: Route, authorization: str, parameters: dict[str, str]) -> Admission:
        """Return who asks for what, if their token opens the route in this application."""
        caller = access.check_route(await self._authenticator.identify(authorization), route)
        names_one = "application_id" in parameters
        application_id = path_id(parameters, "application_id") if names_one else caller.application_id
        definitions = await self._definitions.get(application_id)
        access.check_application(caller, application_id, exists=definitions is not None)
        assert definitions is not None  # otherwise the line above has raised
        return Admission(caller, definitions, parameters, await self._history.current())

    # Who the caller is

    async def current_user(self, admission: Admission) -> bytes:
        """Return the player, or the application's bot, as JSON."""
        return msgspec.json.encode(identity.user(admission.caller, await self._application(admission)))

    async def authorization(self, admission: Admission) -> bytes:
        """Return what the caller's token is good for as JSON."""
        return msgspec.json.encode(identity.authorization(admission.caller, await self._application(admission)))

    async def application(self, admission: Admission) -> bytes:
        """Return the caller's application as JSON."""
        return msgspec.json.encode(identity.application(admission.caller, await self._application(admission)))

    def gateway(self) -> bytes:
        """Return where a bot would find the gateway as JSON."""
        return msgspec.json.encode(identity.gateway())

    async def _application(self, admission: Admission) -> Application:
        found = await self._calls.in_thread(self._store.application, admission.definitions.application_id)
        if found is None:
            raise ApiError.of(ErrorCode.UNKNOWN_APPLICATION)
        return found

    # The application's definitions

    def get_achievements(self, admission: Admission, shape: Shape) -> bytes:
        """Return all definitions as JSON."""
        return admission.definitions.all(shape)

    def get_achievement(self, admission: Admission, shape: Shape) -> bytes:
        """Return one definition as JSON."""
        return admission.definitions.one(_achievement(admission), shape)

    async def create_achievement(self, admission: Admission, data: object, shape: Shape) -> bytes:
        """Define an achievement and return it as JSON."""
        change, icon = await self._decoded(decode_creation, data)
        created = Achievement(
            application_id=admission.definitions.application_id,
            id=self._new_id(),
            icon_hash=(icon or default_icon()).icon_hash,
            **change.fields,
        )
        try:
            await self._calls.in_thread(self._store.add_achievement, created, icon)
        except TooManyAchievements as exc:
            raise ApiError.of(ErrorCode.TOO_MANY_ACHIEVEMENTS) from exc
        return admission.definitions.one(created, shape)

    def _new_id(self) -> int:
        try:
            return make_snowflake(self._at_us(), secrets.randbits(22))
        except ClockError as exc:
            _log.error("no achievement can be created: %s", exc)
            raise ApiError(503, 0, f"The id cannot be made: {exc}", retry_after_s=_CLOCK_RETRY_S) from exc

    async def update_achievement(self, admission: Admission, data: object, shape: Shape) -> bytes:
        """Change the given fields of a definition and return it as JSON."""
        achievement = _achievement(admission)
        change, icon = await self._decoded(decode_change, data)
        fields = dict(change.fields)
        if change.icon is not Left.ALONE:
            fields["icon_hash"] = (icon or default_icon()).icon_hash
        changed = await self._calls.in_thread(
            self._store.change_achievement,
            achievement.application_id,
            achievement.id,
            lambda before: replace(before, **fields),
            icon,
        )
        if changed is None:
            raise ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT)
        return Definitions(changed.application_id, [changed]).one(changed, shape)

    async def delete_achievement(self, admission: Admission) -> None:
        """Delete a definition and all progress on it."""
        achievement = _achievement(admission)
        if not await self._calls.in_thread(self._store.delete_achievement, achievement.application_id, achievement.id):
            raise ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT)

    async def icon(self, application_id: int, achievement_id: int, icon_hash: str, extension: str) -> tuple[str, bytes]:
        """Return media type and bytes of an icon, converted to the type that the extension stands for.

        Icons are public: a client that knows the hash has seen the achievement. The default icon is served for every
        id, even one without an achievement: everybody knows its hash, so it must not reveal which ids exist.
        """
        media_type = EXTENSIONS.get(extension)
        if media_type is None or not _ICON_HASH.fullmatch(icon_hash):
            raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)
        stored: Icon | None = default_icon()
        if stored is not None and stored.icon_hash != icon_hash:
            stored = await self._calls.in_thread(self._store.icon, application_id, achievement_id, icon_hash)
        if stored is None:
            raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)
        if media_type == stored.media_type:
            return media_type, stored.content
        return media_type, await self._about_pictures(converted, stored, media_type)

    async def _about_pictures(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pictures, partial(function, *arguments))

    async def _decoded(
        self, decode: Callable[[object, FieldErrors], Change], data: object
    ) -> tuple[Change, Icon | None]:
        """Return the change that `data` asks for, and its icon verified; all mistakes are reported together."""
        errors = FieldErrors()
        change, icon = decode(data, errors), None
        if isinstance(change.icon, bytes):
            try:
                icon = await self._about_pictures(verify, change.icon)
            except ApiError as exc:
                errors.include(exc)
        if error := errors.error():
            raise error
        return change, icon

    # The player's progress

    def update_target(self, admission: Admission) -> Target:
        """Return the progress that the caller may update."""
        return access.update_target(admission.caller, admission.definitions.achievements, admission.parameters)

    async def update_user_achievement(self, admission: Admission, target: Target, data: object, shape: Shape) -> bytes:
        """Raise a player's progress and return the answer's body.

        A player's token that names `@me` gets the superset object, everybody else `{}`, as Discord documents it.
        """
        user_id, achievement, _ = target
        percent, age_s = wire.decode_update(data)
        key = Key(achievement.application_id, user_id, achievement.id)
        written = await self._write(achievement, Raise(key, percent, age_s))
        held = written.after or NOTHING_HELD
        if target.is_shown(held.progress):
            return admission.definitions.superset(achievement, user_id, held, shape)
        return b"{}"

    async def reset_user_achievement(self, admission: Admission) -> None:
        """Reset a player's progress to 0."""
        user_id = path_id(admission.parameters, "user_id")
        achievement = _achievement(admission)
        key = Key(achievement.application_id, user_id, achievement.id)
        await self._write(achievement, Reset(key))

    async def _write(self, achievement: Achievement, write: Write) -> Written:
        try:
            return await self._writer.write(write, partial(self._events.announce, achievement, write.key))
        except AchievementDeleted as exc:
            raise ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT) from exc

    async def get_user_achievements(self, admission: Admission, shape: Shape, *, started: bool, since: str) -> Listed:
        """Return the player's own list, or what has changed in it if `since` is the cursor of an earlier answer."""
        user_id, definitions, history = access.player_of(admission.caller), admission.definitions, admission.history
        at_us = self._at_us()
        records = await self._calls.read(partial(self._store.records, definitions.application_id, user_id))
        etag = definitions.etag(user_id, records, shape, started=started)
        now = str(Cursor.of(definitions, history, user_id, records, at_us))
        cursor = Cursor.parse(since)
        changed = None if cursor is None else cursor.changed(definitions, history, user_id, records, at_us)
        if changed is None:
            body = definitions.player_list(user_id, records, shape, started=started)
        else:
            body = definitions.records(user_id, {id_: records[id_] for id_ in changed}, shape)
        return Listed(body, etag, now, changed is None)

    def current_etag(self, admission: Admission, shape: Shape, *, started: bool) -> Awaitable[str]:
        """Return the `ETag` of the player's own list, usually without reading the list."""
        user_id = access.player_of(admission.caller)
        return self._etags.get(admission.definitions, admission.history, user_id, shape, started=started)

    async def get_player_achievements(self, admission: Admission, shape: Shape, *, started: bool) -> bytes:
        """Return any player's list for the application's bot as JSON, hidden achievements included."""
        user_id, definitions = path_id(admission.parameters, "user_id"), admission.definitions
        records = await self._calls.read(partial(self._store.records, definitions.application_id, user_id))
        return definitions.player_list(user_id, records, shape, started=started, hidden=True)

    # The player's events

    def stream_limit(self, admission: Admission) -> LimitState:
        """Return how many more streams the player may open; refuses if the process has as many as it may have."""
        if self._streams.is_full:
            raise ApiError.of(ErrorCode.UNAVAILABLE, retry_after_s=_STREAM_FULL_RETRY_S)
        return LimitState(self._streams.per_player, self._streams.left(_player(admission)), _STREAM_FULL_RETRY_S, "")

    async def open_stream(self, admission: Admission, send: SendBody, last_event_id: str) -> Stream:
        """Open a stream of the player's events, which ends with the caller's token."""
        return await self._events.open(
            _player(admission),
            admission.definitions.achievements,
            send,
            expires_at_us=admission.caller.expires_at_us,
            last_event_id=last_event_id,
        )

    async def close_stream(self, stream: Stream) -> None:
        """Forget a stream whose client has disconnected."""
        await self._events.close(stream)


def _achievement(admission: Admission) -> Achievement:
    return access.known_achievement(admission.definitions.achievements, admission.parameters)


def _player(admission: Admission) -> Player:
    return Player(admission.definitions.application_id, access.player_of(admission.caller))
