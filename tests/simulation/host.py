"""The service's process: its start, its requests, its death. What the store holds outlives the process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from discord_achievements.client.net.transport import Request, Response
from discord_achievements.server.settings import Settings
from discord_achievements.server.stores.base import Store
from discord_achievements.server.web.app import App
from discord_achievements.server.web.asgi import Message

from .loop import Loop
from .time_and_chance import Time


class Handling:
    """One request that the service is handling.

    `answered` is called with the answer. With `part`, the answer is an event stream: `answered` gets its headers, and
    `part` each piece of the body, then None.
    """

    def __init__(
        self, request: Request, answered: Callable[[Response], None], part: Callable[[bytes | None], None] | None = None
    ) -> None:
        self.request = request
        self._answered = answered
        self._part = part
        self._head: Message | None = None
        self._body = b""
        self._incoming: deque[Message] = deque([{"type": "http.request", "body": request.body or b""}])
        self._came = asyncio.Event()

    def disconnect(self) -> None:
        """The client closes the connection."""
        self._incoming.append({"type": "http.disconnect"})
        self._came.set()

    async def receive(self) -> Message:
        while not self._incoming:
            self._came.clear()
            await self._came.wait()
        return self._incoming.popleft()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            if self._part is not None and message["status"] == 200:
                self._answered(self._response())
            return
        assert self._head is not None
        more = message.get("more_body", False)
        if self._part is not None and self._head["status"] == 200:
            if message.get("body"):
                self._part(message["body"])
            if not more:
                self._part(None)
            return
        self._body += message.get("body", b"")
        if not more:
            self._answered(self._response())

    def _response(self) -> Response:
        assert self._head is not None
        headers = {name.decode(): value.decode("latin-1") for name, value in self._head["headers"]}
        return Response(self._head["status"], headers, self._body)


class Host:
    """A machine with a store, on which the service runs from `start` to `kill`."""

    def __init__(self, time_: Time, settings: Settings, open_store: Callable[[], Store]) -> None:
        self._time = time_
        self._settings = settings
        self._open_store = open_store
        self._loop = Loop(time_)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_up = False
        self.kill_after: int | None = None
        self.deaths = 0
        self.troubles: list[str] = []

    @property
    def due_at(self) -> float:
        """When the service has work; infinite if only others can give it some."""
        return self._loop.due_at

    def start(self) -> None:
        """Start the service, unless it is running."""
        if self.is_up:
            return
        self._loop = Loop(self._time)
        self.store = self._open_store()
        self._app = App(self.store, self._settings, at_us=self._time.at_us)
        life: deque[Message] = deque([{"type": "lifespan.startup"}])

        async def receive() -> Message:
            return life.popleft() if life else await self._loop.create_future()

        self._begin(self._app({"type": "lifespan"}, receive, _ignore))
        self._loop.run()
        self.is_up = True

    def kill(self) -> None:
        """Kill the service between two callbacks of its loop."""
        self.kill_after = None
        if self.is_up:
            self.is_up = False
            self.deaths += 1
            self.troubles += self._loop.troubles
            for task in asyncio.all_tasks(self._loop):
                with suppress(RuntimeError):  # a `finally` of it awaits something
                    task.get_coro().close()
            self._loop = Loop(self._time)
            self.store.close()

    def handle(self, handling: Handling) -> None:
        """Take a request."""
        assert self.is_up
        url = urlsplit(handling.request.url)
        scope = {
            "type": "http",
            "method": handling.request.method,
            "path": unquote(url.path),
            "query_string": url.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in handling.request.headers.items()],
        }
        self._begin(self._app(scope, handling.receive, handling.send))

    def run(self) -> int:
        """Run what is due, up to the callback at which the service is killed; return the number of callbacks."""
        ran = self._loop.run(self.kill_after)
        if self.kill_after is not None:
            self.kill_after -= ran
            if self.kill_after <= 0:
                self.kill()
        return ran

    def _begin(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)  # a loop alone does not keep a task alive
        task.add_done_callback(self._tasks.discard)

    def all_troubles(self) -> list[str]:
        """Return the exceptions that no code of the service caught."""
        return self.troubles + self._loop.troubles


async def _ignore(message: Message) -> None:
    """Take the application's answer to its start, which says nothing of interest."""
