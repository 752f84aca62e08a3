"""Puts the service together from its settings, as one ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from ...domain import wire
from ...domain.errors import ConfigurationError
from ...domain.ratelimit import LimitState, write_headers
from ..broker import Broker, ProcessBroker
from ..dsn import is_postgresql, redacted, sqlite_path
from ..events import resync_event
from ..limiter import Limiter, ProcessLimiter
from ..metrics import Metrics, State
from ..outage_log import OutageLog
from ..service import Service
from ..settings import Settings
from ..stores.base import Store
from ..streams import Streams
from ..time_limit import TimeLimit
from ..writer import Writer
from .api import Api
from .asgi import ASGIApp, Receive, Scope, Send
from .call import Bounds
from .ops import create_ops

if TYPE_CHECKING:
    from redis.asyncio import Redis

_REDIS_TIMEOUT_S = 0.5
_COUNT_S = 1.0


def open_store(database: str) -> Store:
    """Open the database at a URL. **Blocks**; raises `StoreUnavailable` and `ConfigurationError`."""
    if is_postgresql(database):
        try:
            from ..postgres.store import PostgresStore
        except ImportError as exc:
            raise ConfigurationError('PostgreSQL needs a driver: pip install "discord-achievements[postgres]"') from exc
        return PostgresStore(database)
    from ..stores.sqlite import SqliteStore

    try:
        path = sqlite_path(database)
    except ValueError as exc:
        raise ConfigurationError(f"the database: expected {exc}, got {redacted(database)!r}") from None
    return SqliteStore(path)


def _at_us() -> int:
    return time.time_ns() // 1000


class App:
    """The whole service as an ASGI application; takes over `store`, which it closes at its end.

    `at_us` returns microseconds since the epoch.
    """

    def __init__(self, store: Store, settings: Settings, *, at_us: Callable[[], int] = _at_us) -> None:
        self._store = store
        self._streams = Streams(
            time.monotonic,
            lambda: resync_event(at_us()),
            per_player=settings.streams_per_user,
            total=settings.streams_total,
            comment_every_s=settings.stream_comment_s,
            resync_every_s=settings.stream_resync_s,
        )
        self._broker = _broker(settings)
        self._limiter = _limiter(settings)
        self._writer = Writer(store, at_us, batch_max=settings.write_batch_max, waiting_max=settings.writes_waiting_max)
        self._service = Service(
            store, self._broker, self._streams, self._writer, at_us=at_us, replay_us=int(settings.replay_s * 1e6)
        )
        self._metrics = Metrics()
        outage_log = OutageLog(time.monotonic)
        self._api: ASGIApp = Api(
            self._service,
            self._limiter,
            self._metrics,
            outage_log,
            limits=settings.limits(),
            bounds=Bounds(settings.max_body_bytes, TimeLimit(settings.body_timeout_s)),
            now=time.monotonic,
            at_s=time.time,
        )
        ops: ASGIApp = create_ops(self._service, outage_log, self._metrics_text if settings.metrics else None)
        if origins := settings.origins():
            self._api, ops = _with_cors(self._api, origins), _with_cors(ops, origins)
        self._ops = ops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path.startswith("/api/") or path == "/api":
                await self._api(scope, receive, send)
            else:  # tolerating a trailing slash, as the API does
                await self._ops({**scope, "path": path.removesuffix("/")}, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    def end_streams(self) -> None:
        """End all event streams so that the server can stop; their clients connect to another process."""
        self._streams.end_all()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._broker.start(self._streams.deliver, self._streams.resync)
        tasks = [asyncio.create_task(self._streams.keep()), asyncio.create_task(self._count())]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._service.close()
        await self._broker.close()
        await self._limiter.close()
        await asyncio.to_thread(self._store.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _count(self) -> None:
        """Pass on what was counted, until cancelled: with several workers, the one that is asked reports for all."""
        while True:
            await asyncio.sleep(_COUNT_S)
            self._flush_metrics()

    def _flush_metrics(self) -> None:
        writer = self._writer
        self._metrics.flush(
            State(
                streams=len(self._streams),
                waiting=writer.waiting,
                committed=writer.committed,
                batches=writer.batches,
                connected=self._broker.is_connected,
                connections=self._store.connections_in_use(),
            )
        )

    def _metrics_text(self) -> bytes:
        self._flush_metrics()
        return self._metrics.text()


def _broker(settings: Settings) -> Broker:
    if settings.redis:
        redis = _redis(settings)
        from ..redis.broker import RedisBroker

        return RedisBroker(redis)
    if is_postgresql(settings.database):
        from ..postgres.broker import NotifyBroker

        return NotifyBroker(settings.database)
    return ProcessBroker()


def _limiter(settings: Settings) -> Limiter:
    if settings.redis:
        redis = _redis(settings)
        from ..redis.limiter import RedisLimiter

        return RedisLimiter(redis, time.monotonic)
    return ProcessLimiter(time.monotonic)


def _redis(settings: Settings) -> Redis:
    try:
        from redis.asyncio import Redis
    except ImportError as exc:
        raise ConfigurationError('Redis needs a client: pip install "discord-achievements[redis]"') from exc
    try:
        return Redis.from_url(
            settings.redis,
            socket_connect_timeout=_REDIS_TIMEOUT_S,
            socket_timeout=_REDIS_TIMEOUT_S,
            socket_keepalive=True,
            health_check_interval=10,
        )
    except ValueError as exc:
        raise ConfigurationError(f"cannot use the URL of Redis: {redacted(settings.redis)!r}") from exc


def _with_cors(application: ASGIApp, origins: list[str]) -> ASGIApp:
    return CORSMiddleware(
        application,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "If-None-Match",
            "Last-Event-ID",
            "Cache-Control",
            "X-Audit-Log-Reason",  # which clients written for Discord may send with changes; it is not kept
        ],
        expose_headers=[
            "ETag",
            "Retry-After",
            "X-RateLimit-Scope",
            wire.CURSOR_HEADER,
            wire.HISTORY_HEADER,
            wire.SINCE_HEADER,
            *write_headers(LimitState(0, 0, 0.0, ""), 0.0),
        ],
        max_age=600,
    )
