"""Definitions: texts by locale, flags, and catalogues that change."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from discord_achievements import AchievementManager, CatalogueError, ConfigurationError, Result
from discord_achievements.client.net.transport import Response
from discord_achievements.domain.catalogue import parse_catalogue
from discord_achievements.testing import ScriptedTransport
from tests.support.managers import (
    APPLICATION_ID,
    OK,
    PLAIN,
    SECRET,
    SECURE,
    UNKNOWN,
    WALK,
    WIN,
    GameLoop,
    Start,
    result_of,
    without_a_service,
    write_catalogue,
)
from tests.support.service_games import JSON, ServiceAndGames, listing, scripted, superset

TRANSLATED = PLAIN | {
    "name_localizations": {"de": "Gehe", "pt-BR": "Ande", "en-GB": "Stroll"},
    "description_localizations": {"de": "Gehe eine Meile."},
}


@without_a_service
@pytest.mark.parametrize(
    ("locale", "name", "description"),
    [
        ("de", "Gehe", "Gehe eine Meile."),  # exact
        ("pt-BR", "Ande", "Walk a mile."),
        ("de-AT", "Gehe", "Gehe eine Meile."),  # same language
        ("ja", "Walk", "Walk a mile."),  # neither
        (None, "Stroll", "Walk a mile."),  # the default is en-US, and en-GB is the same language
    ],
)
def test_texts_are_in_the_managers_locale(
    start: Start, tmp_path: Path, locale: str | None, name: str, description: str
) -> None:
    game = start(achievements=write_catalogue(tmp_path, [TRANSLATED]), locale=locale)
    achievement = game.manager.get_achievement(WALK)
    assert (achievement.name, achievement.description) == (name, description)
    assert (achievement.application_id, achievement.id) == (APPLICATION_ID, WALK)
    assert achievement.name_localizations == TRANSLATED["name_localizations"]


@pytest.mark.parametrize("locale", ["german", "English_United States", "C"])
def test_an_unknown_locale_is_logged(start: Start, locale: str, caplog: pytest.LogCaptureFixture) -> None:
    assert start(locale=locale).manager.get_achievement(WALK).name == "Walk"
    (message,) = caplog.messages
    assert repr(locale) in message
    assert "de, el, en-GB" in message


@pytest.mark.parametrize("locale", ["de", "DE", "de_AT", "de_DE.UTF-8", "sk", "sr-Latn-RS"])
def test_a_locale_of_any_language_is_fine(start: Start, locale: str, caplog: pytest.LogCaptureFixture) -> None:
    start(locale=locale)
    assert caplog.messages == []


DAMAGED = ['{"de": "Ge', "[1, 2]", '"de"', "[" * 100_000, '{"de": 5}', b"\xff\xfe{", 5]


@without_a_service
@pytest.mark.parametrize("damaged", DAMAGED, ids=lambda damaged: repr(damaged)[:12])
def test_damaged_localizations_leave_the_default_text(start: Start, tmp_path: Path, damaged: object) -> None:
    catalogue = write_catalogue(tmp_path, [TRANSLATED])
    game = start(achievements=catalogue)
    with closing(sqlite3.connect(tmp_path / "data" / "achievements.sqlite3")) as database, database:
        columns = "name_localizations = ?, description_localizations = ?"
        database.execute(f"UPDATE definition SET {columns} WHERE id = ?", (damaged, damaged, WALK))
    game.fetch()
    game.set(WALK, 10)  # reads that row again
    achievement = game.manager.get_achievement(WALK)
    assert (achievement.name, achievement.description) == ("Walk", "Walk a mile.")
    game.manager.close()
    again = start(achievements=catalogue, locale="de")
    assert again.manager.get_achievement(WALK).name == "Gehe"  # repaired by the next start


@without_a_service
def test_the_locale_comes_from_the_environment_if_the_game_passes_none(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_CURRENT_LOCALE", "de")
    catalogue = write_catalogue(tmp_path, [TRANSLATED])
    assert start(achievements=catalogue).manager.get_achievement(WALK).name == "Gehe"
    assert start(achievements=catalogue, locale="pt-BR").manager.get_achievement(WALK).name == "Ande"


def test_a_definition_has_its_secret_and_secure_flags(game: GameLoop) -> None:
    flags = {
        id_: (game.manager.get_achievement(id_).secret, game.manager.get_achievement(id_).secure)
        for id_ in (WALK, SECRET, SECURE)
    }
    assert flags == {WALK: (False, False), SECRET: (True, False), SECURE: (False, True)}


@pytest.mark.parametrize("achievement_id", [UNKNOWN, "x", None])
def test_a_missing_definition_is_not_found(game: GameLoop, achievement_id: Any) -> None:
    assert result_of(lambda: game.manager.get_achievement(achievement_id)) is Result.NOT_FOUND


@without_a_service
def test_a_changed_catalogue_counts_from_the_next_start(start: Start, tmp_path: Path) -> None:
    start().manager.close()
    again = start(achievements=write_catalogue(tmp_path / "2", [PLAIN | {"name": "March", "secure": True}]))
    assert again.manager.get_achievement(WALK).name == "March"
    assert again.set(WALK, 10) is Result.UNAUTHORIZED_FOR_ACHIEVEMENT


def test_a_catalogue_object_is_accepted_instead_of_a_path(start: Start, tmp_path: Path) -> None:
    catalogue = parse_catalogue(write_catalogue(tmp_path).read_text(), source="achievements.json")
    game = start(achievements=catalogue)
    assert game.fetch() is OK
    assert game.percents == {WALK: 0, WIN: 0, SECURE: 0}
    with pytest.raises(CatalogueError):
        AchievementManager(5, achievements=catalogue, data_dir=tmp_path / "other")


def test_the_answer_to_an_update_may_contain_another_name(world: ServiceAndGames) -> None:
    transport = ScriptedTransport(
        {
            "get_user_achievements": listing(superset(WALK, 0)),
            "update_user_achievement": Response(200, JSON, json.dumps(superset(WALK, 40, name="Stroll")).encode()),
        }
    )
    game = scripted(world, transport)
    game.fetch()
    assert game.manager.get_achievement(WALK).name == "Walk"
    assert game.set(WALK, 40) is OK
    assert game.manager.get_achievement(WALK).name == "Stroll"


@without_a_service
def test_the_language_can_be_changed_while_the_game_runs(start: Start, tmp_path: Path) -> None:
    german = {"de": "Gehe"}
    game = start(achievements=write_catalogue(tmp_path, [PLAIN | {"name_localizations": german}]), locale="en-US")
    assert game.manager.get_achievement(WALK).name == "Walk"
    game.manager.set_locale("de")
    assert (game.manager.locale, game.manager.get_achievement(WALK).name) == ("de", "Gehe")
    with pytest.raises(ConfigurationError, match="locale"):
        game.manager.set_locale(5)  # type: ignore[arg-type]
