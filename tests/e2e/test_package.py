"""What `pip install` gives a user: the archives are complete, and the wheel works on its own."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import discord_achievements

# The archives are the same whichever Python builds them, and what they contain is tested with each.
pytestmark = pytest.mark.any_python

ROOT = Path(__file__).parents[2]
USAGE = ROOT / "tests" / "typing" / "usage.py"
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv*", "venv", ".*_cache", ".hypothesis", "__pycache__", "*.pyc", "build", "dist", "*.egg-info"
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without this environment's paths, and return its output; fail if the command fails."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(python: Path, requirement: str | Path) -> None:
    """Install into the environment of `python`, with this environment's pip: making one for each takes seconds."""
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", requirement, cwd=python.parent)


def files_of_sdist(path: Path) -> set[str]:
    """Return the files of a source archive, relative to its top folder."""
    with tarfile.open(path) as archive:
        return {str(PurePosixPath(*PurePosixPath(m.name).parts[1:])) for m in archive if m.isfile()}


def files_of_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source, so that a build leaves nothing behind and finds no old files."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("package") / "source", ignore=NOT_SOURCE))


@pytest.fixture(scope="module")
def dist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source archive and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, cwd=source)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and its declared requirements only."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, symlinks=os.name != "nt")
    python = python_of(folder)
    install(python, wheel)
    return python


def test_source_archive_holds_what_a_clone_holds(source: Path, dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    clone = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    folders = ("discord_achievements/", "docs/", "examples/", "tests/", ".ci/")
    wanted = {name for name in clone if name.startswith(folders)}
    wanted |= {"CHANGELOG.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md", "pyproject.toml"}
    assert wanted - files_of_sdist(sdist) == set()


def test_wheel_is_pure_typed_and_free_of_tests(wheel: Path) -> None:
    version = discord_achievements.__version__
    assert wheel.name == f"discord_achievements-{version}-py3-none-any.whl"
    files = files_of_wheel(wheel)
    assert "discord_achievements/py.typed" in files
    assert {name.split("/")[0] for name in files} == {
        "discord_achievements",
        f"discord_achievements-{version}.dist-info",
    }


def test_wheel_is_for_every_python_and_platform(wheel: Path) -> None:
    info = f"discord_achievements-{discord_achievements.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        says = email.message_from_bytes(archive.read(f"{info}/WHEEL"))
    assert (says["Root-Is-Purelib"], says.get_all("Tag")) == ("true", ["py3-none-any"])
    compiled = {".a", ".dll", ".dylib", ".exe", ".lib", ".o", ".pyc", ".pyd", ".pyo", ".so"}
    assert [name for name in files_of_wheel(wheel) if compiled & set(PurePosixPath(name).suffixes)] == []


def test_wheel_holds_every_module(source: Path, wheel: Path) -> None:
    paths = source.glob("discord_achievements/**/*.py")
    modules = {path.relative_to(source).as_posix() for path in paths}
    assert modules == {name for name in files_of_wheel(wheel) if name.endswith(".py")}


def test_wheel_says_what_it_is(wheel: Path) -> None:
    info = f"discord_achievements-{discord_achievements.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    assert metadata["Name"] == "discord-achievements"
    assert metadata["License-Expression"] == "MIT"
    assert licence.startswith("MIT License")
    assert metadata["Requires-Python"] == ">=3.11"
    assert "achievement" in str(metadata.get_payload()).lower(), "the README is the project's page"


def test_wheel_from_the_source_archive_equals_wheel_from_the_source(source: Path, wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, cwd=source)
    (direct,) = tmp_path.glob("*.whl")
    assert files_of_wheel(direct) == files_of_wheel(wheel)


CATALOGUE = """\
application_id = 461618159171141643

[[achievement]]
id = 580159119969878046
key = "win_the_game"
name = "Win the Game"
description = "You won!"
"""

LOCAL_ROUND = """\
import sys, time
from discord_achievements import AchievementManager, Result

manager = AchievementManager(461618159171141643, achievements="achievements.toml", data_dir="data")
results = []
manager.fetch_user_achievements(results.append)
manager.set_user_achievement(580159119969878046, 100, results.append)
deadline = time.monotonic() + 30
while len(results) < 2 and time.monotonic() < deadline:
    manager.run_callbacks()
assert results == [Result.OK, Result.OK], results
assert manager.get_user_achievement(580159119969878046).unlocked
manager.close()
assert "requests" not in sys.modules, "local mode loads no HTTP"
"""

SERVICE_MODE = """\
import sys
from discord_achievements import AchievementManager

with AchievementManager(461618159171141643, base_url="http://127.0.0.1:9", token="t", data_dir="data"):
    assert "requests" in sys.modules, "service mode loads requests in the constructor, before play"
"""


def test_installed_wheel_plays_a_local_round(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "achievements.toml").write_text(CATALOGUE, "utf-8")
    run(installed, "-I", "-W", "error", "-c", LOCAL_ROUND, cwd=tmp_path)


def test_installed_wheel_starts_in_service_mode(installed: Path, tmp_path: Path) -> None:
    run(installed, "-I", "-W", "error", "-c", SERVICE_MODE, cwd=tmp_path)


GAMES_TEST = """\
import sys

def test_a_project_that_does_not_use_the_kit_does_not_load_it():
    assert not [name for name in sys.modules if name.startswith("discord_achievements.testing")]

def test_a_game(achievements, achievement_service):
    achievements.set_user_achievement(580159119969878046, 100)
    achievements.assert_unlocked("win_the_game")
    achievement_service.assert_unlocked("win_the_game")
"""


def test_installed_wheel_brings_the_pytest_plugin(installed: Path, tmp_path: Path) -> None:
    install(installed, "pytest>=8.2")
    (tmp_path / "achievements.toml").write_text(CATALOGUE, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nachievements_catalogue = achievements.toml\n")
    (tmp_path / "test_game.py").write_text(GAMES_TEST)
    assert run(installed, "-W", "error", "-m", "pytest", "--version", cwd=tmp_path).startswith("pytest ")
    assert "2 passed" in run(installed, "-W", "error", "-m", "pytest", "-W", "error", cwd=tmp_path)


def test_a_type_checker_finds_the_types_in_the_wheel(wheel: Path, tmp_path: Path) -> None:
    game = shutil.copy(USAGE, tmp_path / "game.py")  # outside of the source, so that only the wheel can provide them
    venv.create(tmp_path / "venv", symlinks=os.name != "nt")
    python = python_of(tmp_path / "venv")
    install(python, f"{wheel}[pygame,testing]")
    how = ["--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"), "--python-executable", str(python)]
    run(sys.executable, "-m", "mypy", *how, game, cwd=tmp_path)


def test_import_loads_nothing_heavy() -> None:
    script = "import sys, discord_achievements; print(*sys.modules)"
    loaded = {name.split(".")[0] for name in run(sys.executable, "-c", script, cwd=ROOT).split()}
    assert "discord_achievements" in loaded
    assert loaded & {"requests", "urllib3", "sqlalchemy", "starlette", "uvicorn", "pygame"} == set()
