"""A client generated from /openapi.json sends what its user has set, and reads what the service answers."""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from discord_achievements.server.web.openapi import describe
from tests.support.running import APP, PLAYER, WIN, Client, RunningService, Tokens, definitions_path, running

PACKAGE = "generated_achievements_client"
CHANGES: dict[str, Any] = {
    "name": "Another",
    "description": "Other words",
    "name_localizations": None,
    "description_localizations": None,
    "secret": True,
    "secure": True,
    "icon": None,
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_text(json.dumps(describe()), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        config = Config.from_sources(
            ConfigFile(post_hooks=[]), MetaType.NONE, document, "utf-8", overwrite=False, output_path=folder / PACKAGE
        )
        problems = [problem for problem in generate(config=config) if "text/event-stream" not in str(problem.detail)]
        assert problems == [], "the generator understands the whole description"
        patch.syspath_prepend(folder)
        yield importlib.import_module(PACKAGE)


@pytest.fixture(scope="module")
def service(database: str, tokens: Tokens) -> Iterator[RunningService]:
    with running(database) as service:
        yield service


class Generated:
    """The generated client with one token; `sent` are the bodies of its requests."""

    def __init__(self, package: ModuleType, url: str, token: str, prefix: str) -> None:
        self._package = package.__name__
        self.sent: list[Any] = []
        hooks = {"request": [self._record]}
        client = importlib.import_module(f"{self._package}.client")
        self._client = client.AuthenticatedClient(
            url, token, prefix=prefix, httpx_args={"event_hooks": hooks, "trust_env": False}
        )

    def model(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{self._package}.models"), name)

    def call(self, route: str, **given: Any) -> Any:
        """Return the answer as the client has parsed it."""
        module = importlib.import_module(f"{self._package}.api.default.{route}")
        return module.sync(client=self._client, application_id=str(APP), **given)

    def close(self) -> None:
        self._client.get_httpx_client().close()

    def _record(self, request: httpx.Request) -> None:
        self.sent.append(json.loads(request.content) if request.content else None)


@pytest.fixture
def bot(generated: ModuleType, service: RunningService, tokens: Tokens) -> Iterator[Generated]:
    bot = Generated(generated, service.url, tokens.bot, "Bot")
    yield bot
    bot.close()


@pytest.fixture
def player(generated: ModuleType, service: RunningService, tokens: Tokens) -> Iterator[Generated]:
    player = Generated(generated, service.url, tokens.player, "Bearer")
    yield player
    player.close()


def test_a_change_has_what_was_set_and_nothing_else(bot: Generated) -> None:
    change = bot.model("AchievementChange")
    for count in range(len(CHANGES) + 1):
        for names in itertools.combinations(CHANGES, count):
            wanted = {name: CHANGES[name] for name in names}
            assert change(**wanted).to_dict() == wanted


def test_a_partial_update_leaves_the_rest_alone(bot: Generated, service: RunningService, tokens: Tokens) -> None:
    new = bot.model("NewAchievement")(
        name=bot.model("Text").from_dict({"default": "N", "localizations": {"de": "Ä"}}),
        description="D",
        secret=True,
        secure=True,
    )
    made = bot.call("create_achievement", body=new)
    with Client(service.host, f"Bot {tokens.bot}") as plain:
        before = plain.get(definitions_path(made.id)).json()
        assert (before["secret"], before["secure"], before["name_localizations"]) == (True, True, {"de": "Ä"})
        bot.sent.clear()
        for name, value in CHANGES.items():
            if name not in ("secret", "secure"):
                change = bot.model("AchievementChange")(**{name: value})
                changed = bot.call("update_achievement", achievement_id=made.id, body=change)
                assert changed.to_dict() == plain.get(definitions_path(made.id)).json()
                assert bot.sent.pop() == {name: value}
                assert (changed.secret, changed.secure) == (True, True)
                before |= {} if name == "icon" else {name: value}
                assert changed.to_dict() == before
        assert bot.call("delete_achievement", achievement_id=made.id) is None


def test_the_other_routes_are_read(bot: Generated, player: Generated) -> None:
    update = player.model("ProgressUpdate")(percent_complete=40)
    record = player.call("update_user_achievement", user_id="@me", achievement_id=str(WIN), body=update)
    assert (record.percent_complete, record.unlocked_at) == (40, None)
    for started in (True, False):
        mine = player.call("get_user_achievements", started=started)
        theirs = bot.call("get_player_achievements", user_id=str(PLAYER), started=started)
        assert next(entry for entry in mine if entry.id == str(WIN)).to_dict() == record.to_dict()
        assert len(theirs) == (1 if started else 4)
    assert {entry.id for entry in bot.call("get_achievements")} >= {str(WIN)}
    assert bot.call("get_achievement", achievement_id=str(WIN)).name == "Win the Game"
    refused = bot.call("get_achievement", achievement_id="999")
    assert (refused.message, refused.code) == ("Unknown Achievement", 990001)
    assert bot.call("reset_user_achievement", user_id=str(PLAYER), achievement_id=str(WIN)) is None
