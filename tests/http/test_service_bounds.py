"""One client cannot harm the others: limits, slow and greedy clients, the end of the process."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.models import Achievement
from discord_achievements.server.auth import mint
from discord_achievements.server.web.app import open_store
from tests.support.running import (
    APP,
    PLAYER,
    WIN,
    Client,
    RunningService,
    Tokens,
    add_achievement,
    definitions_path,
    mine_path,
    prepare,
    progress_path,
    running,
)
from tests.support.waiting import until

# Rate limits


@pytest.fixture(scope="module")
def limited(database: str, tokens: Tokens) -> Iterator[RunningService]:
    with running(database, rate_limits="") as service:
        yield service


def test_the_documented_limits(limited: RunningService, tokens: Tokens) -> None:
    with Client(limited.host, f"Bot {tokens.bot}") as bot:
        answers = [bot.get(definitions_path()) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
        for answer in answers:
            assert answer.headers["X-RateLimit-Limit"] == "5"
            after_s, at_s = (float(answer.headers[f"X-RateLimit-{name}"]) for name in ("Reset-After", "Reset"))
            assert 0 < after_s <= 5
            assert abs(at_s - time.time() - after_s) < 5
        assert len({answer.headers["X-RateLimit-Bucket"] for answer in answers}) == 1
        refused = answers[-1]
        assert refused.headers["X-RateLimit-Scope"] == "user"
        assert 1 <= int(refused.headers["Retry-After"]) <= 5
        body = refused.json()
        assert body.pop("retry_after") == pytest.approx(float(refused.headers["X-RateLimit-Reset-After"]), abs=0.01)
        assert body == {"message": "You are being rate limited.", "global": False}
        other_route = bot.get(definitions_path(WIN))
        assert other_route.status_code == 200
        assert other_route.headers["X-RateLimit-Bucket"] != refused.headers["X-RateLimit-Bucket"]


def test_a_players_list_is_2_in_5_s_and_304_is_free(limited: RunningService, tokens: Tokens) -> None:
    with (
        Client(limited.host, f"Bearer {tokens.player}") as player,
        Client(limited.host, f"Bearer {tokens.same_player}") as same,
        Client(limited.host, f"Bearer {tokens.other_player}") as other,
    ):
        etag = player.get(mine_path()).headers["ETag"]
        for _ in range(4):
            free = player.get(mine_path(), {"If-None-Match": etag})
            assert free.status_code == 304
            assert "X-RateLimit-Limit" not in free.headers
        assert same.get(mine_path()).status_code == 200
        assert player.get(mine_path()).status_code == 429, "the limit is the player's, not the token's"
        assert other.get(mine_path()).status_code == 200


def test_updates_of_players_are_counted_for_each(limited: RunningService, tokens: Tokens) -> None:
    with (
        Client(limited.host, f"Bearer {tokens.player}") as player,
        Client(limited.host, f"Bearer {tokens.other_player}") as other,
    ):
        answers = [player.put(progress_path(WIN), {"percent_complete": 1}).status_code for _ in range(6)]
        assert answers == [200] * 5 + [429]
        assert other.put(progress_path(WIN), {"percent_complete": 1}).status_code == 200


def test_a_refusal_before_the_limit_costs_nothing(limited: RunningService, tokens: Tokens) -> None:
    with Client(limited.host, f"Bearer {tokens.player}") as player, Client(limited.host) as stranger:
        for _ in range(7):
            assert player.call("POST", definitions_path(), {}).status_code == 401
            assert stranger.call("POST", definitions_path(), {}).status_code == 401
    with Client(limited.host, f"Bot {tokens.bot}") as bot:
        answer = bot.call("POST", definitions_path(), {})
        assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (400, "4"), "it carries the headers"


# Slow and greedy clients


@pytest.fixture(scope="module")
def impatient(database: str, tokens: Tokens) -> Iterator[RunningService]:
    with running(
        database, header_timeout_s="1.0", body_timeout_s="1.0", write_timeout_s="1.0", stream_comment_s="0.5",
        streams_total="3", cors_origins="https://play.example.com",
    ) as service:  # fmt: skip
        yield service


def connect(service: RunningService) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def is_cut_off(client: socket.socket) -> bool:
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True


def status(answers: BinaryIO) -> int:
    """Read one whole answer."""
    line, length = answers.readline(), 0
    while header := answers.readline().strip().lower():
        if header.startswith(b"content-length:"):
            length = int(header.partition(b":")[2])
    answers.read(length)
    return int(line.split()[1])


def is_cut(client: socket.socket, drop: bytes) -> bool:
    """Send a little more; return whether the connection is closed."""
    try:
        client.send(drop)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("sent", [b"", b"GET /api/v10/", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_headers_that_do_not_come_are_not_waited_for(impatient: RunningService, sent: bytes) -> None:
    with connect(impatient) as client:
        client.sendall(sent)
        assert is_cut_off(client)


def test_after_an_answer_the_next_request_is_not_waited_for_either(impatient: RunningService, tokens: Tokens) -> None:
    health = "GET /health HTTP/1.1\r\nHost: x\r\n"
    answered = {
        "an empty line": (f"{health}\r\n", b"\r\n"),
        "a refused request's body": (
            f"PUT /api/v10{progress_path(WIN)} HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n", b"x"
        ),
        "a body that no route reads": (f"{health}Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    }  # fmt: skip
    for what, (request, drop) in answered.items():
        with connect(impatient) as client, client.makefile("rb") as answers:
            client.sendall(request.encode())
            assert status(answers) in (200, 401)
            until(lambda client=client, drop=drop: is_cut(client, drop), f"{what} holds no connection")  # type: ignore[misc]


def test_a_request_that_comes_late_on_a_kept_connection_is_answered(impatient: RunningService) -> None:
    with connect(impatient) as client, client.makefile("rb") as answers:
        for _ in range(3):
            client.sendall(b"\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status(answers) == 200
        with connect(impatient) as other:
            assert is_cut_off(other), "it took longer than a request's headers may"
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(answers) == 200


@pytest.mark.parametrize("part", [b"y" * 1000, b"X-%06d: y\r\n" * 60, b"/y" * 500])
def test_headers_without_end_are_not_kept(limited: RunningService, part: bytes) -> None:
    beginning = b"GET /" if part.startswith(b"/") else b"GET /health HTTP/1.1\r\nHost: x\r\nX: "
    with connect(limited) as client:
        client.sendall(beginning)
        sent = 0
        with suppress(OSError):
            while sent < 20_000_000:
                client.sendall(part)
                sent += len(part)
        assert sent < 20_000_000, "the connection is closed long before"


def test_large_headers_and_bodies_in_one_piece_pass(limited: RunningService, tokens: Tokens) -> None:
    body = b'{"percent_complete": 1, "seconds_since_unlock": 0, "x": "' + b"y" * 400_000 + b'"}'
    head = (
        f"PUT /api/v10{progress_path(WIN, PLAYER)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot {tokens.bot}\r\n"
        f"X-Large: {'z' * 50_000}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with connect(limited) as client, client.makefile("rb") as answers:
        for _ in range(2):
            client.sendall(head.encode() + body)
            assert status(answers) == 200


@pytest.mark.skipif(os.name == "nt", reason="there is no limit of open files on Windows")
def test_as_many_files_are_opened_as_the_system_allows(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 100), hard))
    try:
        service = RunningService(f"sqlite:///{tmp_path.as_posix()}/service.sqlite3")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    clients = [connect(service) for _ in range(150)]
    with closing(clients[-1]) as last, last.makefile("rb") as answers:
        last.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(answers) == 200
    for client in clients:
        client.close()
    assert service.stop() == 0
    assert service.log == []


def test_a_body_that_does_not_come_is_408(impatient: RunningService, tokens: Tokens) -> None:
    head = (
        f"PUT /api/v10{progress_path(WIN)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tokens.player}\r\n"
        "Content-Type: application/json\r\nContent-Length: 25\r\n\r\n{"
    )
    with connect(impatient) as client, client.makefile("rb") as answer:
        client.sendall(head.encode())
        assert answer.readline().startswith(b"HTTP/1.1 408 ")
        assert answer.read().endswith(b'{"message":"408: Request Timeout","code":0}'), "and the connection is closed"


def test_a_client_that_takes_nothing_is_cut_off(impatient: RunningService, database: str, tokens: Tokens) -> None:
    with closing(open_store(database)) as store:
        for number in range(500):
            add_achievement(store, Achievement(APP, 10_000 + number, "N" * 100, "D" * 200))
    request = f"GET /api/v10{definitions_path()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot {tokens.bot}\r\n\r\n"
    with connect(impatient) as client:
        client.sendall(request.encode() * 60)  # asks for 15 MB and reads none of them

        until(lambda: is_cut(client, b"\r\n"), "the connection is closed")


def test_requests_that_wait_in_line_on_one_connection_are_bounded(impatient: RunningService) -> None:
    def answers(count: int) -> int:
        request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        received = b""
        with connect(impatient) as client, suppress(ConnectionError):
            client.sendall(request * (count - 1) + last)
            while data := client.recv(65536):
                received += data
        return received.count(b"HTTP/1.1 200 ")

    assert answers(50) == 50
    assert answers(1000) < 1000, "the connection is closed"


def test_an_idle_stream_has_comments_and_their_number_is_bounded(impatient: RunningService, tokens: Tokens) -> None:
    three = (tokens.player, tokens.player, tokens.other_player)
    clients = [Client(impatient.host, f"Bearer {token}") for token in three]
    streams = [client.events(mine_path(tail="/events")) for client in clients]
    try:
        lines = streams[0].response.iter_lines(chunk_size=1)
        assert next(lines).startswith(b"retry:")
        assert next(line for line in lines if line).startswith(b":")
        with Client(impatient.host, f"Bearer {tokens.other_player}") as one_more:
            refused = one_more.get(mine_path(tail="/events"))
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5"), "it is not this player's limit"
            streams.pop().close()
            until(lambda: opens_a_stream(one_more), "a place is free again")
    finally:
        for stream in streams:
            stream.close()
        for client in clients:
            client.close()


def test_a_stream_ends_with_its_token(limited: RunningService, database: str) -> None:
    short = mint(TokenKind.BEARER, APP, PLAYER, time.time_ns() // 1000, 3)
    with closing(open_store(database)) as store:
        store.add_token(short.token)
    with (
        Client(limited.host, f"Bearer {short.text}") as player,
        closing(player.events(mine_path(tail="/events"))) as stream,
    ):
        assert stream.next() is not None
        assert stream.next() is None
        assert player.get(mine_path()).status_code == 401


def opens_a_stream(client: Client) -> bool:
    stream = client.events(mine_path(tail="/events"))
    stream.close()
    return stream.response.status_code == 200


def test_web_pages_may_call_if_their_origin_is_set(impatient: RunningService, limited: RunningService) -> None:
    asked = {"Origin": "https://play.example.com", "Access-Control-Request-Method": "PUT"}
    with Client(impatient.host) as client, Client(limited.host) as closed:
        allowed = client.call("OPTIONS", mine_path(), headers=asked)
        assert allowed.status_code == 200
        for name in ("authorization", "content-type", "x-audit-log-reason"):
            preflight = client.call("OPTIONS", mine_path(), headers=asked | {"Access-Control-Request-Headers": name})
            assert (preflight.status_code, name in preflight.headers["Access-Control-Allow-Headers"].lower()) == (
                200, True
            )  # fmt: skip
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://play.example.com"
        assert client.get(mine_path(), {"Origin": asked["Origin"]}).headers["Access-Control-Allow-Origin"]
        refused = client.get(mine_path(), {"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in refused.headers
        assert "Access-Control-Allow-Origin" not in closed.get(mine_path(), {"Origin": asked["Origin"]}).headers
        assert closed.call("OPTIONS", mine_path(), headers=asked).status_code == 405


def test_no_token_is_logged_however_much_is(database: str, tokens: Tokens) -> None:
    with running(database, log_level="debug") as service:
        for token in (tokens.bot, tokens.player, tokens.expired, tokens.client):
            for scheme in ("Bot", "Bearer"):
                with Client(service.host, f"{scheme} {token}") as client:
                    client.get(definitions_path())
                    client.get(f"/{token}?{token}")
                    client.put(progress_path(WIN, token), {"percent_complete": token})
        with connect(service) as client:
            client.sendall(f"GARBAGE {tokens.bot}\r\n\r\n".encode())
            client.recv(1000)
    assert service.log, "the log is not empty"
    said = "".join(service.log)
    for token in tokens:
        assert token[-64:] not in said


# The end


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM to catch on Windows")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_ends_streams_and_answers_what_is_under_way(
    request: pytest.FixtureRequest, tmp_path: Path, workers: str
) -> None:
    if workers == "1":
        database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    else:
        database = request.getfixturevalue("postgres").new_database()
    tokens = prepare(database)
    service = RunningService(database, workers=workers)
    with (
        Client(service.host, f"Bearer {tokens.player}") as player,
        closing(player.events(mine_path(tail="/events"))) as stream,
        Client(service.host) as public,
    ):
        assert stream.next() is not None
        head = (
            f"PUT /api/v10{progress_path(WIN)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tokens.player}\r\n"
            "Content-Type: application/json\r\nContent-Length: 24\r\n\r\n"
        )
        with connect(service) as late, late.makefile("rb") as answer:
            late.sendall(head.encode())
            assert public.site("/health").status_code == 200
            ending = Ending(service)
            assert stream.next() is None, "the stream ends properly"
            late.sendall(b'{"percent_complete": 77}')
            assert answer.readline().startswith(b"HTTP/1.1 200 ")
    assert ending.status() == 0
    assert service.log == []
    with running(database) as again, Client(again.host, f"Bot {tokens.bot}") as bot:
        (record,) = bot.get(f"/users/{PLAYER}/applications/{APP}/achievements?started=true").json()
        assert record["percent_complete"] == 77


class Ending:
    """Sends SIGTERM now and returns the exit status later."""

    def __init__(self, service: RunningService) -> None:
        self._service = service
        service.terminate()

    def status(self) -> int:
        return self._service.stop()


@pytest.mark.skipif(os.name == "nt", reason="workers are killed by signal here")
def test_a_large_body_is_read_whole_where_the_setting_allows_it(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    tokens = prepare(database)
    service = RunningService(database, max_body_bytes=str(32 * 1024 * 1024))
    try:
        with Client(service.host, f"Bearer {tokens.player}") as player:
            body = b'{"percent_complete": 5' + b" " * 17 * 1024 * 1024 + b"}"
            answer = player.call("PUT", progress_path(WIN), data=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 200
    finally:
        service.stop()


def test_a_worker_that_dies_is_replaced(request: pytest.FixtureRequest) -> None:
    database = request.getfixturevalue("postgres").new_database()
    tokens = prepare(database)
    service = RunningService(database, workers="2")
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children")
    if not children.exists():
        service.stop()
        pytest.skip("not run: no /proc here to find the workers in")

    def workers() -> set[int]:
        found = set()
        for child in children.read_text().split():
            with suppress(FileNotFoundError):  # it has just ended
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(int(child))
        return found

    before = workers()
    assert len(before) == 2
    with (
        Client(service.host, f"Bearer {tokens.player}") as player,
        closing(player.events(mine_path(tail="/events"))) as stream,
    ):
        stream.next()
        until(lambda: service.open_streams == 1, "the stream is counted")
        for worker in before:
            os.kill(worker, 9)
        until(lambda: len(workers() - before) == 2, "other workers are started")
    until(lambda: service.open_streams == 0, "the streams of dead workers are not counted")
    with Client(service.host, f"Bot {tokens.bot}") as bot:
        assert bot.get(definitions_path()).status_code == 200
    assert service.stop() == 0
    assert [json.loads(line)["level"] for line in service.log] == ["error", "error"]
