"""Old code runs after a change of its import: the old names and their behaviour, on a real manager in local mode."""

from __future__ import annotations

import copy
import gc
import inspect
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import discord_achievements
from discord_achievements import CatalogueError, ConfigurationError, DiscordAchievementsError, gamesdk
from discord_achievements.gamesdk import NotOfferedError, discord, discordsdk
from discord_achievements.gamesdk.absent import ABSENT_NAMES
from discord_achievements.gamesdk.results import log_in_pascal_case
from discord_achievements.testing import FakeService, FaultServer, run_until
from tests.support.managers import APPLICATION_ID, SECURE, WALK, WIN, write_catalogue
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
# Made by reading the sources of both wrappers; neither can be imported without Discord's native library.
OLD: dict[str, Any] = json.loads((ROOT / "tests" / "data" / "gamesdk_names.json").read_text(encoding="utf-8"))
SPELLINGS = (discordsdk, discord)
UNKNOWN = 999
LOGGER = logging.getLogger("discord_achievements")


def short_name(spelling: ModuleType) -> str:
    return spelling.__name__.rpartition(".")[2]


def old(spelling: ModuleType) -> Any:
    return OLD[short_name(spelling)]


def spelt(spelling: ModuleType, name: str) -> str:
    """Spell a name of discordsdk as `spelling` does: get_user_achievement becomes GetUserAchievement."""
    return name if spelling is discordsdk else "".join(word.capitalize() for word in name.split("_"))


def each(kind: str) -> list[Any]:
    """Return a parameter for each name of a kind in each spelling."""
    return [pytest.param(one, name, id=f"{short_name(one)}-{name}") for one in SPELLINGS for name in old(one)[kind]]


class OldGame:
    """A game written for one of the wrappers; tests use the names of discordsdk."""

    def __init__(self, spelling: Any, flags: int = 0) -> None:
        self.spelling = spelling
        self.app = spelling.Discord(APPLICATION_ID, spelling.CreateFlags(flags))
        self.manager = self.call(self.app, "get_achievement_manager")
        self.results: list[Any] = []

    def call(self, owner: object, verb: str, *arguments: object) -> Any:
        return getattr(owner, spelt(self.spelling, verb))(*arguments)

    def run_callbacks(self) -> None:
        self.call(self.app, "run_callbacks")

    def result(self, name: str) -> Any:
        return self.spelling.Result[spelt(self.spelling, name)]

    def exception(self, name: str) -> Any:
        return getattr(self.spelling.exception, spelt(self.spelling, name))

    def ask(self, verb: str, *arguments: object) -> Any:
        """Call a verb that takes a callback, and return the callback's result."""
        count = len(self.results)
        self.call(self.manager, verb, *arguments, self.results.append)
        run_until(self, lambda: len(self.results) > count)
        return self.results[-1]

    def listen(self, function: Callable[[Any], object]) -> None:
        setattr(self.manager, spelt(self.spelling, "on_user_achievement_update"), function)

    def fields(self, achievement: object) -> tuple[object, ...]:
        return tuple(getattr(achievement, name) for name in old(self.spelling)["fields"]["UserAchievement"])


Play = Callable[..., OldGame]


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("DISCORD_ACHIEVEMENTS_URL", "DISCORD_ACCESS_TOKEN", "DISCORD_CURRENT_LOCALE"):
        monkeypatch.delenv(variable, raising=False)
    level = LOGGER.level
    yield
    LOGGER.setLevel(level)
    LOGGER.removeFilter(log_in_pascal_case)
    gamesdk.configure()


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Starts a game in a spelling, with the test's own catalogue and data folder."""
    gamesdk.configure(achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")
    games: list[OldGame] = []

    def play(spelling: ModuleType, flags: int = 0) -> OldGame:
        games.append(OldGame(spelling, flags))
        return games[-1]

    yield play
    for game in games:
        game.app.core.close()


@pytest.fixture(params=SPELLINGS, ids=short_name)
def spelling(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.fixture
def game(play: Play, spelling: ModuleType) -> OldGame:
    return play(spelling)


# The names


@pytest.mark.parametrize(("spelling", "name"), each("names"))
def test_every_old_name_exists_or_raises_not_offered(spelling: ModuleType, name: str) -> None:
    achievements = {
        "AchievementManager", "CreateFlags", "Discord", "DiscordException", "LogLevel", "Result", "UserAchievement",
        "achievement", "discord", "enum", "exception", "exceptions", "getException", "get_exception", "model",
    }  # fmt: skip
    if name in achievements:
        assert getattr(spelling, name)
    else:
        with pytest.raises(NotOfferedError, match=f"{name} is not offered"):
            getattr(spelling, name)


@pytest.mark.parametrize(("spelling", "name"), each("enums"))
def test_enums_have_the_old_members_and_numbers(spelling: ModuleType, name: str) -> None:
    members = getattr(spelling, name).__members__  # iterating over flags skips the one that is 0
    assert {key: member.value for key, member in members.items()} == old(spelling)["enums"][name]


@pytest.mark.parametrize(
    ("spelling", "class_name", "method"),
    [
        (one, class_name, method)
        for one in SPELLINGS
        for class_name, methods in old(one)["methods"].items()
        for method in methods
    ],
)
def test_methods_take_the_old_arguments(spelling: ModuleType, class_name: str, method: str) -> None:
    wanted = old(spelling)["methods"][class_name][method]
    if class_name == "Discord" and method.endswith(("Manager", "_manager")) and "chievement" not in method:
        assert not hasattr(getattr(spelling, class_name), method)
        return
    bound = (None,) * len(wanted)
    signature = inspect.signature(getattr(getattr(spelling, class_name), method))
    if wanted == ["self"]:
        signature.bind(*bound)
    else:
        assert list(signature.parameters) == wanted


@pytest.mark.parametrize(("spelling", "name"), each("functions"))
def test_functions_take_the_old_arguments(spelling: ModuleType, name: str) -> None:
    assert list(inspect.signature(getattr(spelling, name)).parameters) == old(spelling)["functions"][name]


def test_a_name_that_never_existed_is_an_attribute_error(spelling: ModuleType) -> None:
    assert not hasattr(spelling, "get_achievment_manager")


def test_results_have_the_numbers_of_the_managers_results(spelling: Any) -> None:
    assert {int(one) for one in spelling.Result} == {int(one) for one in discord_achievements.Result}


def test_every_result_has_an_exception_of_its_name(spelling: Any) -> None:
    for result in spelling.Result:
        kind = getattr(spelling.exception, result.name)
        assert kind.__name__ == result.name
        assert kind is spelling.exceptions[result]
        assert issubclass(kind, spelling.DiscordException)
        make = getattr(spelling, spelt(spelling, "get_exception").replace("GetE", "getE"))
        assert type(make(result)) is kind
        assert str(make(result)) == f"result {result.value}"
    assert issubclass(spelling.DiscordException, DiscordAchievementsError)


@pytest.mark.parametrize(
    ("spelling", "method"),
    [
        (one, method)
        for one in SPELLINGS
        for method in old(one)["methods"]["Discord"]
        if method.endswith(("Manager", "_manager")) and "chievement" not in method
    ],
)
def test_another_manager_is_one_clear_error(play: Play, spelling: ModuleType, method: str) -> None:
    game = play(spelling)
    assert not hasattr(game.app, method)
    with pytest.raises(NotOfferedError) as caught:
        getattr(game.app, method)()
    assert str(caught.value).startswith(f"Discord.{method}() is not offered")
    assert isinstance(caught.value, NotImplementedError)


IMPORTS = [
    "from {old}.enum import Result, CreateFlags",
    "from {old}.exception import {NotFetched}",
    "from {old}.model import UserAchievement",
    "from {old}.achievement import AchievementManager",
    "import {old}.enum as enum; enum.Result",
    "import {old}.exception as exception; exception.DiscordException",
    "from {old} import enum; enum.LogLevel",
    "from {old} import *; Discord, Result",
]


@pytest.mark.parametrize("statement", IMPORTS)
def test_every_old_import_works_with_the_prefix(spelling: ModuleType, statement: str) -> None:
    names = {"old": spelling.__name__, "NotFetched": spelt(spelling, "not_fetched")}
    if spelling is discordsdk:
        names["NotFetched"] = "not_fetched"
    # In an interpreter of its own: here the modules have been imported already.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", statement.format(**names)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("from {old} import Activity", "{old}.Activity"),
        ("from {old}.activity import Activity", "{old}.activity"),
        ("import {old}.lobby", "{old}.lobby"),
        ("from {old}.enum import ActivityType", "{old}.ActivityType"),
        ("from {old} import Result, sdk", "{old}.sdk"),
    ],
)
def test_the_import_of_an_absent_part_is_an_import_error_with_the_reason(
    spelling: ModuleType, statement: str, named: str
) -> None:
    with pytest.raises(ImportError) as caught:
        exec(statement.format(old=spelling.__name__))
    assert isinstance(caught.value, NotOfferedError)
    assert str(caught.value).startswith(f"{named.format(old=spelling.__name__)} is not offered")


def test_absent_parts_are_found_absent_in_the_usual_ways(spelling: ModuleType) -> None:
    for name in ABSENT_NAMES:
        assert not hasattr(spelling, name)
        assert getattr(spelling, name, None) is None
    with pytest.raises(ImportError) as caught:
        exec(f"from {spelling.__name__} import NeverExisted")
    assert not isinstance(caught.value, NotOfferedError)
    with pytest.raises(ModuleNotFoundError):
        exec(f"import {spelling.__name__}.never_existed")


def test_messages_name_the_verbs_of_the_spelling(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    for spelling, fetch, set_ in (
        (discordsdk, "fetch_user_achievements()", f"set_user_achievement({UNKNOWN})"),
        (discord, "FetchUserAchievements()", f"SetUserAchievement({UNKNOWN})"),
    ):
        game = play(spelling)
        with pytest.raises(game.exception("not_fetched")) as caught:
            game.call(game.manager, "get_user_achievement", WALK)
        assert f"call {fetch} and wait" in str(caught.value)
        caplog.clear()
        assert game.ask("set_user_achievement", UNKNOWN, 100) is game.result("not_found")
        until(lambda: caplog.messages, "the warning")
        assert set_ in caplog.text
        game.app.core.close()


# What Discord's page shows, in both spellings

SNAKE_PROGRAM = """
import time
import discordsdk as dsdk

app = dsdk.Discord(461618159171141643, dsdk.CreateFlags.default)
achievement_manager = app.get_achievement_manager()
done = []

def on_set(res):
    if res == dsdk.Result.ok:
        print("Achievement updated for user")
    achievement_manager.fetch_user_achievements(on_fetch)

def on_fetch(res):
    if res == dsdk.Result.ok:
        print("User has {0} achievements for this game".format(achievement_manager.count_user_achievements()))
        for i in range(achievement_manager.count_user_achievements()):
            show(achievement_manager.get_user_achievement_at(i))
        show(achievement_manager.get_user_achievement(580159119969878046))
    done.append(res)

def show(achievement):
    print("Achievement progress for {0} for user {1}: {2}".format(
        achievement.achievement_id, achievement.user_id, achievement.percent_complete))

def on_user_achievement_update(achievement):
    print("Updated: {0}".format(achievement.percent_complete))

achievement_manager.on_user_achievement_update = on_user_achievement_update
achievement_manager.set_user_achievement(580159119969878046, 25, on_set)
while not done:
    time.sleep(1 / 100)
    app.run_callbacks()
"""
SHARP_PROGRAM = """
import time
from discord import Discord, Result, CreateFlags

app = Discord(461618159171141643, CreateFlags.Default)
achievementManager = app.GetAchievementManager()
done = []

def onSet(res):
    if res == Result.Ok:
        print("Achievement updated for user")
    achievementManager.FetchUserAchievements(onFetch)

def onFetch(res):
    if res == Result.Ok:
        print("User has {0} achievements for this game".format(achievementManager.CountUserAchievements()))
        for i in range(achievementManager.CountUserAchievements()):
            show(achievementManager.GetUserAchievementAt(i))
        show(achievementManager.GetUserAchievement(580159119969878046))
    done.append(res)

def show(achievement):
    print("Achievement progress for {0} for user {1}: {2}".format(
        achievement.AchievementId, achievement.UserId, achievement.PercentComplete))

def onUserAchievementUpdate(achievement):
    print("Updated: {0}".format(achievement.PercentComplete))

achievementManager.OnUserAchievementUpdate = onUserAchievementUpdate
achievementManager.SetUserAchievement(580159119969878046, 25, onSet)
while not done:
    time.sleep(1 / 100)
    app.RunCallbacks()
"""


@pytest.mark.parametrize(
    ("program", "old_import", "new_import"),
    [
        (SNAKE_PROGRAM, "import discordsdk as", "from discord_achievements.gamesdk import discordsdk as"),
        (SHARP_PROGRAM, "from discord import", "from discord_achievements.gamesdk.discord import"),
    ],
)
def test_the_samples_of_discords_page_run_by_changing_one_import(
    tmp_path: Path, program: str, old_import: str, new_import: str
) -> None:
    (tmp_path / "achievements.toml").write_text(
        'application_id = 461618159171141643\n[[achievement]]\nid = 580159119969878046\nname = "Walk"\n'
        'description = "Walk a mile."\n[[achievement]]\nid = 580159119969878047\nname = "Win"\ndescription = "Win."\n'
    )
    assert program.count(old_import) == 1
    home = dict.fromkeys(("HOME", "USERPROFILE", "XDG_DATA_HOME", "LOCALAPPDATA"), str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program.replace(old_import, new_import)],
        cwd=tmp_path,
        env={**os.environ, **home, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert sorted(lines[:2]) == ["Achievement updated for user", "Updated: 25"]
    assert lines[2:] == [
        "User has 2 achievements for this game",
        "Achievement progress for 580159119969878046 for user 0: 25",
        "Achievement progress for 580159119969878047 for user 0: 0",
        "Achievement progress for 580159119969878046 for user 0: 25",
    ]


# What the verbs do


def test_results_are_those_of_the_spelling(game: OldGame) -> None:
    assert game.ask("set_user_achievement", WALK, 25) is game.result("ok")
    assert game.ask("set_user_achievement", UNKNOWN, 25) is game.result("not_found")
    assert game.ask("set_user_achievement", SECURE, 25) is game.result("unauthorized_for_achievement")


def test_a_percentage_out_of_range_is_refused_and_not_cut_to_a_byte(game: OldGame) -> None:
    assert game.ask("set_user_achievement", WALK, 300) is game.result("invalid_payload")
    assert game.ask("fetch_user_achievements") is game.result("ok")
    assert game.fields(game.call(game.manager, "get_user_achievement", WALK)) == (0, WALK, 0, "")


def test_an_unlock_can_be_read_with_all_its_fields(game: OldGame) -> None:
    game.ask("set_user_achievement", WIN, 100)
    game.ask("fetch_user_achievements")
    user_id, achievement_id, percent, unlocked_at = game.fields(game.call(game.manager, "get_user_achievement", WIN))
    assert (user_id, achievement_id, percent) == (0, WIN, 100)
    assert isinstance(unlocked_at, str)
    assert "T" in unlocked_at


def test_before_a_fetch_the_list_is_empty(game: OldGame) -> None:
    assert game.call(game.manager, "count_user_achievements") == 0
    with pytest.raises(game.exception("not_fetched"), match=r"result 8: .*call (fetch_user_a|FetchUserA)chievements"):
        game.call(game.manager, "get_user_achievement", WALK)
    with pytest.raises(game.exception("not_fetched")):
        game.call(game.manager, "get_user_achievement_at", 0)


@pytest.mark.parametrize(
    ("verb", "argument"),
    [("get_user_achievement", UNKNOWN), ("get_user_achievement_at", 3), ("get_user_achievement_at", -1)],
)
def test_an_achievement_outside_the_list_is_not_found(game: OldGame, verb: str, argument: int) -> None:
    game.ask("fetch_user_achievements")
    with pytest.raises(game.exception("not_found"), match=r"result 9: .*list"):
        game.call(game.manager, verb, argument)


def test_run_callbacks_raises_a_callbacks_exception_and_calls_the_others(game: OldGame) -> None:
    def mistaken(result: IntEnum) -> None:
        raise ZeroDivisionError("in the game's code")

    game.call(game.manager, "set_user_achievement", WALK, 25, mistaken)
    with pytest.raises(ZeroDivisionError, match="in the game's code"):
        run_until(game, lambda: False)
    assert game.ask("set_user_achievement", WALK, 50) is game.result("ok")


def test_a_callback_can_be_omitted_but_must_be_callable(game: OldGame) -> None:
    game.call(game.manager, "set_user_achievement", WALK, 25, None)
    game.call(game.manager, "fetch_user_achievements", None)
    run_until(game, lambda: game.call(game.manager, "count_user_achievements"))
    assert game.fields(game.call(game.manager, "get_user_achievement", WALK))[2] == 25
    with pytest.raises(TypeError, match="callback must be a function or None, got 'no function'"):
        game.call(game.manager, "set_user_achievement", WALK, 50, "no function")
    with pytest.raises(TypeError, match="callback must be a function or None, got 7"):
        game.call(game.manager, "fetch_user_achievements", 7)


def test_the_achievement_manager_is_always_the_same(game: OldGame) -> None:
    assert game.call(game.app, "get_achievement_manager") is game.manager


def test_discord_need_not_run_with_either_flag(play: Play, spelling: ModuleType) -> None:
    assert play(spelling, flags=1).ask("set_user_achievement", WALK, 25) == 0


# The update event


def test_updates_reach_an_assigned_function_and_then_its_replacement(game: OldGame) -> None:
    first: list[Any] = []
    second: list[Any] = []
    game.listen(first.append)
    game.ask("set_user_achievement", WALK, 25)
    game.listen(second.append)
    game.ask("set_user_achievement", WALK, 50)
    assert [game.fields(one) for one in first] == [(0, WALK, 25, "")]
    assert [game.fields(one) for one in second] == [(0, WALK, 50, "")]
    assert all(type(one) is game.spelling.UserAchievement for one in first + second)


def test_updates_reach_a_subclass_of_discordsdk(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[int] = []

    class Listening(discordsdk.AchievementManager):
        def on_user_achievement_update(self, achievement: discordsdk.UserAchievement) -> None:
            received.append(achievement.percent_complete)

    monkeypatch.setattr(discordsdk.discord, "AchievementManager", Listening)
    play(discordsdk).ask("set_user_achievement", WALK, 25)
    assert received == [25]


def test_updates_reach_a_subclass_of_discord(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[int] = []

    class Listening(discord.AchievementManager):
        def OnUserAchievementUpdate(self, achievement: discord.UserAchievement) -> None:
            received.append(achievement.PercentComplete)

    monkeypatch.setattr(discord, "AchievementManager", Listening)
    play(discord).ask("set_user_achievement", WALK, 25)
    assert received == [25]


def test_run_callbacks_raises_an_update_handlers_exception(game: OldGame) -> None:
    def mistaken(achievement: object) -> None:
        raise ZeroDivisionError("in the game's code")

    game.listen(mistaken)
    game.call(game.manager, "set_user_achievement", WALK, 25, None)
    with pytest.raises(ZeroDivisionError, match="in the game's code"):
        run_until(game, lambda: False)


# The log


def test_the_log_hook_is_called_on_the_games_thread(tmp_path: Path, spelling: Any, play: Play) -> None:
    gamesdk.configure(achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")
    game = play(spelling)
    replaced: list[str] = []
    logged: list[tuple[Any, str, threading.Thread]] = []
    warning = spelling.LogLevel(1)
    game.call(game.app, "set_log_hook", warning, lambda level, message: replaced.append(message))
    game.call(
        game.app,
        "set_log_hook",
        warning,
        lambda level, message: logged.append((level, message, threading.current_thread())),
    )
    game.app.core.set_user_achievement(UNKNOWN, 100)
    run_until(game, lambda: logged)
    ((level, message, thread),) = logged
    assert level is warning
    assert "no achievement with this id" in message
    assert thread is threading.current_thread()
    assert replaced == []


def test_the_log_hook_skips_less_severe_messages(tmp_path: Path, spelling: Any, play: Play) -> None:
    gamesdk.configure(achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")
    careless, careful = play(spelling), play(spelling)
    logged: list[str] = []
    barely: list[str] = []
    careless.call(careless.app, "set_log_hook", spelling.LogLevel(0), lambda level, message: barely.append(message))
    careful.call(careful.app, "set_log_hook", spelling.LogLevel(3), lambda level, message: logged.append(message))
    careful.app.core.set_user_achievement(UNKNOWN, 100)
    run_until(careful, lambda: logged)
    careless.run_callbacks()
    assert barely == []


def test_run_callbacks_raises_a_log_hooks_exception(game: OldGame) -> None:
    def mistaken(level: int, message: str) -> None:
        raise ZeroDivisionError(message)

    game.call(game.app, "set_log_hook", game.spelling.LogLevel(0), mistaken)
    LOGGER.error("the disk is %s", "full")
    with pytest.raises(ZeroDivisionError, match="the disk is full"):
        game.run_callbacks()
    game.run_callbacks()


def test_the_log_hook_is_removed_with_its_discord(tmp_path: Path, spelling: ModuleType) -> None:
    gamesdk.configure(achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")
    before = set(LOGGER.handlers)
    game = OldGame(spelling)
    game.call(game.app, "set_log_hook", game.spelling.LogLevel(0), print)
    assert set(LOGGER.handlers) - before
    game.app.core.close()
    del game
    gc.collect()
    assert not set(LOGGER.handlers) - before


def test_removing_a_discord_while_a_message_is_logged_loses_no_message_of_another(
    tmp_path: Path, spelling: ModuleType
) -> None:
    gamesdk.configure(achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")
    games = [OldGame(spelling), OldGame(spelling)]
    logged: list[str] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(games) == 2:
                del games[0]
                gc.collect()

    collecting = Collecting()
    games[0].call(games[0].app, "set_log_hook", spelling.LogLevel(0), print)
    LOGGER.addHandler(collecting)
    games[1].call(games[1].app, "set_log_hook", spelling.LogLevel(0), lambda level, message: logged.append(message))
    games[0].app.core.close()
    try:
        LOGGER.error("the disk is full")
    finally:
        LOGGER.removeHandler(collecting)
    assert len(games) == 1
    games[0].run_callbacks()
    assert logged == ["the disk is full"]
    games[0].app.core.close()


def test_an_unknown_log_level_is_refused(game: OldGame) -> None:
    with pytest.raises(ValueError, match="7 is not a valid LogLevel"):
        game.call(game.app, "set_log_hook", 7, print)


# The configuration


def test_a_misspelt_option_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="achievments"):
        gamesdk.configure(achievments="achievements.toml")


def test_configuring_again_replaces_everything(
    tmp_path: Path, spelling: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gamesdk.configure(achievements=write_catalogue(tmp_path))
    gamesdk.configure(locale="de")
    with pytest.raises(ConfigurationError):
        OldGame(spelling)


def test_configured_paths_start_where_they_were_configured(
    tmp_path: Path, spelling: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    gamesdk.configure(achievements=write_catalogue(tmp_path).name, data_dir="data")
    monkeypatch.chdir(tmp_path / "elsewhere")
    game = OldGame(spelling)
    assert game.app.core.data_dir == tmp_path / "data"
    game.app.core.close()


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickle.dumps])
def test_the_old_objects_are_not_copied(game: OldGame, make: Callable[[object], object]) -> None:
    for one in (game.app, game.manager):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            make(one)


def test_without_configuration_the_error_says_what_to_do(
    tmp_path: Path, spelling: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        OldGame(spelling)
    for hint in (str(tmp_path / "achievements.toml"), "gamesdk.configure(", "DISCORD_ACHIEVEMENTS_URL"):
        assert hint in str(caught.value)


def test_mistakes_in_a_catalogue_are_reported(tmp_path: Path, spelling: ModuleType) -> None:
    gamesdk.configure(achievements=write_catalogue(tmp_path, application_id=UNKNOWN), data_dir=tmp_path)
    with pytest.raises(CatalogueError, match="application_id"):
        OldGame(spelling)


def test_a_service_from_the_environment_knows_the_player(
    tmp_path: Path, spelling: ModuleType, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = FakeService(APPLICATION_ID)
    service.add_achievement(WALK, "Walk", "Walk a mile.")
    service.add_player("a-token", user_id=53908232506183680)
    gamesdk.configure(data_dir=tmp_path / "data")
    with FaultServer(service) as server:
        monkeypatch.setenv("DISCORD_ACHIEVEMENTS_URL", server.base_url)
        monkeypatch.setenv("DISCORD_ACCESS_TOKEN", "a-token")
        game = play(spelling)
        assert game.ask("set_user_achievement", WALK, 25) is game.result("ok")
        assert game.ask("fetch_user_achievements") is game.result("ok")
        game.app.core.close()
    assert service.progress(user_id=53908232506183680)[WALK].percent == 25
    achievement = game.call(game.manager, "get_user_achievement_at", 0)
    assert game.fields(achievement) == (53908232506183680, WALK, 25, "")


def test_a_game_without_the_old_names_does_not_load_them() -> None:
    code = "import sys, discord_achievements; print([name for name in sys.modules if 'gamesdk' in name])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("result", "printed"),
    [(discordsdk.Result.not_found, "Result.not_found"), (discord.Result.NotFound, "Result.NotFound")],
)
def test_a_result_prints_as_it_did(result: IntEnum, printed: str) -> None:
    assert (str(result), f"{result:d}", result + 1) == (printed, "9", 10)
