"""The constructor: which arguments it refuses, with which error, and what it takes from the environment."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import AchievementManager, CatalogueError, ConfigurationError, DiscordAchievementsError
from discord_achievements.testing import ManualClock, ScriptedTransport
from tests.support.managers import APPLICATION_ID, OK, WALK, GameLoop, without_a_service, write_catalogue
from tests.support.service_games import BASE_URL, ServiceAndGames, bring_back, construct


def mistakes(tmp_path: Path, text: str | bytes, name: str = "achievements.toml") -> CatalogueError:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(CatalogueError) as caught:
        AchievementManager(APPLICATION_ID, achievements=path, data_dir=tmp_path / "data")
    assert isinstance(caught.value, DiscordAchievementsError)
    return caught.value


def test_all_mistakes_of_a_catalogue_are_reported_together(tmp_path: Path) -> None:
    text = f"""
        application_id = {APPLICATION_ID}
        [[achievement]]
        id = 0
        name = ""
        description = "You won!"
        secret = 1
        [[achievement]]
        id = 5
        name = "Walk"
    """
    error = mistakes(tmp_path, textwrap.dedent(text))
    problems = "\n".join(error.problems)
    for wanted in ("achievements.toml:3", "id is 0", "name is", "secret is 1", "achievements.toml:8", "description"):
        assert wanted in problems
    assert len(error.problems) == 4
    assert not (tmp_path / "data").exists()


def test_a_catalogue_of_another_application_is_refused(tmp_path: Path) -> None:
    error = mistakes(tmp_path, "application_id = 5")
    assert "5" in str(error)
    assert str(APPLICATION_ID) in str(error)


@pytest.mark.parametrize("text", ["application_id =", "[" * 100_000, '{"application_id"', "\0"])
def test_a_file_that_is_not_a_catalogue_is_refused(tmp_path: Path, text: str) -> None:
    assert "achievements.toml" in str(mistakes(tmp_path, text))


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    assert "UTF-8" in str(mistakes(tmp_path, "name = 'Müller'".encode("latin-1")))


def test_a_missing_file_is_reported_with_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogueError) as caught:
        AchievementManager(APPLICATION_ID, achievements="achievments.toml", data_dir=tmp_path / "data")
    assert str(tmp_path / "achievments.toml") in str(caught.value)


@pytest.mark.parametrize("path", ["", "a\0b", "."])
def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CatalogueError):
        AchievementManager(APPLICATION_ID, achievements=path, data_dir=tmp_path / "data")


@pytest.mark.parametrize("achievements", [5, {"application_id": APPLICATION_ID}, [WALK]])
def test_a_catalogue_that_is_not_a_path_is_refused(tmp_path: Path, achievements: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"achievements.*path"):
        AchievementManager(APPLICATION_ID, achievements=achievements, data_dir=tmp_path / "data")


@pytest.mark.parametrize("application_id", [0, -1, 2**63, str(APPLICATION_ID), None, 1.0, True])
def test_a_wrong_application_id_is_refused(tmp_path: Path, application_id: Any) -> None:
    with pytest.raises(ConfigurationError, match="application_id"):
        AchievementManager(application_id, achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data")


def test_an_application_id_in_quotes_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pass it as an int"):
        AchievementManager(str(APPLICATION_ID), achievements=write_catalogue(tmp_path))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"data_dir": 5}, "data_dir.* got 5"),
        ({"data_dir": b"data"}, "data_dir"),
        ({"data_dir": "a\0b"}, "data_dir"),
        ({"transport": object()}, r"transport.*send\(\)"),
        ({"transport": ScriptedTransport}, "transport"),
        ({"clock": time}, r"clock.*now\(\)"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"timeout_s": "10"}, "timeout_s"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"timeout_s": 1e300}, "timeout_s"),
        ({"locale": 5}, "locale"),
        ({"locale": ["de"]}, "locale"),
        ({"token": "hunter2"}, "base_url"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path: Path, options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        construct(tmp_path, achievements=write_catalogue(tmp_path), **options)
    assert not (tmp_path / "data").exists()
    assert "hunter2" not in str(caught.value)


def test_a_manager_needs_a_catalogue_or_a_service() -> None:
    with pytest.raises(ConfigurationError, match=r"achievements.*base_url"):
        AchievementManager(APPLICATION_ID)


class Broken(ManualClock):
    """A clock that fails when it is read."""

    def now(self) -> float:
        raise ZeroDivisionError


def test_a_constructor_that_fails_leaves_no_file_open(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        construct(tmp_path, base_url=BASE_URL, token="t", clock=Broken())
    assert list((tmp_path / "data").glob("journal-*.bin")) == [], "an open journal would still be there"


def test_some_attributes_cannot_be_assigned(game: GameLoop) -> None:
    for name in ("application_id", "locale", "clock", "data_dir", "pending_count", "storage_error", "misspelt"):
        with pytest.raises(AttributeError):
            setattr(game.manager, name, 5)


def test_a_manager_shows_how_much_it_has(world: ServiceAndGames) -> None:
    game = world.start(down=True)
    assert "service mode, 0 pending, not fetched" in repr(game.manager)
    game.manager.set_user_achievement(WALK, 10)
    assert "1 pending" in repr(game.manager)
    bring_back(world, world.lines[0])
    assert game.fetch() is OK
    game.until(lambda: "0 pending, 3 listed" in repr(game.manager))


@without_a_service
def test_a_manager_shows_what_it_is(game: GameLoop) -> None:
    assert str(APPLICATION_ID) in repr(game.manager)
    assert "local" in repr(game.manager)
    assert "closed" not in repr(game.manager)
    game.manager.close()
    assert "closed" in repr(game.manager)
    assert "on_user_achievement_update" in repr(game.manager.on_user_achievement_update)


def test_a_subclass_may_have_attributes_of_its_own(tmp_path: Path) -> None:
    class Mine(AchievementManager):
        pass

    with Mine(APPLICATION_ID, achievements=write_catalogue(tmp_path), data_dir=tmp_path / "data") as manager:
        manager.score = 5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url",
    [
        "http://achievements.invalid/api/v10",
        "http://192.168.1.5/api/v10",
        "http://127.0.0.1.evil.invalid/api",
        "http://localhost.evil.invalid/api",
        "http://0.0.0.0/api",
    ],
)
def test_a_token_is_sent_over_http_only_to_this_machine(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="allow_insecure_http"):
        construct(tmp_path, base_url=url, token="t")
    construct(tmp_path, base_url=url, token="t", allow_insecure_http=True).close()


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.8.8.8", "localhost", "LOCALHOST:80", "[::1]:8000"])
def test_http_to_this_machine_is_fine(tmp_path: Path, host: str) -> None:
    construct(tmp_path, base_url=f"http://{host}/api/v10", token="t").close()


@pytest.mark.parametrize(
    "url",
    [
        "https://hunter2@host.invalid/api",
        "https://user:hunter2@host.invalid/api",
        "https://user:hunter2",
        "https://[hunter2/api",
        "https://host.invalid/api?token=hunter2",
        "https://host.invalid/api#hunter2",
        "https://host.invalid/api/ hunter2",
        "https://host.invalid/api\nhunter2",
        "hunter2",
        "//hunter2",
        "ftp://host.invalid/hunter2",
        "https:///hunter2",
        b"https://host.invalid/hunter2",
        5,
    ],
)
def test_an_unusable_url_is_refused_without_repeating_secrets(
    tmp_path: Path, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        construct(tmp_path, base_url=url, token="t")
    assert caught.value.__cause__ is None
    if "@" in str(url) or "?" in str(url) or "#" in str(url):
        assert "hunter2" not in str(caught.value)
    if isinstance(url, str) and "\n" not in url:
        monkeypatch.setenv("DISCORD_ACHIEVEMENTS_URL", url)
        with pytest.raises(ConfigurationError, match="DISCORD_ACHIEVEMENTS_URL"):
            construct(tmp_path, token="t")


def test_the_environment_is_used_for_absent_arguments(world: ServiceAndGames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_ACHIEVEMENTS_URL", "https://from.environment.invalid/api/v10/")
    monkeypatch.setenv("DISCORD_ACCESS_TOKEN", "ann-1")
    game = world.start(None, base_url=None)
    assert game.fetch() is OK
    (request, *_) = world.lines[0].requests
    assert request.url.startswith("https://from.environment.invalid/api/v10/users/@me/")
    assert request.headers["Authorization"] == "Bearer ann-1"
    game.manager.close()
    other = world.start("bob-1", base_url=BASE_URL)
    assert other.fetch() is OK
    (request, *_) = world.lines[1].requests
    assert request.url.startswith(BASE_URL)
    assert request.headers["Authorization"] == "Bearer bob-1"
