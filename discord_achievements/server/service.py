"""What each route does, and who may do it; without HTTP.

Who may ask. A bot speaks for its application and for nobody else's. A player's token speaks for that player in one
application: it reads the player's own list and stream, and raises the player's own progress, but not on achievements
that are `secure`, which only the game's server grants. A token of the client credentials grant speaks for no player.
Whether an application exists is told only to those who have a token.

What is hidden. A secret achievement that a player has not unlocked does not exist for that player: it is in no list,
its events go out at 100 only, and the answer to an update of it, which the game made knowing its id, is empty.

What still tells its id from one that does not exist, to somebody who has the id already: an update of it, since games
have to make them (200, or 403 where it is `secure` too, instead of 404), and its icon at the hash of that very picture.
Ids cannot be found by trying: 22 bits of one are random, for each millisecond in which it may have been made, and a
player has five updates in 5 s. All other answers are the same for both ids, and are made by the same look-ups, so that
they take the same time.
"""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

from ..domain import access, wire
from ..domain.access import Caller, Target
from ..domain.definition import Change, Left, decode_change, decode_creation
from ..domain.errors import ApiError, ErrorCode
from ..domain.models import Achievement
from ..domain.ratelimit import LimitState
from ..domain.routes import Route, path_id
from ..domain.snowflake import make_snowflake
from ..domain.wire import Record, Shape
from .auth import Authenticator
from .broker import Broker, Notice, Player
from .definitions import NOTHING_HELD, Game
from .icons import EXTENSIONS, default_icon, verify
from .stores.base import Held, Icon, Key, Raise, RecordsVersion, Reset, Store, TooManyAchievements, Written
from .streams import SendBody, Stream, Streams
from .writer import Writer

T = TypeVar("T")

_ICON_HASH = re.compile("[0-9a-f]{32}")
_GAMES_MAX = 200
_ETAGS_MAX = 20_000
_CLOCK_SKEW_US = 60_000_000  # how far the clocks of two hosts may differ; commits are out of order by less
_REPLAY_MAX = 100  # missed events; a list costs less than more of them, and they fill a tenth of a stream's buffer
_STREAM_FULL_RETRY_S = 5.0


class Admission(NamedTuple):
    """A request that may proceed: who asks, in which game, and the path's other parameters."""

    caller: Caller
    game: Game
    parameters: dict[str, str]


class Service:
    """Belongs to the event loop. All methods raise `ApiError` for what is refused, `StoreUnavailable` for outages.

    `at_us` gives the time in microseconds since the epoch.
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
        self._broker = broker
        self._streams = streams
        self._writer = writer
        self._at_us = at_us
        self._replay_us = replay_us
        self._games: dict[int, tuple[int, Game]] = {}
        self._loading: dict[int, tuple[int, asyncio.Task[Game | None]]] = {}
        self._etags: dict[tuple[int, int, Shape, bool], tuple[int, RecordsVersion, str]] = {}
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="store")
        self._authenticator = Authenticator(store.generation, lambda key: self._read(partial(store.token, key)), at_us)

    async def close(self) -> None:
        """Return when what was begun is finished."""
        await self._writer.close()
        self._threads.shutdown()

    async def is_ready(self) -> bool:
        """Tell whether the database answers; raises `StoreUnavailable` where it says why not."""
        await self._in_thread(self._store.ping)
        return True

    # Who may ask

    async def admit(self, route: Route, authorization: str, parameters: dict[str, str]) -> Admission:
        """Return who asks for what, if they may."""
        caller = access.check_route(await self._authenticator.identify(authorization), route)
        application_id = path_id(parameters, "application_id")
        game = await self._game(application_id)
        access.check_application(caller, application_id, exists=game is not None)
        assert game is not None  # or the line above has raised
        return Admission(caller, game, parameters)

    # The game's definitions

    def get_achievements(self, admission: Admission, shape: Shape) -> bytes:
        """Return all definitions as JSON."""
        return admission.game.definitions(shape)

    def get_achievement(self, admission: Admission, shape: Shape) -> bytes:
        """Return one definition as JSON."""
        return admission.game.definition(_known(admission), shape)

    async def create_achievement(self, admission: Admission, data: object, shape: Shape) -> bytes:
        """Define an achievement and return it as JSON."""
        change = decode_creation(data)
        icon = await self._verified(change)
        created = Achievement(
            application_id=admission.game.application_id,
            id=make_snowflake(self._at_us(), secrets.randbits(22)),
            icon_hash=(icon or default_icon()).icon_hash,
            **change.fields,
        )
        try:
            await self._in_thread(self._store.add_achievement, created, icon)
        except TooManyAchievements as exc:
            raise ApiError.of(ErrorCode.TOO_MANY_ACHIEVEMENTS) from exc
        return admission.game.definition(created, shape)

    async def update_achievement(self, admission: Admission, data: object, shape: Shape) -> bytes:
        """Change what `data` mentions of a definition, and return it as JSON."""
        achievement = _known(admission)
        change = decode_change(data)
        fields = dict(change.fields)
        icon = await self._verified(change)
        if change.icon is not Left.ALONE:
            fields["icon_hash"] = (icon or default_icon()).icon_hash
        changed = await self._in_thread(
            self._store.change_achievement,
            achievement.application_id,
            achievement.id,
            lambda before: replace(before, **fields),
            icon,
        )
        if changed is None:
            raise ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT)
        return Game(changed.application_id, [changed]).definition(changed, shape)

    async def delete_achievement(self, admission: Admission) -> None:
        """Delete a definition and all progress on it."""
        achievement = _known(admission)
        if not await self._in_thread(self._store.delete_achievement, achievement.application_id, achievement.id):
            raise ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT)

    async def icon(self, application_id: int, achievement_id: int, icon_hash: str, extension: str) -> tuple[str, bytes]:
        """Return media type and bytes of an icon. Icons are public; who knows the hash has seen the achievement.

        The default icon is at every achievement's address, also where there is no such achievement: its hash is known
        to all, so that it must not tell which ids exist.
        """
        media_type = EXTENSIONS.get(extension)
        if media_type is None or not _ICON_HASH.fullmatch(icon_hash):
            raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)
        stored: Icon | None = default_icon()
        if stored is not None and stored.icon_hash != icon_hash:
            stored = await self._in_thread(self._store.icon, application_id, achievement_id, icon_hash)
        if stored is not None and media_type == stored.media_type:
            return media_type, stored.content
        if stored is not None and media_type == "image/png":
            return media_type, stored.png
        raise ApiError.of(ErrorCode.ROUTE_NOT_FOUND)

    # The player's progress

    def update_target(self, admission: Admission) -> Target:
        """Return which record the caller may update."""
        return access.update_target(admission.caller, admission.game.achievements, admission.parameters)

    async def update_user_achievement(self, admission: Admission, target: Target, data: object, shape: Shape) -> bytes:
        """Raise a player's progress, and return the answer's body.

        A player who names `@me` gets the superset object, everybody else `{}`, as Discord documents it.
        """
        user_id, achievement, _ = target
        percent, age_s = wire.decode_update(data)
        key = Key(admission.game.application_id, user_id, achievement.id)
        written = await self._writer.write(Raise(key, percent, age_s), partial(self._announce, achievement, key))
        held = written.after or NOTHING_HELD
        if target.is_shown(held.progress):
            return admission.game.superset(achievement, user_id, held, shape)
        return b"{}"

    async def reset_user_achievement(self, admission: Admission) -> None:
        """Take a player's progress away."""
        user_id = path_id(admission.parameters, "user_id")
        achievement = _known(admission)
        key = Key(admission.game.application_id, user_id, achievement.id)
        await self._writer.write(Reset(key), partial(self._announce, achievement, key))

    async def records(self, admission: Admission) -> tuple[int, dict[int, Held]]:
        """Return who the player is, and what is recorded of them in this game."""
        user_id = access.player_of(admission.caller)
        application_id = admission.game.application_id
        return user_id, await self._read(partial(self._store.records, application_id, user_id))

    async def etag(self, admission: Admission, shape: Shape, *, started: bool) -> str:
        """Return the tag of the player's list, as `Game.etag` makes it.

        It is remembered, so that asking whether there is news costs the same however many records there are. Any
        process may write them: what is remembered holds for one version of the records and one of the definitions.
        """
        user_id = access.player_of(admission.caller)
        game = admission.game
        asked = (game.application_id, user_id, shape, started)
        # Read before the records, so a tag may be newer than its version, which the next look then finds changed.
        version = await self._read(partial(self._store.records_version, game.application_id, user_id))
        remembered = self._etags.get(asked)
        if remembered is not None and remembered[:2] == (game.serial, version):
            return remembered[2]
        _, records = await self.records(admission)
        etag = game.etag(user_id, records, shape, started=started)
        self._etags.pop(asked, None)
        if len(self._etags) >= _ETAGS_MAX:
            del self._etags[next(iter(self._etags))]
        self._etags[asked] = (game.serial, version, etag)
        return etag

    async def get_player_achievements(self, admission: Admission, shape: Shape, *, started: bool) -> bytes:
        """Return a player's list for the game's server as JSON, hidden achievements included."""
        user_id = path_id(admission.parameters, "user_id")
        game = admission.game
        records = await self._read(partial(self._store.records, game.application_id, user_id))
        return game.player_list(user_id, records, shape, started=started, hidden=True)

    # Events

    def player(self, admission: Admission) -> Player:
        """Return whose stream is asked for, if this process may have one more."""
        if self._streams.is_full:
            raise ApiError.of(ErrorCode.UNAVAILABLE, retry_after_s=_STREAM_FULL_RETRY_S)
        return Player(admission.game.application_id, access.player_of(admission.caller))

    def stream_limit(self, player: Player) -> LimitState:
        """Return how many more streams this player may open."""
        return LimitState(self._streams.per_player, self._streams.left(player), _STREAM_FULL_RETRY_S, "")

    async def open_stream(self, admission: Admission, player: Player, send: SendBody, last_event_id: str) -> Stream:
        """Open a stream, which ends with the caller's token; what `last_event_id` has missed goes first."""
        expires_at_us = admission.caller.expires_at_us
        lasts_s = math.inf if expires_at_us is None else (expires_at_us - self._at_us()) / 1_000_000
        stream = self._streams.open(player, send, lasts_s)
        try:
            await self._broker.subscribe(player)
            # From here on nothing new is missed, so what is older can be looked up.
            if last_event_id:
                for event in await self._missed(admission, last_event_id):
                    stream.push(event)
        except BaseException:
            await self.close_stream(stream)
            raise
        return stream

    async def close_stream(self, stream: Stream) -> None:
        """Forget a stream whose client is gone."""
        if self._streams.close(stream):
            await self._broker.unsubscribe(stream.player)

    async def _missed(self, admission: Admission, last_event_id: str) -> list[bytes]:
        """Return the events since `last_event_id`, which is the time of the last change that the client has heard of.

        There is no log of events: what has changed since then is in the records themselves, whichever process wrote
        them. Clocks of two hosts differ and commits may be out of order by a little, so a little is told twice. Very
        much, and what an event could not tell, is one `RESYNC`.
        """
        at_us = self._at_us()
        digits = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18
        since_us = int(last_event_id) if digits else 0
        if not at_us - self._replay_us <= since_us <= at_us + _CLOCK_SKEW_US:
            return [resync_event(at_us)]
        user_id, records = await self.records(admission)
        changed = sorted(
            (
                (achievement, held)
                for achievement_id, held in records.items()
                if held.changed_at_us > since_us - _CLOCK_SKEW_US
                and (achievement := admission.game.achievements.get(achievement_id))
            ),
            key=lambda entry: entry[1].changed_at_us,
        )
        events = [(access.missed_event(achievement, held.progress), achievement, held) for achievement, held in changed]
        visible = [(achievement, held) for event, achievement, held in events if event == wire.USER_ACHIEVEMENT_UPDATE]
        if len(visible) > _REPLAY_MAX or any(event == wire.RESYNC for event, *_ in events):
            return [resync_event(at_us)]
        return [_event(admission.game.application_id, user_id, achievement.id, held) for achievement, held in visible]

    def _announce(self, achievement: Achievement, key: Key, written: Written) -> None:
        """Publish the event of a committed change, if it is one that the player may hear of."""
        before, after = written.before or NOTHING_HELD, written.after or NOTHING_HELD
        name = access.event_of(achievement, before.progress, after.progress)
        if name is None:
            return
        if name == wire.RESYNC:
            event = resync_event(after.changed_at_us)
        else:
            event = _event(key.application_id, key.user_id, key.achievement_id, after)
        self._broker.publish([Notice(Player(key.application_id, key.user_id), event)])

    # Reading

    async def _game(self, application_id: int) -> Game | None:
        """Return an application's definitions, None where there is no such application."""
        generation = self._store.generation()
        known = self._games.get(application_id)
        if known is not None and known[0] == generation:
            return known[1]
        # All that wait for one game share one look, as long as it began with what is the newest still.
        loading = self._loading.get(application_id)
        if loading is None or loading[0] != generation:
            task = asyncio.create_task(self._load(application_id, generation))
            task.add_done_callback(partial(self._loaded, application_id))
            loading = self._loading[application_id] = (generation, task)
        return await asyncio.shield(loading[1])

    def _loaded(self, application_id: int, task: asyncio.Task[Game | None]) -> None:
        if self._loading.get(application_id, (0, None))[1] is task:
            del self._loading[application_id]
        if not task.cancelled():
            task.exception()  # which those who wait raise; if nobody does any more, it is none of anybody's business

    async def _load(self, application_id: int, generation: int) -> Game | None:
        """Read an application's definitions; keep the ones that are known, with all that was made of them, if equal."""
        if await self._in_thread(self._store.application, application_id) is None:
            self._games.pop(application_id, None)
            return None
        game = Game(application_id, await self._in_thread(self._store.achievements, application_id))
        known = self._games.get(application_id)
        if known is not None and known[1].achievements == game.achievements:
            game = known[1]
        if len(self._games) >= _GAMES_MAX:
            self._games.clear()
        self._games[application_id] = (generation, game)  # of before the read, so never too new
        return game

    async def _verified(self, change: Change) -> Icon | None:
        if change.icon is None or isinstance(change.icon, Left):
            return None
        return await self._in_thread(verify, change.icon)

    async def _read(self, read: Callable[[], T]) -> T:
        return read() if self._store.reads_at_once else await self._in_thread(read)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *arguments))


def resync_event(at_us: int) -> bytes:
    """Return the event that has a client fetch its list."""
    return wire.format_event(at_us, wire.RESYNC, {})


def _known(admission: Admission) -> Achievement:
    return access.known_achievement(admission.game.achievements, admission.parameters)


def _event(application_id: int, user_id: int, achievement_id: int, held: Held) -> bytes:
    record = Record(achievement_id, user_id, held.progress, held.revision, None)
    data = wire.encode_event(application_id, user_id, record)
    return wire.format_event(held.changed_at_us, wire.USER_ACHIEVEMENT_UPDATE, data)
