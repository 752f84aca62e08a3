"""A game frozen with PyInstaller, following docs/guides/shipping.md: it works without any other file of this machine.

The game is shipped_game.py; it is built once (about 20 seconds), moved, and started with an empty environment.
PyInstaller needs neither hidden imports nor a hook.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest

from discord_achievements.testing import FakeService, FaultServer

pytestmark = pytest.mark.any_python

ROOT = Path(__file__).parents[2]
CERTIFICATE = ROOT / "tests" / "http" / "localhost.pem"
APPLICATION_ID = 461618159171141643
WIN_THE_GAME = 580159119969878046
TIMEOUT_S = 120
BUILD_TIMEOUT_S = 500
CATALOGUE = f"""\
application_id = {APPLICATION_ID}

[[achievement]]
id = {WIN_THE_GAME}
key = "win_the_game"
name = "Win the Game"
description = "You won!"
icon = "icons/win.png"
"""
# On POSIX a game without a console: descriptors 0 to 2 are closed. On Windows that is what --windowed brings.
NO_CONSOLE = ["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-'] if os.name == "posix" else []
Report = dict[str, Any]


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the game, move it to another folder, and return its program."""
    source, build = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("build")
    shutil.copy(Path(__file__).with_name("shipped_game.py"), source / "game.py")
    (source / "achievements.toml").write_text(CATALOGUE, encoding="utf-8")
    (source / "icons").mkdir()
    pygame.image.save(pygame.Surface((64, 64)), source / "icons" / "win.png")
    (source / "fonts").mkdir()
    shutil.copy(Path(pygame.__file__).with_name(pygame.font.get_default_font()), source / "fonts" / "game.ttf")

    what = ["--onedir", "--windowed", "--name", "Game", "--paths", str(ROOT)]
    what += ["--add-data", "achievements.toml:.", "--add-data", "icons:icons", "--add-data", "fonts:fonts"]
    where = ["--distpath", f"{build}/dist", "--workpath", f"{build}/work", "--specpath", str(source)]
    done = subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", *what, *where, "game.py"],
        cwd=source,
        env=os.environ | {"PYINSTALLER_CONFIG_DIR": str(build / "cache"), "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    said = done.stdout + done.stderr
    # The system's Python may lack its shared library, and the system may lack binutils.
    for lacking in ("Python shared library", "objdump"):
        if done.returncode != 0 and lacking in said:
            pytest.skip(f"not run: PyInstaller finds no {lacking} on this machine")
    assert done.returncode == 0, said
    folder = Path(shutil.move(build / "dist" / "Game", tmp_path_factory.mktemp("installed") / "Game"))
    shutil.rmtree(source)
    return folder / ("Game.exe" if os.name == "nt" else "Game")


@pytest.fixture
def play(game: Path, tmp_path: Path) -> Callable[..., Report]:
    """Start the game with an empty environment, and return its report."""

    def start(*options: str, through: list[str] | None = None, **variables: str | Path) -> Report:
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        # Windows cannot start a program without SYSTEMROOT.
        env = {name: value for name, value in os.environ.items() if name in ("SYSTEMROOT", "TEMP", "TMP")}
        env |= {"HOME": str(tmp_path), "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
        done = subprocess.run(
            [*(through or []), game, *options, "--data-dir", tmp_path / "data", "--report", report],
            cwd=tmp_path,
            env=env | {name: str(value) for name, value in variables.items()},
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        saw: Report = json.loads(report.read_text(encoding="utf-8"))
        assert saw["storage_error"] is None
        return saw

    return start


def service() -> FakeService:
    """A service that knows the game and one player."""
    service = FakeService(APPLICATION_ID)
    service.add_achievement(WIN_THE_GAME, "Win the Game", "You won!")
    service.add_player("t-o-k-e-n", user_id=1)
    return service


def signed_in(server: FaultServer) -> dict[str, str]:
    return {"DISCORD_ACHIEVEMENTS_URL": server.base_url, "DISCORD_ACCESS_TOKEN": "t-o-k-e-n"}


def tls_server() -> FaultServer:
    """An HTTPS server with a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return FaultServer(service(), ssl_context=context)


def test_an_unlock_is_toasted_and_still_there_after_a_restart(play: Callable[..., Report]) -> None:
    first = play("--win")
    assert (first["fetched"], first["won"]) == ("OK", "OK")
    assert (first["unlocked_before"], first["unlocked"]) == ([], [WIN_THE_GAME])
    assert first["toasted"] == ["Win the Game"]
    second = play()
    assert second["unlocked_before"] == second["unlocked"] == [WIN_THE_GAME]
    assert second["toasted"] == [], "an old unlock was announced again"


def test_icons_of_the_catalogue_are_found_in_the_bundle(play: Callable[..., Report], game: Path) -> None:
    icon = Path(play()["icon"]).resolve()
    assert icon.name == "win.png"
    assert icon.is_relative_to(game.parent.resolve())


def test_without_a_console_nothing_fails(play: Callable[..., Report]) -> None:
    saw = play("--win", through=NO_CONSOLE)
    assert saw["has_console"] is False
    assert (saw["won"], saw["toasted"]) == ("OK", ["Win the Game"])
    assert play(through=NO_CONSOLE)["unlocked_before"] == [WIN_THE_GAME]


def test_an_unlock_reaches_the_service(play: Callable[..., Report]) -> None:
    with FaultServer(service()) as server:
        saw = play("--win", **signed_in(server))
        assert (saw["fetched"], saw["won"], saw["pending"]) == ("OK", "OK", 0)
        assert server.service.progress(1)[WIN_THE_GAME].percent == 100
        assert play(**signed_in(server))["unlocked_before"] == [WIN_THE_GAME]


def test_the_bundle_has_the_certificates_that_https_is_checked_with(
    play: Callable[..., Report], tmp_path: Path
) -> None:
    log = tmp_path / "game.log"
    with tls_server() as server:
        saw = play("--win", "--log", str(log), **signed_in(server))
        assert saw["won"] == "SERVICE_UNAVAILABLE"
        assert "certificate verify failed" in log.read_text(encoding="utf-8"), "the certificate was not verified"
        assert server.service.progress(1) == {}
        later = play(**signed_in(server), REQUESTS_CA_BUNDLE=CERTIFICATE)
        assert later["unlocked_before"] == [WIN_THE_GAME]
        assert server.service.progress(1)[WIN_THE_GAME].percent == 100
