"""`make bench-service`: measures the service, and writes build/bench_service.json.

The load generator (wrk) shares the machine, so what counts is ratios: alternatives take turns in one run, each several
times, and the median of each counts. A ratio "over" something is the service's rate divided by that of the other.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from discord_achievements.domain.models import ACHIEVEMENTS_MAX, Achievement
from discord_achievements.server.stores.base import Key, Raise
from discord_achievements.server.stores.sqlite import PRAGMAS
from discord_achievements.server.web.app import open_store
from tests.support.databases import Postgres
from tests.support.running import (
    APP,
    PLAYER,
    ROOT,
    WIN,
    RunningService,
    Tokens,
    add_achievement,
    definitions_path,
    environment,
    mine_path,
    prepare,
    progress_path,
)
from tests.support.waiting import until

OUTPUT = ROOT / "build" / "bench_service.json"
CONNECTIONS = 32
FIRST, COUNT = 10_000, ACHIEVEMENTS_MAX - 4

# What the service is compared with: uvicorn and nothing else.
BARE = """
import asyncio, socket, sys, uvicorn

body = open(sys.argv[1], "rb").read()
streams = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    if scope["path"] == "/events":
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"retry: 5000\\n\\n", "more_body": True})
        streams.append(send)
        while (await receive())["type"] != "http.disconnect":
            pass
        streams.remove(send)
        return
    answer = body
    if scope["method"] == "PUT":
        await receive()
        answer = b"{}"
        for stream in streams:
            await stream({"type": "http.response.body", "body": b"data: {}\\n\\n", "more_body": True})
    elif scope["path"] == "/hello":
        answer = b"hello"
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})

listening = socket.socket()
listening.bind(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
loop = "asyncio" if sys.platform == "win32" else "uvloop"
config = uvicorn.Config(app, loop=loop, http="httptools", access_log=False, log_level="error")
uvicorn.Server(config).run([listening])
"""

PUT_SCRIPT = """
local n = 0
request = function()
  n = n + 1
  local path = "/api/v10/users/" .. math.random(1, 1000000) .. "/applications/%(app)s/achievements/"
  return wrk.format("PUT", path .. math.random(%(first)d, %(last)d), %(headers)s,
                    '{"percent_complete": ' .. math.random(1, 100) .. '}')
end
"""


class Target(NamedTuple):
    """Something to load: where, with which headers, or with a script of wrk."""

    url: str
    headers: Mapping[str, str] = {}
    script: Path | None = None


def rate(target: Target, seconds: float) -> float:
    """Return the requests a second that `target` answers; fails if it refuses one."""
    arguments = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s"]
    for name, value in target.headers.items():
        arguments += ["-H", f"{name}: {value}"]
    if target.script is not None:
        arguments += ["-s", str(target.script)]
    out = subprocess.run([*arguments, target.url], capture_output=True, text=True, check=True, timeout=120).stdout
    if "Non-2xx" in out:
        raise RuntimeError(f"{target.url} refused requests:\n{out}")
    found = re.search(r"Requests/sec:\s+([0-9.]+)", out)
    if found is None:
        raise RuntimeError(f"wrk says nothing of a rate:\n{out}")
    return float(found[1])


def rates(targets: Mapping[str, Target], rounds: int, seconds: float) -> dict[str, float]:
    """Return the median rate of each, measured in turns."""
    seen: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            seen[name].append(rate(target, seconds))
    return {name: statistics.median(values) for name, values in seen.items()}


class Bench:
    """Everything that runs, and the folder that it runs in."""

    def __init__(self, folder: Path, rounds: int, seconds: float, players: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.seconds = seconds
        self.players = players
        self.stack = ExitStack()

    def rates(self, targets: Mapping[str, Target]) -> dict[str, float]:
        return rates(targets, self.rounds, self.seconds)

    def bare(self, body: bytes = b"") -> tuple[str, int]:
        """Start uvicorn with nothing, which answers with `body`; return its address and process id."""
        path = self.folder / f"body{len(body)}"
        path.write_bytes(body)
        process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(path)], stdout=subprocess.PIPE, text=True, env=environment()
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        assert process.stdout is not None
        self.stack.callback(process.stdout.close)
        host = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        _wait_for(host)
        return host, process.pid

    @contextmanager
    def service(self, database: str, **settings: str) -> Iterator[RunningService]:
        service = RunningService(
            database, port=0, streams_per_user="10000", stream_comment_s="3600", **{"log_level": "error"} | settings
        )
        try:
            yield service
        finally:
            service.stop()

    def put_script(self, tokens: Tokens) -> Path:
        headers = f'{{["Authorization"]="Bot {tokens.bot}", ["Content-Type"]="application/json"}}'
        words = {"app": APP, "first": FIRST, "last": FIRST + COUNT - 1, "headers": headers}
        path = self.folder / f"put{tokens.bot[6:18]}.lua"
        path.write_text(PUT_SCRIPT % words)
        return path


def fill(database: str) -> Tokens:
    """Prepare a database with 1000 achievements and a player with 20 records."""
    tokens = prepare(database)
    with closing(open_store(database)) as store:
        for number in range(COUNT):
            add_achievement(store, Achievement(APP, FIRST + number, f"Achievement {number}", "Description " * 8))
        store.write([Raise(Key(APP, PLAYER, FIRST + number), 50, 0) for number in range(20)], time.time_ns() // 1000)
    return tokens


def measure_reads(bench: Bench, database: str, tokens: Tokens) -> dict[str, float]:
    with bench.service(database) as service:
        bot = {"Authorization": f"Bot {tokens.bot}"}
        player = {"Authorization": f"Bearer {tokens.player}"}
        etag = _etag(service, tokens)
        body = _body(service.port, f"/api/v10{definitions_path()}", bot)
        bare, _ = bench.bare(body)
        found = bench.rates(
            {
                "hello": Target(f"{bare}/hello"),
                "get": Target(f"{service.url}{definitions_path(WIN)}", bot),
                "304": Target(f"{service.url}{mine_path()}", player | {"If-None-Match": etag}),
                "same bytes": Target(f"{bare}/list"),
                "list": Target(f"{service.url}{definitions_path()}", bot),
            }
        )
    return {
        "get_small_ratio": found["get"] / found["hello"],
        "list_304_ratio": found["304"] / found["hello"],
        "list_cached_ratio": found["list"] / found["same bytes"],
    }


def measure_writes(bench: Bench, sqlite: str, sqlite_tokens: Tokens, postgres: str) -> dict[str, float]:
    tokens = fill(postgres)
    with ExitStack() as stack:
        targets = {}
        for name, database, owner, settings in (
            ("sqlite", sqlite, sqlite_tokens, {}),
            ("sqlite each", sqlite, sqlite_tokens, {"write_batch_max": "1"}),
            ("nothing", "memory", sqlite_tokens, {}),
            ("pg", postgres, tokens, {}),
            ("pg each", postgres, tokens, {"write_batch_max": "1"}),
            ("pg two", postgres, tokens, {"workers": "2"}),
        ):
            if database == "memory":
                host = stack.enter_context(forgetful(sqlite))
            else:
                host = stack.enter_context(bench.service(database, **settings)).host
            targets[name] = Target(host, script=bench.put_script(owner))
        found = bench.rates(targets)
    return {
        "put_sqlite_ratio": found["sqlite"] / found["nothing"],
        "group_commit_gain_sqlite": found["sqlite"] / found["sqlite each"],
        "group_commit_gain_pg": found["pg"] / found["pg each"],
        "put_pg_per_s": found["pg"],
        "workers_2_gain": found["pg two"] / found["pg"],
    }


@contextmanager
def forgetful(sqlite: str) -> Iterator[str]:
    """Run the service over memory, with the definitions and tokens of a database; give its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.perf.forgetful_service", sqlite],
        stdout=subprocess.PIPE, text=True, env=environment(rate_limits="off", log_level="error"), cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def measure_streams(bench: Bench, database: str, tokens: Tokens, count: int) -> dict[str, float]:
    player = {"Authorization": f"Bearer {tokens.player}"}
    bare, bare_pid = bench.bare()
    bare_port = int(bare.rpartition(":")[2])
    with bench.service(database) as service:
        events = f"/api/v10{mine_path(tail='/events')}"
        own, bare_own, commits = [], [], []
        for number in range(3 * bench.rounds):  # in turns; each round changes achievements of its own
            own += _pushes(service.port, events, player, FIRST + 100 + number)
            bare_own += _pushes(bare_port, "/events", {}, FIRST, bare=True)
            commits += _commits(bench.folder / f"commits{number}.sqlite3")
        quiet = _put_ms(service.port, tokens)
        with ExitStack() as stack:
            before, bare_before = _rss_kb(service.pid), _rss_kb(bare_pid)
            for _ in range(count):
                stack.enter_context(closing(_open_stream(service.port, events, player)))
            stream_kb = (_rss_kb(service.pid) - before) / count
            busy = _put_ms(service.port, tokens)
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(closing(_open_stream(bare_port, "/events", {})))
            bare_kb = (_rss_kb(bare_pid) - bare_before) / count
    return {
        "push_ms_p50": statistics.median(own),
        "push_ms_p99": statistics.quantiles(own, n=100)[98],
        "push_ratio": statistics.median(own) / statistics.median(bare_own),
        # The bare one promises nothing: beside it, what the same promise costs with no service at all.
        "push_durable_ratio": statistics.median(own) / (statistics.median(bare_own) + statistics.median(commits)),
        "stream_kb": stream_kb,
        "stream_kb_bare": bare_kb,
        "streams_5000_put_ratio": busy / quiet,
    }


def measure_growth(bench: Bench, server: Postgres) -> dict[str, float]:
    """Compare an empty database with one of many players, in turns."""
    empty, full = server.new_database(), server.new_database()
    owners = {"empty": fill(empty), "full": fill(full)}
    with psycopg.connect(full, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO progress SELECT %s, 2000000 + player, %s + (player + record * 47) %% %s, 50, NULL, 1, 1 "
            "FROM generate_series(1, %s) AS player, generate_series(0, 19) AS record",
            (APP, FIRST, COUNT, bench.players),
        )
        connection.execute("VACUUM ANALYZE progress")
    with ExitStack() as stack:
        services = {
            name: stack.enter_context(bench.service(database)) for name, database in (("empty", empty), ("full", full))
        }
        puts = bench.rates(
            {name: Target(service.host, script=bench.put_script(owners[name])) for name, service in services.items()}
        )
        lists = bench.rates(
            {
                name: Target(
                    f"{service.url}{mine_path(tail='?started=true')}",
                    {"Authorization": f"Bearer {owners[name].player}"},
                )
                for name, service in services.items()
            }
        )
    return {"growth_list_ratio": lists["empty"] / lists["full"], "growth_put_ratio": puts["empty"] / puts["full"]}


def _pushes(
    port: int, events: str, headers: Mapping[str, str], achievement_id: int, *, bare: bool = False
) -> list[float]:
    """Return how long each of 99 changes took from its PUT on one connection to its event on another, in ms."""
    took = []
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with closing(_open_stream(port, events, headers)) as stream, socket.create_connection(("127.0.0.1", port)) as put:
        put.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for percent in range(1, 100):
            path = "/put" if bare else f"/api/v10{progress_path(achievement_id)}"
            body = f'{{"percent_complete": {percent}}}'
            began = time.perf_counter()
            put.sendall(
                f"PUT {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            while b"data:" not in stream.recv(65536):
                pass
            took.append((time.perf_counter() - began) * 1000)
            while b"}" not in put.recv(65536):
                pass
    return took


def _commits(path: Path) -> list[float]:
    """Return how long each of 99 commits of one row took, in ms, with SQLite set as the service has it."""
    took = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*PRAGMAS, "CREATE TABLE progress (id INTEGER PRIMARY KEY, percent INTEGER)"):
            connection.execute(statement)
        for percent in range(99):
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO progress (percent) VALUES (?)", (percent,))
            connection.execute("COMMIT")
            took.append((time.perf_counter() - began) * 1000)
    return took


def _put_ms(port: int, tokens: Tokens) -> float:
    """Return the median time of a PUT by a player who has no stream, in ms."""
    took = []
    head = f"Authorization: Bearer {tokens.other_player}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port)) as put:
        put.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(400):
            body = f'{{"percent_complete": {number % 99 + 1}}}'
            path = f"/api/v10{progress_path(FIRST + time.time_ns() % COUNT)}"
            began = time.perf_counter()
            put.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            while b"}" not in put.recv(65536):
                pass
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _open_stream(port: int, path: str, headers: Mapping[str, str]) -> socket.socket:
    stream = socket.create_connection(("127.0.0.1", port), timeout=20)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
    seen = b""
    while b"retry:" not in seen:
        seen += stream.recv(65536)
    return stream


def _body(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().read()


def _etag(service: RunningService, tokens: Tokens) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)) as connection:
        connection.request("GET", f"/api/v10{mine_path()}", headers={"Authorization": f"Bearer {tokens.player}"})
        response = connection.getresponse()
        response.read()
        return response.headers["ETag"] or ""


def _wait_for(host: str) -> None:
    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=1):
                return True
        except OSError:
            return False

    until(answers, f"{host} answers")


def _rss_kb(pid: int) -> float:
    """Return a process' memory; Linux only, as wrk is."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often the alternatives take turns")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each turn lasts")
    parser.add_argument("--players", type=int, default=1_000_000, help="players with 20 records each, for growth")
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--only", choices=("reads", "writes", "streams", "growth"), help="one part; writes no file")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; on Debian: apt-get install wrk")
    _allow_many_files(2 * given.streams + 1000)
    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        bench = Bench(Path(name), given.rounds, given.seconds, given.players)
        server = Postgres(Path(data))
        with bench.stack:
            bench.stack.callback(server.stop)
            database = f"sqlite:///{name}/service.sqlite3"
            tokens = fill(database)
            parts: dict[str, Callable[[], dict[str, float]]] = {
                "reads": lambda: measure_reads(bench, database, tokens),
                "writes": lambda: measure_writes(bench, database, tokens, server.new_database()),
                "streams": lambda: measure_streams(bench, database, tokens, given.streams),
                "growth": lambda: measure_growth(bench, server),
            }
            for part in [given.only] if given.only else parts:
                for key, value in parts[part]().items():
                    measured[key] = round(value, 3)
                    print(f"{key:28} {value:12.3f}", flush=True)
    if given.only:  # the file is of one whole run
        return
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(measured, indent=1) + "\n")
    print(f"Written to {OUTPUT.relative_to(ROOT)}")


def _allow_many_files(count: int) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard) if hard > 0 else count, hard))


if __name__ == "__main__":
    main()
