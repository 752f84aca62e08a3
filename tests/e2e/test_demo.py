"""The demo, run as a user runs it: started as a program, killed, started again."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygame
import pytest

import discord_achievements
from discord_achievements.testing import FakeService, FaultServer

# The package, the widgets and the demo's own rules are tested with each Python.
pytestmark = pytest.mark.any_python

DEMO = Path(__file__).parents[2] / "examples" / "pygame_demo"
CATALOGUE = tomllib.loads((DEMO / "achievements.toml").read_text(encoding="utf-8"))["achievement"]
NAMES = {entry["name"] for entry in CATALOGUE}
SECURE = {entry["name"] for entry in CATALOGUE if entry.get("secure")}
TIMEOUT_S = 120

# Presses the window's close button as soon as there is a window, while the demo runs.
CLOSE_THE_WINDOW = f"""
import runpy, sys
import pygame

set_mode = pygame.display.set_mode

def open_and_close(*arguments, **options):
    surface = set_mode(*arguments, **options)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    return surface

pygame.display.set_mode = open_and_close
sys.argv = ["pygame_demo", *sys.argv[1:]]
runpy.run_path({str(DEMO)!r}, run_name="__main__")
"""


def environment(**changes: str | None) -> dict[str, str]:
    """Return this environment without display and service, with `changes`; None removes a variable."""
    found = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DISCORD_", "SDL_")) and name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    found["PYTHONPATH"] = str(Path(discord_achievements.__file__).parents[1])  # the package under test
    found["PYTHONIOENCODING"] = "utf-8"
    found["SDL_VIDEODRIVER"] = "dummy"
    for name, value in changes.items():
        found.pop(name, None)
        if value is not None:
            found[name] = value
    return found


def play(
    *options: str | Path, env: dict[str, str] | None = None, code: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end."""
    program = [str(DEMO)] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *program, *map(str, options)],
        env=env or environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )


def played(data_dir: Path, *options: str | Path, seconds: float = 20, seed: int = 7) -> str:
    """Play without a window and return the output; the demo must end with status 0 and without errors."""
    how = ["--headless", "--autoplay", "--seed", str(seed), "--seconds", str(seconds)]
    done = play(*how, "--data-dir", data_dir, *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def lines_after(label: str, output: str) -> list[str]:
    return [line.removeprefix(label) for line in output.splitlines() if line.startswith(label)]


def unlocked(output: str) -> list[str]:
    """Return the names announced as newly unlocked, in order."""
    return [line.partition(" - ")[0] for line in lines_after("Unlocked: ", output)]


def unlocked_before(output: str) -> set[str]:
    return set(lines_after("Unlocked before: ", output))


def in_all(output: str) -> set[str]:
    """Return the names that the summary lists as unlocked, in this run or earlier."""
    [line] = lines_after("In total: ", output)
    return set(line.partition(": ")[2].split(", ")) - {""}


@contextmanager
def playing(
    data_dir: Path, *options: str, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], queue.Queue[str]]]:
    """Start a demo that plays for an hour of game time; yields it and its output, line by line."""
    how = ["--headless", "--seed", "7", "--seconds", "3600", "--data-dir", str(data_dir)]
    lines: queue.Queue[str] = queue.Queue()
    with subprocess.Popen(
        [sys.executable, str(DEMO), *how, *options],
        env=env or environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.put(line)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield process, lines
        finally:
            process.kill()
            reader.join(TIMEOUT_S)


def first_unlock(lines: queue.Queue[str], among: set[str] = NAMES) -> str:
    """Wait until one of `among` is announced."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        line = lines.get(timeout=max(0, deadline - time.monotonic()))
        for name in unlocked(line):
            if name in among:
                return name


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A service with the demo's achievements and one player, number 1."""
    service = FakeService(461618159171141643)
    for entry in CATALOGUE:
        flags = {name: entry.get(name, False) for name in ("secret", "secure")}
        service.add_achievement(entry["id"], entry["name"], entry["description"], **flags)
    service.add_player("t-o-k-e-n", user_id=1)
    with FaultServer(service) as server:
        yield server


def test_it_plays_until_achievements_unlock_and_takes_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "x.png"
    output = played(tmp_path / "data", "--screenshot", picture)
    assert len(unlocked(output)) >= 4
    assert set(unlocked(output)) == in_all(output) <= NAMES - SECURE
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    image = pygame.image.load(picture)
    assert image.get_size() == (960, 600)
    colors = {tuple(image.get_at((x, y))) for x in range(0, 960, 8) for y in range(0, 600, 8)}
    assert len(colors) > 200


def test_the_second_run_knows_what_the_first_one_unlocked(tmp_path: Path) -> None:
    first = played(tmp_path)
    second = played(tmp_path)
    assert unlocked_before(second) == in_all(first) != set()
    assert unlocked_before(second).isdisjoint(unlocked(second)), "an old unlock was announced again"
    assert in_all(second) >= in_all(first)


def test_the_same_seed_gives_the_same_game(tmp_path: Path) -> None:
    runs = [unlocked(played(tmp_path / str(number), seconds=30)) for number in range(2)]
    assert runs[0] == runs[1] != []
    other = unlocked(played(tmp_path / "other", seconds=30, seed=3))
    assert other != runs[0], "the seed has no effect"


def test_without_a_time_limit_it_plays_until_nothing_is_left_to_unlock(tmp_path: Path) -> None:
    done = play("--headless", "--seed", "1", "--data-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    assert in_all(done.stdout) == NAMES - SECURE


def test_sparks_of_all_nights_add_up(tmp_path: Path) -> None:
    outputs = [played(tmp_path, seconds=40, seed=seed) for seed in range(4)]
    assert "Lamplighter" not in in_all(outputs[0])
    assert "Lamplighter" in in_all(outputs[-1])


def test_a_killed_game_keeps_what_it_had_announced(tmp_path: Path) -> None:
    with playing(tmp_path) as (process, lines):
        announced = first_unlock(lines)
        process.kill()
        process.wait(TIMEOUT_S)
    after = played(tmp_path, seconds=0)
    assert announced in unlocked_before(after)
    assert announced in in_all(after)
    assert unlocked(after) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one program only")
def test_ctrl_c_ends_it_with_a_summary(tmp_path: Path) -> None:
    with playing(tmp_path) as (process, lines):
        announced = first_unlock(lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
    rest = list(lines.queue)
    assert not [line for line in rest if "Traceback" in line]
    assert announced in in_all("".join(rest))


def test_closing_the_window_ends_it_with_a_summary(tmp_path: Path) -> None:
    done = play("--headless", "--seconds", "3600", "--data-dir", tmp_path, code=CLOSE_THE_WINDOW)
    assert (done.returncode, done.stderr) == (0, "")
    assert lines_after("This run: ", done.stdout)


def test_reset_forgets_progress_and_leaves_other_files_alone(tmp_path: Path) -> None:
    mine = tmp_path / "notes.txt"
    assert in_all(played(tmp_path)) != set()
    mine.write_text("mine", encoding="utf-8")
    output = played(tmp_path, "--reset", seconds=0)
    [line] = lines_after("Reset: ", output)
    assert str(tmp_path) in line
    assert unlocked_before(output) == in_all(output) == set()
    assert mine.read_text(encoding="utf-8") == "mine"


NO_DISPLAY: list[dict[str, str | None]] = [{"SDL_VIDEODRIVER": "dummy"}, {"SDL_VIDEODRIVER": "no such driver"}]
if sys.platform == "linux":
    NO_DISPLAY.append({"SDL_VIDEODRIVER": None})


@pytest.mark.parametrize("changes", NO_DISPLAY, ids=str)
def test_without_a_display_it_says_so_in_one_line_and_continues(changes: dict[str, str | None], tmp_path: Path) -> None:
    done = play("--seed", "7", "--seconds", "20", "--data-dir", tmp_path, env=environment(**changes))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(lines_after("No display", done.stdout)) == 1
    assert done.stdout.startswith("No display")
    assert len(in_all(done.stdout)) >= 4


def test_it_is_translated_to_german(tmp_path: Path) -> None:
    german = {entry["name_localizations"]["de"] for entry in CATALOGUE}
    found = in_all(played(tmp_path, "--locale", "de"))
    assert len(found) >= 4
    assert found <= german


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--url", "http://example.com/api", "--token", "t-o-k-e-n"], "https"),
        (["--url", "nonsense", "--token", "t-o-k-e-n"], "base_url"),
        (["--url", "https://example.com/api"], "DISCORD_ACCESS_TOKEN"),
        (["--token", "t-o-k-e-n"], "base_url"),
        (["--url", "https://example.com/api", "--token", "Bot t-o-k-e-n"], "bot token"),
        (["--screenshot", "no/such/folder/x.png"], "no/such/folder"),
    ],
)
def test_unusable_options_are_reported_in_one_line(options: list[str], says: str, tmp_path: Path) -> None:
    done = play("--headless", "--seconds", "0", "--data-dir", tmp_path, *options)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert says.replace("/", os.sep) in line or says in line
    assert "t-o-k-e-n" not in done.stdout + done.stderr


def test_progress_made_without_a_service_reaches_it_later(server: FaultServer, tmp_path: Path) -> None:
    alone = played(tmp_path)
    env = environment(DISCORD_ACCESS_TOKEN="t-o-k-e-n")
    done = play("--headless", "--seconds", "0", "--data-dir", tmp_path, "--url", server.base_url, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert unlocked(done.stdout) == []
    names = {entry["id"]: entry["name"] for entry in CATALOGUE}
    arrived = {names[id_] for id_, progress in server.service.progress(1).items() if progress.percent == 100}
    assert arrived == in_all(alone) == in_all(done.stdout)


def test_a_grant_by_the_games_server_is_announced_during_play(server: FaultServer, tmp_path: Path) -> None:
    env = environment(DISCORD_ACCESS_TOKEN="t-o-k-e-n")
    [star] = [entry for entry in CATALOGUE if entry.get("secure")]
    with playing(tmp_path, "--url", server.base_url, env=env) as (_, lines):
        first_unlock(lines)
        server.service.grant(1, star["id"])
        assert first_unlock(lines, {star["name"]}) == star["name"]


def test_with_an_unreachable_service_it_plays_and_keeps_updates_for_later(tmp_path: Path) -> None:
    env = environment(DISCORD_ACCESS_TOKEN="t-o-k-e-n")
    with socket.socket() as nobody:  # reserves the port without listening
        nobody.bind(("127.0.0.1", 0))
        options = ["--headless", "--seed", "7", "--seconds", "20", "--data-dir", str(tmp_path)]
        options += ["--url", f"http://127.0.0.1:{nobody.getsockname()[1]}/api/v10"]
        done = play(*options, env=env)
        again = play(*options, env=env)
    assert done.returncode == 0, done.stderr
    assert len(unlocked(done.stdout)) >= 4
    assert lines_after("Not sent yet: ", done.stdout)
    assert "t-o-k-e-n" not in done.stdout + done.stderr
    assert unlocked_before(again.stdout) == in_all(done.stdout)
