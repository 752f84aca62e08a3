"""Real managers, and two processes of the service behind a real nginx or Caddy with TLS.

Their configurations are those in docs/guides/operating.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.databases import Caddy, Nginx, Postgres, RedisServer, free_port
from tests.support.playing import GameProcess
from tests.support.running import (
    APP,
    PLAYER,
    ROOT,
    SECURE,
    WIN,
    Client,
    RunningService,
    Tokens,
    definitions_path,
    mine_path,
    prepare,
    progress_path,
    running,
)
from tests.support.waiting import until

pytestmark = pytest.mark.any_python

CERTIFICATE = ROOT / "tests/http/localhost.pem"
SOON_S = 5.0  # for what takes milliseconds; a proxy that buffers would hold it back as long as the stream lasts


class Front(NamedTuple):
    """Two processes of one service, and what is in front of them."""

    services: list[RunningService]
    bot: Client
    player: Client
    device: Callable[[str], GameProcess]

    def two_games(self) -> tuple[GameProcess, GameProcess]:
        """Return two games of one player, each with its stream on a different process."""
        one = self.device("one")
        until(lambda: sum(self.streams()) == 1, "a stream is up")
        two = self.device("two")
        until(lambda: sum(self.streams()) == 2, "another is up")
        assert self.streams() == [1, 1], "the proxy chooses the process with fewer connections"
        for game in (one, two):
            game.fetched()
        return one, two

    def streams(self) -> list[int]:
        """Return how many event streams each process holds."""
        return [service.open_streams for service in self.services]


def until_received(game: GameProcess, achievement: int, percent: int) -> None:
    """Wait until this is the newest percent that the game has received for an achievement."""
    until(lambda: game.percents(achievement)[-1:] == [percent], f"an event of {percent} % comes")


def documented_nginx(port: int, services: list[RunningService]) -> str:
    """Return the configuration in the documentation, with this machine's addresses, port and certificate."""
    servers = "".join(f"server 127.0.0.1:{service.port};\n" for service in services)
    return documented(
        "nginx",
        (r"(server 10\.0\.0\.\d+:8000;\s*)+", servers),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"/etc/ssl/achievements\.pem", CERTIFICATE.as_posix()),
        (r"/etc/ssl/achievements\.key", CERTIFICATE.as_posix()),
    )


def documented_caddy(port: int, services: list[RunningService]) -> str:
    """Return the same for Caddy, which gets its certificate by itself if it may."""
    certificate = CERTIFICATE.as_posix()
    return documented(
        "caddyfile",
        (r"(10\.0\.0\.\d+:8000 ?)+", " ".join(f"127.0.0.1:{service.port}" for service in services) + " "),
        (r"achievements\.example\.com {", f"https://127.0.0.1:{port} {{\n\ttls {certificate} {certificate}"),
    )


def documented(language: str, *replaced: tuple[str, str]) -> str:
    document = (ROOT / "docs/guides/operating.md").read_text("utf-8")
    text: str
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    for pattern, here in replaced:
        text, found = re.subn(pattern, here, text)
        assert found == 1, f"the documented configuration has changed: {pattern}"
    return text


@pytest.fixture(params=["nginx", "caddy"])
def start_proxy(request: pytest.FixtureRequest) -> Callable[[int, list[RunningService]], None]:
    """Return a function that starts the proxy of this test on a port, in front of some processes of the service."""
    make = request.getfixturevalue(f"make_{request.param}")
    text = {"nginx": documented_nginx, "caddy": documented_caddy}[request.param]
    return lambda port, services: make(text(port, services), port)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the service's settings, with Redis if the test's parameter says so."""
    if getattr(request, "param", "notify") == "notify":
        return {}
    redis: RedisServer = request.getfixturevalue("redis_server")
    return {"redis": redis.url}


@pytest.fixture
def front(
    settings: dict[str, str],
    postgres: Postgres,
    start_proxy: Callable[[int, list[RunningService]], None],
    tmp_path: Path,
) -> Iterator[Front]:
    database = postgres.new_database()
    tokens = prepare(database)
    port = free_port()
    host = f"https://127.0.0.1:{port}"
    with ExitStack() as stack:
        services = [stack.enter_context(running(database, port=0, forked=True, **settings)) for _ in range(2)]
        start_proxy(port, services)
        bot, player = (
            stack.enter_context(Client(host, authorization, trusted=CERTIFICATE))
            for authorization in (f"Bot {tokens.bot}", f"Bearer {tokens.player}")
        )

        def device(name: str) -> GameProcess:
            game = GameProcess(f"{host}/api/v10", tokens.player, tmp_path / name, CERTIFICATE)
            stack.callback(game.close)
            return game

        yield Front(services, bot, player, device)


def test_updates_lists_and_events_pass_at_once(front: Front) -> None:
    one, two = front.two_games()
    began = time.monotonic()
    for percent in (10, 20, 100):
        one.do("set", WIN, percent)
        assert one.next_report("result") == "OK"
        assert two.next_report("event")[:2] == [WIN, percent]
        front.bot.put(progress_path(SECURE, PLAYER), {"percent_complete": percent}).raise_for_status()
        assert [game.next_report("event")[:2] for game in (one, two)] == [[SECURE, percent]] * 2
    assert time.monotonic() - began < SOON_S
    listed = front.player.get(mine_path())
    assert [entry["percent_complete"] for entry in listed.json()] == [100, 100]
    assert front.player.get(mine_path(), {"If-None-Match": listed.headers["ETag"]}).status_code == 304


def test_what_is_too_large_or_not_for_everybody_is_refused(front: Front) -> None:
    path, typed = progress_path(WIN), {"Content-Type": "application/json"}
    refused = front.player.call("PUT", path, data=b" " * (600 * 1024), headers=typed)
    assert (refused.status_code, refused.json()["code"]) == (413, 40005), "by the service, in Discord's words"
    assert front.player.call("PUT", path, data=b" " * (3 * 1024 * 1024), headers=typed).status_code == 413
    for path in ("/metrics", "//metrics", "/%6detrics", "/metrics?x", "/./metrics"):
        assert front.player.site(path).status_code == 403
    assert front.player.site("/health").status_code == 200


def test_a_process_that_is_stopped_is_not_missed(front: Front) -> None:
    one, two = front.two_games()
    assert front.services[0].stop() == 0
    until(lambda: front.services[1].open_streams == 2, "both games are connected to the other process")
    one.do("set", WIN, 50)
    assert one.next_report("result") == "OK"
    assert two.next_report("event")[:2] == [WIN, 50]
    assert {"online": False} not in one.reports + two.reports, "the games do not notice"


# Caddy answers a request with 502 whose process was killed meanwhile; games send the update again.
@pytest.mark.parametrize("start_proxy", ["nginx"], indirect=True)
@pytest.mark.parametrize(("settings", "victim"), [("notify", 0), ("redis", 1)], indirect=["settings"])
def test_a_process_that_is_killed_costs_a_reconnect_and_nothing_else(front: Front, victim: int) -> None:
    games = front.two_games()
    for percent in range(1, 61):
        games[0].do("set", WIN, percent)
        assert games[0].next_report("result") == "OK", "one of the processes accepts each update"
        front.bot.put(progress_path(SECURE, PLAYER), {"percent_complete": percent}).raise_for_status()
        if percent == 20:
            front.services[victim].kill()
    for game in games:
        for achievement in (WIN, SECURE):
            until_received(game, achievement, 60)
            percents = game.percents(achievement)
            assert percents == sorted(set(percents)), "no percent twice, none lower than before"
        assert {"online": False} not in game.reports, "the games do not notice"
    assert front.services[1 - victim].open_streams == 2
    games[1].do("set", WIN, 61)
    until_received(games[0], WIN, 61)
    records = front.bot.get(f"/users/{PLAYER}/applications/{APP}/achievements?started=true").json()
    assert [(entry["percent_complete"], entry["revision"]) for entry in records] == [(61, 61), (60, 60)]


def compressing_nginx(port: int, service: RunningService) -> str:
    return f"""
        gzip on;
        gzip_proxied any;
        gzip_types *;
        gzip_min_length 0;
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://127.0.0.1:{service.port};
                proxy_http_version 1.1;
                proxy_set_header Connection "";
            }}
        }}
    """


def compressing_caddy(port: int, service: RunningService) -> str:
    return f"http://127.0.0.1:{port} {{\n\tencode zstd gzip\n\treverse_proxy 127.0.0.1:{service.port}\n}}\n"


@pytest.fixture(params=["nginx", "caddy"])
def compressed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Tokens]]:
    """The address of a service behind a proxy that compresses what it can, and its tokens."""
    make: Callable[[str, int], Nginx | Caddy] = request.getfixturevalue(f"make_{request.param}")
    text = {"nginx": compressing_nginx, "caddy": compressing_caddy}[request.param]
    database, port = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3", free_port()
    tokens = prepare(database)
    with running(database, forked=True) as service:
        make(text(port, service), port)
        yield f"http://127.0.0.1:{port}", tokens


def test_no_event_is_held_back_for_being_compressed(compressed: tuple[str, Tokens]) -> None:
    host, tokens = compressed
    with Client(host, f"Bot {tokens.bot}") as bot, Client(host, f"Bearer {tokens.player}") as player:
        # Caddy looks at the first bytes whether they are worth it, so there has to be a lot to resume with.
        names = [{"name": f"Achievement {number}", "description": "D"} for number in range(20)]
        made = [bot.call("POST", definitions_path(), name).json()["id"] for name in names]
        listed = player.get(mine_path())
        assert listed.headers["Content-Encoding"] == "gzip", "other answers are compressed"
        for achievement in made:
            player.put(progress_path(achievement), {"percent_complete": 5}).raise_for_status()
        last = str(int((time.time() - 600) * 1e6))
        with closing(player.events(mine_path(tail="/events"), last)) as stream:
            assert stream.response.request.headers["Accept-Encoding"].startswith("gzip")
            began = time.monotonic()
            received = [stream.next() for _ in range(1 + len(made))]
            for percent in (10, 20, 30):
                player.put(progress_path(WIN), {"percent_complete": percent}).raise_for_status()
                received.append(stream.next())
            assert None not in received
            assert time.monotonic() - began < SOON_S
