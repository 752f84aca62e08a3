"""Puts a worker together for a manager: the one place where the game's side meets the worker's parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from ..disk.storage import Storage
from ..net.api import Api
from ..net.event_stream import OpenReader, ThreadReader
from ..net.transport import Transport
from ..options import Options
from .conversation import Service
from .courier import Courier, ThreadCourier
from .engine import Engine
from .schedule import Schedule
from .thread import Worker


def new_worker(
    options: Options,
    storage: Storage,
    inbox: SimpleQueue[object],
    to_game: deque[object],
    post: Callable[[object], None],
    courier: Courier | None = None,
    open_reader: OpenReader = ThreadReader,
) -> Worker:
    """Return a worker, not started; `post` puts its messages into `to_game`. **Blocks** for the disk.

    `courier` and `open_reader` replace the threads that wait for the service.
    """
    base_url, catalogue = options.base_url, options.catalogue
    service = None
    if base_url is not None:
        storage.use_service(base_url)
        service = Service(
            Api(options.application_id, base_url, options.timeout_s),
            options.transport or _default_transport(),
            courier or ThreadCourier(inbox.put),
            Schedule(options.clock.now(), patience_s=options.timeout_s, has_worked=storage.answered),
            open_reader,
        )
    if catalogue is not None and (base_url is None or not storage.answered):
        storage.define(entry.achievement for entry in catalogue.entries)
    engine = Engine(
        storage,
        options.clock,
        options.credentials,
        service,
        to_game=post,
        undelivered=to_game.__len__,
        to_worker=inbox.put,
    )
    return Worker(engine, inbox, to_game, options.clock)


def _default_transport() -> Transport:
    # Importing requests takes long enough to be seen, so it happens in the constructor and not during play.
    from ..net.requests_transport import RequestsTransport

    return RequestsTransport()
