"""Icons, from the catalogue and from a service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from discord_achievements import CatalogueError
from tests.support.managers import (
    PLAIN,
    PNG,
    SECRET,
    SECRET_ENTRY,
    UNKNOWN,
    WALK,
    WIN,
    WIN_ENTRY,
    GameLoop,
    Start,
    without_a_service,
    write_catalogue,
)
from tests.support.service_games import ServiceAndGames


@without_a_service
def test_an_icon_of_the_catalogue_is_a_file_next_to_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "icons").mkdir()
    (tmp_path / "icons" / "walk.png").write_bytes(PNG)
    write_catalogue(tmp_path, [PLAIN | {"icon": "icons/walk.png"}, WIN_ENTRY, SECRET_ENTRY])
    monkeypatch.chdir(tmp_path)
    game = start(achievements="achievements.json", data_dir=tmp_path / "data")
    monkeypatch.chdir("/")
    game.until(lambda: game.manager.get_icon(WALK))
    icon = game.manager.get_icon(WALK)
    assert icon is not None
    assert Path(icon).is_absolute()
    assert Path(icon).read_bytes() == PNG
    for achievement_id in (WIN, SECRET, UNKNOWN):
        assert game.manager.get_icon(achievement_id) is None
    game.fetch()
    for achievement_id in (WIN, SECRET, UNKNOWN):
        assert game.manager.get_icon(achievement_id) is None


@without_a_service
@pytest.mark.parametrize("mode", [{}, {"base_url": "https://achievements.invalid/api/v10", "token": "t"}])
def test_every_unusable_icon_is_reported_at_the_start(start: Start, tmp_path: Path, mode: dict[str, Any]) -> None:
    (tmp_path / "win.png").write_bytes(b"GIF89a")
    (tmp_path / "folder.png").mkdir()
    catalogue = write_catalogue(
        tmp_path,
        [PLAIN | {"icon": "missing.png"}, WIN_ENTRY | {"icon": "win.png"}, SECRET_ENTRY | {"icon": "folder.png"}],
    )
    with pytest.raises(CatalogueError) as caught:
        start(achievements=catalogue, **mode)
    missing, win, folder = sorted(caught.value.problems)
    assert str(WALK) in missing
    assert missing.endswith("missing.png, does not exist")
    assert str(WIN) in win
    assert win.endswith("win.png, is not a PNG")
    assert "folder.png, cannot be read" in folder


@without_a_service
def test_an_icon_that_disappears_later_is_logged(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "walk.png").write_bytes(PNG)
    game = start(achievements=write_catalogue(tmp_path, [PLAIN | {"icon": "walk.png"}]))
    (tmp_path / "walk.png").unlink()
    assert game.manager.get_icon(WALK) is None
    game.fetch()
    assert [message.endswith("walk.png, does not exist") for message in caplog.messages] == [True]


def test_an_achievement_without_an_icon_has_none(game: GameLoop) -> None:
    assert game.manager.get_icon(WALK) is None
    game.fetch()
    assert game.manager.get_icon(WALK) is None
    game.manager.close()
    assert game.manager.get_icon(WALK) is None


def test_an_icon_is_fetched_once_and_kept(world: ServiceAndGames) -> None:
    game = world.online()
    assert game.manager.get_icon(WALK) is None
    game.until(lambda: game.manager.get_icon(WALK))
    path = game.manager.get_icon(WALK)
    assert path is not None
    assert Path(path).read_bytes().startswith(b"\x89PNG")
    (request,) = [one for one in world.lines[0].requests if "/icons/" in one.url]
    assert "Authorization" not in request.headers  # icons are public
    assert request.url.startswith("https://achievements.invalid/app-assets/")
    game.manager.close()

    again = world.start(down=True)
    again.until(lambda: again.manager.get_icon(WALK))
    assert again.manager.get_icon(WALK) == path
    assert again.manager.get_icon(UNKNOWN) is None
