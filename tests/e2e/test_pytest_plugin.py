"""The pytest plugin, in projects of game developers: what they write, and what they see when it goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PLUGIN = "discord_achievements.pytest_plugin"
SETTINGS = """
[tool.pytest.ini_options]
achievements_catalogue = "data/achievements.toml"
achievements_sources = ["my_game"]
"""
CATALOGUE = """
application_id = 461618159171141643

[[achievement]]
id = 1001
key = "first_blood"
name = "First Blood"
description = "Beat somebody."

[[achievement]]
id = 1002
key = "collector"
name = "Collector"
description = "Collect 50 stones."
"""
GAME = """
from discord_achievements import AchievementManager

FIRST_BLOOD = 1001
COLLECTOR = 1002


class Game:
    def __init__(self, manager: AchievementManager):
        assert isinstance(manager, AchievementManager)
        self.manager = manager
        self.toasts = []
        self.results = []
        manager.on_user_achievement_update = self.toasts.append

    def beat_somebody(self):
        self.manager.set_user_achievement(FIRST_BLOOD, 100, self.results.append)

    def collect(self, stones):
        self.manager.set_user_achievement(COLLECTOR, stones * 2, self.results.append)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A miniature game with its catalogue and the plugin's settings."""
    monkeypatch.syspath_prepend(pytester.path)
    for name, text in {
        "pyproject.toml": SETTINGS,
        "data/achievements.toml": CATALOGUE,
        "my_game/__init__.py": "",
        "my_game/game.py": GAME,
    }.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return pytester


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which a new Python finds the plugin."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | more


def play(project: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    """Run one test file of the game."""
    project.makepyfile("from my_game.game import Game\n" + textwrap.dedent(test))
    return project.runpytest_inprocess("-p", PLUGIN, "-W", "error", *arguments)


def test_a_game_is_tested_online_and_offline(project: pytest.Pytester) -> None:
    play(
        project,
        """
        def test_a_victory_is_an_achievement(achievements):
            game = Game(achievements)
            game.beat_somebody()
            game.collect(20)
            achievements.assert_unlocked("first_blood")
            achievements.assert_progress("collector", 40)
            assert len(game.toasts) == 2

        def test_nothing_is_left_of_another_test(achievements, achievement_service):
            achievements.assert_locked("first_blood")
            achievement_service.assert_locked("first_blood")

        def test_offline(achievements, achievement_service):
            game = Game(achievements)
            achievement_service.go_offline()
            game.beat_somebody()
            achievements.assert_unlocked("first_blood")
            achievement_service.assert_locked("first_blood")
            achievement_service.come_back()
            achievements.advance(60)
            achievement_service.assert_unlocked("first_blood")

        def test_a_grant(achievements, achievement_service):
            game = Game(achievements)
            achievements.run_callbacks()
            achievement_service.grant("collector", 50)
            achievements.run_callbacks()
            assert [toast.percent_complete for toast in game.toasts] == [50]
        """,
    ).assert_outcomes(passed=4)


def test_a_failed_assertion_says_what_was_found_and_shows_only_the_test(project: pytest.Pytester) -> None:
    result = play(
        project,
        """
        def test_one(achievements):
            game = Game(achievements)
            game.beat_somebody()
            game.collect(20)
            achievements.assert_unlocked("collector")

        def test_other(achievements, achievement_service):
            achievement_service.go_offline()
            Game(achievements).beat_somebody()
            achievements.run_callbacks()
            achievement_service.assert_unlocked("first_blood")

        def test_typo(achievements):
            achievements.assert_unlocked("first_blod")
        """,
    )
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            '>*achievements.assert_unlocked("collector")',
            "E*Error: 'Collector' (collector), id 1002, should be unlocked; in the player's list it is at 40 %",
            "E*besides, 'First Blood' (first_blood) is unlocked",
            '>*achievement_service.assert_unlocked("first_blood")',
            "E*'First Blood' (first_blood), id 1001, should be unlocked; on the service it is at 0 %",
            "E*nothing else has been reached",
            "E*it is offline",
            '>*achievements.assert_unlocked("first_blod")',
            "E*data*achievements.toml has no achievement with the key 'first_blod'; did you mean 'first_blood'?",
        ]
    )
    result.stdout.no_fnmatch_line("*assertions.py*")
    result.stdout.no_fnmatch_line("*names.py*")


def test_setting_an_id_that_is_not_in_the_catalogue_fails_the_test(project: pytest.Pytester) -> None:
    result = play(
        project,
        """
        from contextlib import suppress

        def test_swallowed(achievements):
            with suppress(BaseException):
                achievements.set_user_achievement(1003, 100)

        def test_meant(achievements):
            achievements.set_user_achievement(1003, 100)
            achievements.unknown_ids.clear()

        def test_failed_before(achievements):
            achievements.set_user_achievement(1003, 100)
            assert 1 == 2
        """,
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*test_swallowed*",
            "*.py:7: set_user_achievement: *achievements.toml has no achievement with the id 1003",
            "E*assert 1 == 2",
        ]
    )


def test_unknown_ids_in_code_that_no_test_runs_are_found(project: pytest.Pytester) -> None:
    test = "def test_ids(unknown_achievement_ids): assert unknown_achievement_ids == []"
    play(project, test).assert_outcomes(passed=1)
    (project.path / "my_game" / "boss.py").write_text("BOSS = 1009\nmanager.set_user_achievement(BOSS, 100)\n")
    result = play(project, test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*my_game?boss.py:2: set_user_achievement: *has no achievement with the id 1009*"])


@pytest.mark.parametrize(
    ("settings", "test", "says"),
    [
        (
            "[tool.pytest.ini_options]",
            "def test(achievements): pass",
            'achievements_catalogue is not set: write achievements_catalogue = "achievements.toml" under '
            "?tool.pytest.ini_options? in pyproject.toml (relative to *), or define a fixture achievements_catalogue *",
        ),
        (
            SETTINGS.replace("achievements.toml", "nowhere.toml"),
            "def test(achievements): pass",
            "*there is no such file: *nowhere.toml",
        ),
        (
            '[tool.pytest.ini_options]\nachievements_catalogue = "data/achievements.toml"',
            "def test(unknown_achievement_ids): pass",
            'achievements_sources is not set: write achievements_sources = ?"my_game"? under *',
        ),
        (
            SETTINGS.replace('["my_game"]', '["your_game"]'),
            "def test(unknown_achievement_ids): pass",
            "*your_game does not exist; looked for *",
        ),
    ],
)
def test_a_wrong_setting_is_reported(settings: str, test: str, says: str, project: pytest.Pytester) -> None:
    (project.path / "pyproject.toml").write_text(settings)
    result = play(project, test)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([says])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_every_mistake_of_the_catalogue_is_reported(project: pytest.Pytester) -> None:
    path = project.path / "data" / "achievements.toml"
    path.write_text(CATALOGUE.replace("id = 1001", "id = 0").replace('"Collector"', '""'))
    result = play(project, "def test(achievements): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*has 2 mistakes:", "*id is 0*", "*name is 0 characters long*"])
    result.stdout.no_fnmatch_line("*During handling of*")
    result = play(project, "def test(unknown_achievement_ids): pass")
    result.assert_outcomes(errors=1)
    result.stdout.no_fnmatch_line("*During handling of*")


def test_a_fixture_can_name_another_catalogue(project: pytest.Pytester) -> None:
    (project.path / "pyproject.toml").unlink()
    project.makeconftest(
        """
        import pathlib, pytest

        @pytest.fixture
        def achievements_catalogue():
            return pathlib.Path(__file__).with_name("data") / "achievements.toml"
        """
    )
    play(project, "def test(achievements): achievements.assert_locked('collector')").assert_outcomes(passed=1)


def test_the_settings_are_relative_to_the_rootdir(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    project.makepyfile("def test(achievements, unknown_achievement_ids): achievements.assert_locked('collector')")
    monkeypatch.chdir(project.mkdir("elsewhere"))
    project.runpytest_inprocess("-p", PLUGIN, "..").assert_outcomes(passed=1)


def test_a_project_that_does_not_use_the_plugin_is_unaffected(project: pytest.Pytester) -> None:
    (project.path / "pyproject.toml").unlink()
    project.makepyfile(
        """
        import sys

        def test_the_kit_is_not_loaded():
            assert [name for name in sys.modules if name.startswith("discord_achievements.testing")] == []
            assert "requests" not in sys.modules
        """
    )
    for arguments in (["--version"], ["-p", "no:cacheprovider"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "pytest", "-W", "error", "-p", PLUGIN, *arguments],
            cwd=project.path,
            env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),  # other plugins may load anything
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "arning" not in done.stdout + done.stderr


def test_the_fixtures_are_listed_with_a_description(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("-p", PLUGIN, "--fixtures")
    result.stdout.fnmatch_lines(["achievements -- *", "*An `AchievementManager` for the game under test*"])
