"""Clients for Discord that others have written, discord.py and @discordjs/rest, use all routes of the service.

They wait for rate limits by themselves: by the headers before they are refused, and by a 429 after it.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from discord_achievements.domain import routes
from discord_achievements.server.icons import default_icon
from tests.docs.pages import DOCS, blocks
from tests.support import nodejs
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
    environment,
    mine_path,
    prepare,
    progress_path,
    running,
)

pytestmark = pytest.mark.any_python

VERSIONS = ["", "v6", "v7", "v8", "v9", "v10"]
ICON = f"data:image/jpg;base64,{base64.b64encode(default_icon().content).decode()}"
THEIRS = f"/users/{PLAYER}/applications/{APP}/achievements"
PER_WINDOW = 4
LIMITS = ",".join(f"{route.name}={PER_WINDOW}/0.5" for route in routes.ROUTES if route.limit is not None)
CLIENT_TIMEOUT_S = 120.0


class Sent(NamedTuple):
    """One request of a script; `who` is the bot, another client of the same bot, or the player."""

    who: str
    version: str
    method: str
    path: str
    json: Any = None


class Play(NamedTuple):
    """A running service, and how one of the clients plays a script against it."""

    service: RunningService
    tokens: Tokens
    command: list[str]

    def __call__(self, *requests: Sent, at_once: bool = False) -> list[dict[str, Any]]:
        """Return for each request its status and body, or its status and code; the status of a success is None.

        The client sends one request after the other, or all of them `at_once`.
        """
        script = {
            "host": self.service.host,
            "application_id": APP,
            "tokens": {
                "bot": ["Bot", self.tokens.bot],
                "same_bot": ["Bot", self.tokens.bot],
                "player": ["Bearer", self.tokens.player],
            },
            "requests": [request._asdict() for request in requests],
            "at_once": at_once,
        }
        done = subprocess.run(
            self.command,
            input=json.dumps(script),
            capture_output=True,
            check=False,
            cwd=ROOT,
            encoding="utf-8",
            env=environment(),
            timeout=CLIENT_TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        results: list[dict[str, Any]] = json.loads(done.stdout)
        assert len(results) == len(requests)
        return results

    def answered(self, status: int) -> int:
        """Return how many requests were answered with this status so far."""
        with Client(self.service.host) as public:
            metrics = public.site("/metrics").text
        found = re.findall(
            rf'^discord_achievements_requests_total\{{.*status="{status}"\}} (\d+)', metrics, re.MULTILINE
        )
        return sum(map(int, found))


def discord_py() -> list[str]:
    return [sys.executable, "-m", "tests.support.discord_py"]


def discordjs_rest() -> list[str]:
    return nodejs.command("discordjs.mjs", "@discordjs/rest")


@pytest.fixture(params=[discord_py, discordjs_rest], ids=lambda client: client.__name__)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Play]:
    find: Callable[[], list[str]] = request.param
    command = find()
    database = f"sqlite:///{tmp_path.as_posix()}/service.sqlite3"
    tokens = prepare(database)
    with running(database, rate_limits=LIMITS) as service:
        yield Play(service, tokens, command)
        assert service.log == []


def bodies(results: list[dict[str, Any]]) -> list[Any]:
    assert [result for result in results if result["status"] not in (None, 200)] == []
    return [result["body"] for result in results]


def test_all_routes_in_all_versions(play: Play) -> None:
    new = {"name": "N", "description": "D", "icon": ICON, "secret": False}
    created = bodies(play(*(Sent("bot", version, "POST", definitions_path(), new) for version in VERSIONS)))
    script = [
        request
        for version, made in zip(VERSIONS, created, strict=True)
        for request in (
            Sent("bot", version, "GET", definitions_path()),
            Sent("bot", version, "GET", definitions_path(made["id"])),
            Sent("bot", version, "PATCH", definitions_path(made["id"]), {"description": "E"}),
            Sent("bot", version, "PUT", progress_path(made["id"], PLAYER), {"percent_complete": 30}),
            Sent("player", version, "PUT", progress_path(made["id"]), {"percent_complete": 40}),
            Sent("player", version, "GET", mine_path(tail="?started=True")),
            Sent("bot", version, "GET", f"{THEIRS}?started=1"),
            Sent("bot", version, "DELETE", progress_path(made["id"], PLAYER)),
            Sent("bot", version, "DELETE", definitions_path(made["id"])),
            Sent("bot", version, "GET", "/users/@me"),
            Sent("player", version, "GET", "/users/@me"),
            Sent("bot", version, "GET", "/oauth2/@me"),
            Sent("player", version, "GET", "/oauth2/@me"),
            Sent("bot", version, "GET", "/oauth2/applications/@me"),
            Sent("bot", version, "GET", "/gateway/bot"),
        )
    ]
    answers = iter(bodies(play(*script)))
    for version, made in zip(VERSIONS, created, strict=True):
        text = {"name": "N"} if version == "v10" else {"name": {"default": "N"}}
        assert made.items() >= (text | {"icon_hash": default_icon().icon_hash}).items()
        (listed, got, patched, by_bot, by_player, mine, theirs, reset, deleted, bot, player, bots_token, players_token,
         application, gateway) = (next(answers) for _ in range(15))  # fmt: skip
        assert made in listed
        assert got == made
        assert patched == made | {"description": "E" if version == "v10" else {"default": "E"}}
        assert by_bot == {}
        assert by_player.items() >= (patched | {"percent_complete": 40, "user_id": str(PLAYER)}).items()
        assert by_player in mine
        assert by_player in theirs
        assert (reset, deleted) == ("", "")
        assert (bot["id"], bot["bot"], bot["username"]) == (str(APP), True, "A Game")
        assert (player["id"], player["bot"]) == (str(PLAYER), False)
        assert (bots_token["user"], players_token["user"]) == (bot, player)
        assert bots_token["application"] == players_token["application"] | {"owner": bot} == application
        assert gateway["url"].endswith(".invalid")


def test_refusals_are_understood(play: Play) -> None:
    results = play(
        Sent("bot", "v10", "GET", definitions_path(999)),
        Sent("bot", "v10", "GET", mine_path()),
        Sent("player", "v10", "PUT", progress_path(SECURE), {"percent_complete": 5}),
        Sent("bot", "v10", "POST", definitions_path(), {"name": "", "icon": "x"}),
        Sent("bot", "v5", "GET", definitions_path()),
        Sent("player", "v10", "GET", definitions_path()),
    )
    assert [(result["status"], result["code"]) for result in results] == [
        (404, 990001), (403, 20001), (403, 20012), (400, 50035), (400, 50041), (401, 0)
    ]  # fmt: skip


def test_the_headers_are_waited_for(play: Play) -> None:
    assert len(bodies(play(*[Sent("bot", "v10", "GET", definitions_path())] * (3 * PER_WINDOW)))) == 3 * PER_WINDOW
    assert play.answered(429) == 0


def test_a_429_is_waited_for(play: Play) -> None:
    # Two clients with one token do not know of each other, so together they send too much.
    path, whose = progress_path(WIN, PLAYER), ["bot", "same_bot"] * (2 * PER_WINDOW)
    updates = [Sent(who, "v10", "PUT", path, {"percent_complete": percent}) for percent, who in enumerate(whose)]
    assert bodies(play(*updates, at_once=True)) == [{}] * len(updates)
    assert play.answered(429) >= 1
    with Client(play.service.host, f"Bot {play.tokens.bot}") as bot:
        (record,) = bot.get(f"{THEIRS}?started=true").json()
    assert record["percent_complete"] == len(updates) - 1


@pytest.mark.parametrize("play", [discordjs_rest], indirect=True)  # discord.py reads whole answers only
def test_a_stream_is_read(play: Play) -> None:
    (stream,) = play(Sent("player", "v10", "GET", mine_path(tail="/events")))
    assert stream == {"status": 200, "body": "retry: 5000\n\n"}


@pytest.mark.parametrize(
    ("play", "title", "command"),
    [
        (discord_py, "a bot with discord.py", [sys.executable, "-c"]),
        (discordjs_rest, "a bot with @discordjs/rest", ["node", "--input-type=module", "--eval"]),
    ],
    indirect=["play"],
)
def test_the_documented_bot_runs(play: Play, title: str, command: list[str]) -> None:
    (block,) = [block for block in blocks(DOCS / "reference/wire.md") if block.title == title]
    code = block.content.replace("https://achievements.example.com", play.service.host)
    code = code.replace("dabot_...", play.tokens.bot)
    done = subprocess.run(
        [shutil.which(command[0]) or command[0], *command[1:], code],
        capture_output=True,
        check=False,
        cwd=nodejs.NODE,
        encoding="utf-8",
        env=environment(),
        timeout=CLIENT_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    assert "Win the Game" in done.stdout
