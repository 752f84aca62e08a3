"""The real service in its own process, and a client for it."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests

from discord_achievements.domain.access import TokenKind
from discord_achievements.domain.models import Achievement
from discord_achievements.server.auth import mint
from discord_achievements.server.icons import default_icon
from discord_achievements.server.stores.base import Application, Store
from discord_achievements.server.web.app import open_store
from tests.support.forked import Command

ROOT = Path(__file__).parents[2]
APP = 461618159171141643
OTHER_APP = 461618159171141644
PLAYER = 53908232506183680
OTHER_PLAYER = 53908232506183681
WIN, SECRET, SECURE, SECRET_SECURE = 1001, 1002, 1003, 1004
DEFINITIONS = (
    Achievement(APP, WIN, "Win the Game", "You won!", name_localizations={"de": "Gewinne das Spiel"}),
    Achievement(APP, SECRET, "Find the Sekret", "You found the Sekret!", secret=True),
    Achievement(APP, SECURE, "Be Granted", "The server says so.", secure=True),
    Achievement(APP, SECRET_SECURE, "Be Granted in Sekret", "Sekret and secure.", secret=True, secure=True),
)
_START_TIMEOUT_S = 60.0
_EVENT_TIMEOUT_S = 30.0


class Tokens(NamedTuple):
    """The tokens of a prepared database, as strings."""

    bot: str
    player: str
    same_player: str
    other_player: str
    other_game: str
    other_games_player: str
    client: str
    expired: str


def prepare(database: str) -> Tokens:
    """Make a database with two applications, four achievements and tokens of every kind."""
    with closing(open_store(database)) as store:
        bot = add_application(store, APP, "A Game")
        other_bot = add_application(store, OTHER_APP, "Another Game")
        for definition in DEFINITIONS:
            add_achievement(store, definition)
        at_us = time.time_ns() // 1000
        minted = [
            mint(TokenKind.BEARER, APP, PLAYER, at_us),
            mint(TokenKind.BEARER, APP, PLAYER, at_us, 3600),
            mint(TokenKind.BEARER, APP, OTHER_PLAYER, at_us),
            mint(TokenKind.BEARER, OTHER_APP, PLAYER, at_us),
            mint(TokenKind.CLIENT, APP, None, at_us),
            mint(TokenKind.BEARER, APP, PLAYER, at_us - 10_000_000, 5),
        ]
        for token in minted:
            store.add_token(token.token)
        player, same, other, other_games, client, expired = (token.text for token in minted)
        return Tokens(bot, player, same, other, other_bot, other_games, client, expired)


def add_application(store: Store, application_id: int, name: str) -> str:
    """Add an application and return its bot's token."""
    at_us = time.time_ns() // 1000
    bot = mint(TokenKind.BOT, application_id, None, at_us)
    store.add_application(Application(application_id, name, at_us), bot.token)
    return bot.text


def add_achievement(store: Store, achievement: Achievement) -> None:
    """Add a definition with the default icon."""
    fields = {name: getattr(achievement, name) for name in Achievement.__slots__}
    store.add_achievement(Achievement(**fields | {"icon_hash": default_icon().icon_hash}), None)


def command(*arguments: str, module: str = "discord_achievements") -> list[str]:
    """Return the command line's command for this Python."""
    return [sys.executable, "-W", "error", "-m", module, *arguments]


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with `settings` (short names) as the only settings of the service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DISCORD_")}
    own = {f"DISCORD_ACHIEVEMENTS_{name.upper()}": value for name, value in settings.items()}
    return kept | own | {"PYTHONPATH": str(ROOT)}


class RunningService:
    """`discord-achievements serve` on `port` (0: any); `module` may name another program with the same arguments."""

    def __init__(self, database: str, *, port: int = 0, module: str = "discord_achievements", **settings: str) -> None:
        self.database = database
        arguments = ["serve", "--port", str(port), "--database", database]
        self._process = self._start(
            module, arguments, environment(**({"rate_limits": "off", "log_level": "warning"} | settings))
        )
        self.log: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read_output, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        line = self._lines.get(timeout=_START_TIMEOUT_S)
        assert line is not None, f"the service has not started: {self._wait_for_log()}"
        said, _, self.host = line.strip().rpartition(" ")
        assert said == "Listening on", line
        self.url = f"{self.host}/api/v10"
        self.port = int(self.host.rpartition(":")[2])
        self.pid = self._process.pid

    def _start(
        self, module: str, arguments: list[str], variables: Mapping[str, str]
    ) -> subprocess.Popen[str] | Command:
        return subprocess.Popen(
            command(*arguments, module=module),
            env=variables,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        self._process.kill()
        self._end()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    @property
    def open_streams(self) -> int:
        """The number of event streams that this process holds."""
        with Client(self.host) as public:
            metrics = public.site("/metrics").text
        found = re.search(r"^discord_achievements_streams (\d+)", metrics, re.MULTILINE)
        assert found is not None, metrics
        return int(found[1])

    def stop(self) -> int:
        """End the process, if it is still running, and return its exit status."""
        if self._process.poll() is None:
            self.terminate()
        status = self._process.wait(30)
        self._end()
        return status

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def _end(self) -> None:
        self._process.wait(30)
        for reader in self._readers:
            reader.join(10)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _wait_for_log(self) -> str:
        self._process.wait(30)
        self._readers[1].join(10)
        return "".join(self.log)

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(self._process.stderr)


class ForkedService(RunningService):
    """The same command in a forked process: the interpreter neither starts nor ends, which takes most of the time.

    On Windows it is a `RunningService`.
    """

    def _start(
        self, module: str, arguments: list[str], variables: Mapping[str, str]
    ) -> subprocess.Popen[str] | Command:
        if sys.platform == "win32":
            return super()._start(module, arguments, variables)
        return Command(arguments, variables)


@contextmanager
def running(database: str, *, port: int = 0, forked: bool = False, **settings: str) -> Iterator[RunningService]:
    """Run the service inside a with block."""
    service = (ForkedService if forked else RunningService)(database, port=port, **settings)
    try:
        yield service
    finally:
        service.stop()


class Client:
    """A client of the service, with a token or without; over TLS it trusts the certificate in `trusted`."""

    def __init__(self, host: str, authorization: str = "", version: str = "v10", trusted: Path | None = None) -> None:
        self._host = host
        self._base = f"{host}/api" + (f"/{version}" if version else "")
        self._session = requests.Session()
        self._session.trust_env = False
        if trusted is not None:
            self._session.verify = str(trusted)
        if authorization:
            self._session.headers["Authorization"] = authorization

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def call(self, method: str, path: str, json: Any = None, **given: Any) -> requests.Response:
        if json is not None:
            given["json"] = json
        return self._session.request(method, self._base + path, timeout=20, **given)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        return self.call("GET", path, headers=headers)

    def put(self, path: str, json: Any) -> requests.Response:
        return self.call("PUT", path, json)

    def site(self, path: str, method: str = "GET") -> requests.Response:
        """Request a path that is not under /api."""
        return self._session.request(method, self._host + path, timeout=20)

    def events(self, path: str, last_event_id: str = "") -> EventStream:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        response = self._session.get(self._base + path, headers=headers, stream=True, timeout=20)
        return EventStream(response)


class Event(NamedTuple):
    """One event as received; a retry field counts as an event of its own."""

    fields: dict[str, str]


class EventStream:
    """Reads an event stream block by block."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self._lines = response.iter_lines(chunk_size=1, decode_unicode=True)

    def next(self) -> Event | None:
        """Return the next block that is not a comment, or None at the stream's end; fail if none comes for long."""
        fields: dict[str, str] = {}
        deadline = time.monotonic() + _EVENT_TIMEOUT_S
        for line in self._lines:
            assert time.monotonic() < deadline, "only comments came"
            if line:
                name, _, value = line.partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
            elif fields:
                return Event(fields)
        return None

    def close(self) -> None:
        self.response.close()


def definitions_path(achievement_id: int | str | None = None, application_id: int | str = APP) -> str:
    """Return the path of an application's achievements, or of one of them."""
    path = f"/applications/{application_id}/achievements"
    return path if achievement_id is None else f"{path}/{achievement_id}"


def progress_path(achievement_id: int | str, user_id: int | str = "@me", application_id: int | str = APP) -> str:
    """Return the path of a player's progress on one achievement."""
    return f"/users/{user_id}/applications/{application_id}/achievements/{achievement_id}"


def mine_path(application_id: int | str = APP, tail: str = "") -> str:
    """Return the path of the player's own list, followed by `tail`."""
    return f"/users/@me/applications/{application_id}/achievements{tail}"
