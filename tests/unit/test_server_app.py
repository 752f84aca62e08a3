"""The service as an ASGI application, on stores that tests have in their hands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import pytest

from discord_achievements.domain.models import Achievement
from discord_achievements.server.auth import mint
from discord_achievements.server.memory_store import MemoryStore
from discord_achievements.server.settings import Settings
from discord_achievements.server.store import Application, Held, StoreUnavailable, TokenKind
from discord_achievements.server.web.app import App
from discord_achievements.server.web.asgi import Message
from tests.running import APP

PLAYER = 5
WIN = 1001
LIST = f"/api/v10/users/@me/applications/{APP}/achievements"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Service:
    """The application with one player's token; `store` may misbehave."""

    def __init__(self, store: MemoryStore, **settings: Any) -> None:
        self.store = store
        self.app = App(store, Settings(**settings))
        bot, player = mint(TokenKind.BOT, APP, None, 0), mint(TokenKind.BEARER, APP, PLAYER, 0)
        store.add_application(Application(APP, "A Game", 0), bot.token)
        store.add_token(player.token)
        store.add_achievement(Achievement(APP, WIN, "Win", "You won."), None)
        self.bot, self.player = f"Bot {bot.text}", f"Bearer {player.text}"

    async def call(self, method: str, path: str, authorization: str, body: bytes = b"", **headers: str) -> Answer:
        """Return the whole answer; one that does not end is given up after what comes at once."""
        given = {"authorization": authorization, "content-type": "application/json", **headers}
        scope = {
            "type": "http", "method": method, "path": path, "query_string": b"",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        received = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if received:
                return received.pop()
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

        async def send(message: Message) -> None:
            sent.append(message)

        await asyncio.wait_for(self.app(scope, receive, send), 20)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def test_a_stream_whose_past_cannot_be_read_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    class Away(MemoryStore):
        def records(self, application_id: int, user_id: int) -> dict[int, Held]:
            raise StoreUnavailable("away")

    async def scene() -> None:
        service = Service(Away(), streams_per_user=1)
        seen = str(time.time_ns() // 1000)
        for _ in range(3):
            answer = await service.call("GET", f"{LIST}/events", service.player, last_event_id=seen)
            assert answer.status == 503, "it is refused, and gives its place back"
            assert answer.headers["retry-after"] == "1"

    play(scene)
    assert not [record for record in caplog.records if record.exc_info]
