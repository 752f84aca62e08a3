"""Ids in a game's code that are not in its catalogue are found without running it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from discord_achievements import CatalogueError
from discord_achievements.domain.catalogue import parse_catalogue
from discord_achievements.testing import unknown_ids

CATALOGUE = parse_catalogue(
    """
    application_id = 461618159171141643
    [[achievement]]
    id = 1001
    key = "win"
    name = "Win the Game"
    description = "You won!"
    """,
    source="achievements.toml",
)


def found(folder: Path, **files: str) -> list[tuple[str, int, str, int]]:
    """Write `files` (`a__b` is a/b.py) and return the unknown ids: file, line, verb, id."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
    return [
        (one.path.relative_to(folder).as_posix(), one.line, one.verb, one.achievement_id)
        for one in unknown_ids([folder], CATALOGUE)
    ]


@pytest.mark.parametrize(
    "call",
    [
        "manager.set_user_achievement({}, 100)",
        "self.manager.get_user_achievement({})",
        "manager.get_achievement({}).name",
        "game.awards.manager.get_icon({})",
        "manager.set_user_achievement(percent_complete=100, achievement_id={})",
        "app.GetAchievementManager().SetUserAchievement({}, 100, lambda result: None)",
        "manager.GetUserAchievement(achievementId={})",
    ],
)
def test_each_verb_is_checked(call: str, tmp_path: Path) -> None:
    assert [id_ for *_, id_ in found(tmp_path, game=f"{call.format(1002)}\n{call.format(1001)}\n")] == [1002]


@pytest.mark.parametrize(
    ("constant", "use"),
    [
        ("BOSS = 1002", "BOSS"),
        ("BOSS: int = 1002", "BOSS"),
        ("BOSS: Final[int] = 1002", "BOSS"),
        ("WIN, BOSS = 1001, 1002", "BOSS"),
        ("BOSS = OTHER = 1002", "OTHER"),
        ("class Ids:\n    BOSS = 1002", "Ids.BOSS"),
        ("class Ids(Enum):\n    BOSS = 1002", "Ids.BOSS.value"),
    ],
)
def test_constants_are_known(constant: str, use: str, tmp_path: Path) -> None:
    assert found(tmp_path, game=f"{constant}\nmanager.set_user_achievement({use}, 1)\n") == [
        ("game.py", constant.count("\n") + 2, "set_user_achievement", 1002)
    ]


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("from ids import BOSS", "BOSS"),
        ("from .ids import BOSS as DRAGON", "DRAGON"),
        ("from my_game.ids import Ids", "Ids.BOSS"),
        ("from . import ids", "ids.BOSS"),
        ("import ids", "ids.Ids.BOSS"),
        ("import my_game.ids", "my_game.ids.BOSS"),
        ("import my_game.ids as them", "them.BOSS"),
    ],
)
def test_constants_of_other_files_are_known(statement: str, use: str, tmp_path: Path) -> None:
    ids = "BOSS = 1002\nclass Ids:\n    BOSS = 1002\n"
    game = f"{statement}\ndef beat(manager):\n    manager.set_user_achievement({use}, 100)\n"
    assert found(tmp_path, my_game__ids=ids, my_game__game=game) == [
        ("my_game/game.py", 3, "set_user_achievement", 1002)
    ]


def test_a_packages_init_module_has_the_packages_name(tmp_path: Path) -> None:
    (tmp_path / "ids").mkdir()
    (tmp_path / "ids" / "__init__.py").write_text("BOSS = 1002")
    assert len(found(tmp_path, game="from ids import BOSS\nmanager.get_icon(BOSS)\n")) == 1


def test_unknown_expressions_are_not_reported(tmp_path: Path) -> None:
    code = """
        import elsewhere
        from random import choice
        WIN = 1001
        manager.set_user_achievement(WIN, 100)
        for achievement_id in (1, 2): manager.set_user_achievement(achievement_id, 100)
        manager.set_user_achievement(elsewhere.BOSS, 100)
        manager.set_user_achievement(choice([1001]), 100)
        manager.get_achievement("name")
        manager.get_achievement()
        set_user_achievement = 1002
        print(1002)
    """
    assert found(tmp_path, game=code) == []


def test_if_an_id_is_computed_numbers_that_look_like_ids_count(tmp_path: Path) -> None:
    table = """
    APPLICATION_ID = 461618159171141643
    REWARDS = {1001: "a hat", 580159119969878047: "a crown", 9223372036854775808: "too large", "5801": 0.5}
    """
    play = """
    manager.set_user_achievement(580159119969878048, 100)
    for achievement_id in REWARDS:
        manager.set_user_achievement(achievement_id, 100)
    """
    assert found(tmp_path, table=table) == []
    assert found(tmp_path, game=table + play) == [
        ("game.py", 5, "set_user_achievement", 580159119969878048),
        ("game.py", 3, "looks like an id", 580159119969878047),
    ]


def test_a_name_that_files_define_differently_is_not_reported(tmp_path: Path) -> None:
    game = "import ids\nmanager.get_icon(ids.BOSS)"
    assert found(tmp_path, a__ids="BOSS = 1001", b__ids="BOSS = 1002", game=game) == []


def test_it_prints_as_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "game.py").write_text("\nmanager.get_icon(1002)\n")
    (one,) = unknown_ids(["game.py"], CATALOGUE)
    assert str(one) == repr(one) == "game.py:2: get_icon: achievements.toml has no achievement with the id 1002"


def test_a_file_of_another_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "game.py"
    path.write_bytes("# -*- coding: latin-1 -*-\n# Gru\xdf\nmanager.get_icon(1002)\n".encode("latin-1"))
    assert len(unknown_ids([path], CATALOGUE)) == 1


@pytest.mark.parametrize("text", ["def (", "x = '\0'", "\xff"])
def test_a_file_that_is_not_python_is_reported(text: str, tmp_path: Path) -> None:
    (tmp_path / "game.py").write_text(text, "latin-1")
    with pytest.raises(ValueError, match=r"game\.py cannot be read as Python"):
        unknown_ids([tmp_path], CATALOGUE)


def test_a_path_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere does not exist"):
        unknown_ids([tmp_path / "nowhere"], CATALOGUE)
    with pytest.raises(CatalogueError, match="no such file"):
        unknown_ids([tmp_path], tmp_path / "nowhere.toml")


def test_a_path_instead_of_a_list_is_refused(tmp_path: Path) -> None:
    for path in ("my_game", Path("my_game")):
        with pytest.raises(TypeError, match=r"paths must be a list of paths, got .*; write \['my_game'\]"):
            unknown_ids(path, CATALOGUE)  # type: ignore[arg-type]


def test_virtual_environments_and_hidden_folders_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n", "utf-8")
    wrong = "manager.set_user_achievement(9, 1)"
    files = {"venv__lib__a": wrong, ".nox__b": wrong, "game__.cache__c": wrong}
    assert found(tmp_path, **files, game__level=wrong) == [("game/level.py", 1, "set_user_achievement", 9)]


def test_a_listed_folder_is_read_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / ".game"
    assert [line for _, line, *_ in found(folder, level="manager.get_icon(9)")] == [1]
