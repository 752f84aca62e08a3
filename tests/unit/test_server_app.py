"""The service as an ASGI application, on stores that the tests control."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.models import Achievement
from discord_achievements.server.auth import mint
from discord_achievements.server.settings import Settings
from discord_achievements.server.stores.base import (
    Application,
    Held,
    Key,
    Raise,
    RecordsVersion,
    StoreUnavailable,
)
from discord_achievements.server.stores.memory import MemoryStore
from discord_achievements.server.web.app import App
from discord_achievements.server.web.asgi import Message
from tests.support.running import APP

PLAYER = 5
WIN = 1001
LIST = f"/api/v10/users/@me/applications/{APP}/achievements"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Service:
    """The ASGI application and the tokens of a bot and a player; `store` may misbehave."""

    def __init__(
        self, store: MemoryStore, *, at_us: Callable[[], int] = lambda: time.time_ns() // 1000, **settings: Any
    ) -> None:
        self.store = store
        self.app = App(store, Settings(**settings), at_us=at_us)
        bot, player = mint(TokenKind.BOT, APP, None, 0), mint(TokenKind.BEARER, APP, PLAYER, 0)
        store.add_application(Application(APP, "A Game", 0), bot.token)
        store.add_token(player.token)
        store.add_achievement(Achievement(APP, WIN, "Win", "You won."), None)
        self.bot, self.player = f"Bot {bot.text}", f"Bearer {player.text}"

    async def call(
        self,
        method: str,
        path: str,
        authorization: str,
        lines: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        """Return the whole answer; `lines` are headers whose names may repeat."""
        given = [("authorization", authorization), *headers.items(), *lines]
        scope = {
            "type": "http", "method": method, "path": path, "query_string": b"",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given],
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
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def test_a_stream_whose_missed_events_cannot_be_read_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    class Away(MemoryStore):
        def records(self, application_id: int, user_id: int) -> dict[int, Held]:
            raise StoreUnavailable("unreachable")

    async def scene() -> None:
        service = Service(Away(), streams_per_user=1)
        seen = str(time.time_ns() // 1000)
        for _ in range(3):
            answer = await service.call("GET", f"{LIST}/events", service.player, last_event_id=seen)
            assert answer.status == 503, "it is refused and frees its place"
            assert answer.headers["retry-after"] == "1"

    play(scene)
    assert not [record for record in caplog.records if record.exc_info]


class Counting(MemoryStore):
    """Counts reads."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = self.definitions = 0

    def records(self, application_id: int, user_id: int) -> dict[int, Held]:
        self.lists += 1
        return super().records(application_id, user_id)

    def records_version(self, application_id: int, user_id: int) -> RecordsVersion:
        held = super().records(application_id, user_id).values()
        revisions = sum(record.revision for record in held)
        return RecordsVersion(len(held), revisions, max((record.changed_at_us for record in held), default=0))

    def achievements(self, application_id: int) -> list[Achievement]:
        self.definitions += 1
        return super().achievements(application_id)


def test_a_poll_without_news_reads_no_records() -> None:
    async def scene() -> None:
        store = Counting()
        service = Service(store, rate_limits="off")
        etag = (await service.call("GET", LIST, service.player)).headers["etag"]
        assert (await service.call("GET", LIST, service.player, if_none_match=etag)).status == 304
        store.lists = 0
        for _ in range(5):
            assert (await service.call("GET", LIST, service.player, if_none_match=etag)).status == 304
        assert store.lists == 0
        store.write([Raise(Key(APP, PLAYER, WIN), 50, 0)], 1)  # as another process would
        news = await service.call("GET", LIST, service.player, if_none_match=etag)
        assert (news.status, news.headers["etag"] == etag) == (200, False)
        shapes = await service.call("GET", LIST.replace("v10", "v9"), service.player, if_none_match=etag)
        assert shapes.status == 200
        tags = {news.headers["etag"], shapes.headers["etag"]}
        store.change_achievement(APP, WIN, lambda before: replace(before, name="Won"), None)
        again = await service.call("GET", LIST, service.player, if_none_match=", ".join(tags))
        assert again.status == 200, "the definitions count too"

    play(scene)


def test_a_request_beyond_the_limit_reads_no_records() -> None:
    async def scene() -> None:
        store = Counting()
        service = Service(store)
        statuses = [(await service.call("GET", LIST, service.player)).status for _ in range(5)]
        assert statuses == [200, 200, 429, 429, 429]
        assert store.lists == 2

    play(scene)


def test_requests_that_wait_for_the_same_definitions_share_one_read() -> None:
    async def scene() -> None:
        store = Counting()
        service = Service(store, rate_limits="off")
        for looks in (1, 2):
            calls = [service.call("GET", LIST, service.player) for _ in range(20)]
            assert {answer.status for answer in await asyncio.gather(*calls)} == {200}
            assert store.definitions == looks
            store.add_achievement(Achievement(APP, WIN + looks, "Another", "One."), None)
        assert b"Another" in (await service.call("GET", LIST, service.player)).body

    play(scene)


def test_header_lines_as_rfc_9110_has_them() -> None:
    async def scene() -> None:
        service = Service(MemoryStore(), rate_limits="off")
        for authorization in (f"{service.player} \t", service.player.replace("Bearer ", "bearer  ")):
            assert (await service.call("GET", LIST, authorization)).status == 200
        etag = (await service.call("GET", LIST, service.player)).headers["etag"]
        # Two header lines with the same name are one list.
        lines = [("if-none-match", etag), ("if-none-match", '"another"')]
        assert (await service.call("GET", LIST, service.player, lines=lines)).status == 304
        assert (await service.call("GET", LIST, service.player, lines=lines[::-1])).status == 304

    play(scene)


@pytest.mark.parametrize(("user", "achievement", "status"), [("6", WIN, 403), ("@me", 1002, 404), ("x", WIN, 400)])
def test_an_update_that_is_not_allowed_is_refused_before_its_body_is_read(
    user: str, achievement: int, status: int
) -> None:
    async def scene() -> None:
        service = Service(MemoryStore())
        sent: list[Message] = []

        async def receive() -> Message:
            raise AssertionError("the body must not be read")

        async def send(message: Message) -> None:
            sent.append(message)

        path = f"/api/v10/users/{user}/applications/{APP}/achievements/{achievement}"
        headers = [(b"authorization", service.player.encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "PUT", "path": path, "query_string": b"", "headers": headers}
        await asyncio.wait_for(service.app(scope, receive, send), 20)
        assert sent[0]["status"] == status

    play(scene)


def test_a_body_that_is_still_awaited_when_the_server_ends_is_503(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        service = Service(MemoryStore())
        awaited = asyncio.Event()
        sent: list[Message] = []

        async def receive() -> Message:
            awaited.set()
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

        async def send(message: Message) -> None:
            sent.append(message)

        headers = [(b"authorization", service.bot.encode()), (b"content-type", b"application/json")]
        path = f"/api/v10/applications/{APP}/achievements"
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        request = asyncio.create_task(service.app(scope, receive, send))
        await asyncio.wait_for(awaited.wait(), 20)
        request.cancel()  # as uvicorn does when its time for stopping is over
        await asyncio.wait_for(request, 20)
        assert sent[0]["status"] == 503

    play(scene)
    assert not [record for record in caplog.records if record.exc_info]


def test_a_clock_that_must_be_wrong_is_named_until_it_is_set(caplog: pytest.LogCaptureFixture) -> None:
    """A board without a battery boots in 1970."""
    now_us = [0]

    async def scene() -> None:
        service = Service(MemoryStore(), at_us=lambda: now_us[0])
        path = f"/api/v10/applications/{APP}/achievements"
        body = json.dumps({"name": "N", "description": "D"}).encode()

        async def create() -> Answer:
            return await service.call("POST", path, service.bot, body=body, content_type="application/json")

        for wrong in (0, 10**16):
            now_us[0] = wrong
            refused = await create()
            assert refused.status == 503
            assert refused.headers["retry-after"] == "60"
            assert "the clock says" in json.loads(refused.body)["message"]
        now_us[0] = 1_800_000_000_000_000
        assert (await create()).status == 201
        assert len(service.store.achievements(APP)) == 2, "none was made in the meantime"

    play(scene)
    assert "the clock says 1970-01-01" in caplog.text
