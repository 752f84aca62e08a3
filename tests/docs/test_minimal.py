"""The smallest example: somebody copies it into a folder, starts it and presses a key."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from discord_achievements import AchievementManager
from discord_achievements.testing import run_until
from tests.docs.pages import ROOT
from tests.docs.programs import PLAYER, environment

EXAMPLE = ROOT / "examples" / "minimal.py"


def play(folder: Path, keys: str) -> bytes:
    """Play until all is quiet, and return the last picture."""
    picture = folder / "picture.bmp"
    subprocess.run(
        [sys.executable, "game.py"],
        cwd=folder,
        env=environment(folder / "home", PLAYER, ROOT) | {"PLAYER_KEYS": keys, "PLAYER_PICTURE": str(picture)},
        check=True,
        timeout=60,
    )
    return picture.read_bytes()


def test_a_key_unlocks_and_shows_a_toast(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path / "game.py")
    before = play(tmp_path, "")
    assert play(tmp_path, "space") != before, "there is a toast"
    assert play(tmp_path, "space") == before, "it is announced once, also across starts"
    [data_dir] = [path.parent for path in (tmp_path / "home").rglob("achievements.sqlite3")]
    with AchievementManager(int(data_dir.name), achievements=tmp_path / "minimal.toml", data_dir=data_dir) as manager:
        manager.fetch_user_achievements()
        run_until(manager, manager.count_user_achievements)
        assert manager.get_user_achievement_at(0).unlocked


def test_it_is_short_enough_to_copy() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 45
