"""A game without a console: under pythonw, or frozen as a windowed program, sys.stdout and sys.stderr are None.

Whatever the package prints is lost then, and that must not make anything fail.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120

WITHOUT_A_CONSOLE = """\
import logging, sys, traceback, warnings
from functools import partial
from pathlib import Path

folder = Path(sys.argv[1])
sys.excepthook = partial(traceback.print_exception, file=sys.stderr)  # to see why a test fails
sys.stdin = sys.stdout = sys.stderr = sys.__stdin__ = sys.__stdout__ = sys.__stderr__ = None

{play}

(folder / "played.txt").write_text("to the end")
"""

# Each makes the package print: a warning, a traceback from the worker, a log of everything.
UNUSABLE_FOLDER = """\
from discord_achievements import AchievementManager, Result
from discord_achievements.testing import run_until

(folder / "file").write_text("in the way")
with AchievementManager(1, achievements=folder / "achievements.toml", data_dir=folder / "file") as manager:
    results = []
    manager.set_user_achievement(2, 100, results.append)
    run_until(manager, lambda: results, timeout_s=60)
    assert manager.storage_error is not None
"""
BROKEN_TRANSPORT = """\
from discord_achievements import AchievementManager
from discord_achievements.testing import run_until

asked = []

class Broken:
    def send(self, request):
        asked.append(request)
        raise RuntimeError("a mistake")

    open_stream = send

    def close(self):
        pass

with AchievementManager(
    1, base_url="https://host/api/v10", token="t-o-k-e-n", data_dir=folder / "data", transport=Broken()
) as manager:
    manager.set_user_achievement(2, 100)
    run_until(manager, lambda: len(asked) > 1, timeout_s=60)  # the worker continues after its first error
"""
OLDER_SPELLING = """\
from discord_achievements.gamesdk import configure, discordsdk
from discord_achievements.testing import run_until

logging.basicConfig(level=logging.DEBUG)
logging.captureWarnings(True)
warnings.warn("shown nowhere")
configure(achievements=folder / "achievements.toml", data_dir=folder / "data")
app = discordsdk.Discord(1, discordsdk.CreateFlags.default)
results = []
app.get_achievement_manager().set_user_achievement(2, 100, results.append)
run_until(app, lambda: results, timeout_s=60)
app.core.close()
"""
CATALOGUE = """\
application_id = 1
[[achievement]]
id = 2
key = "win"
name = "Win"
description = "Won."
"""


def play(script: str, folder: Path) -> None:
    """Run `script` without a console; it must reach its end."""
    (folder / "achievements.toml").write_text(CATALOGUE, encoding="utf-8")
    program = [sys.executable, "-c", WITHOUT_A_CONSOLE.format(play=script), str(folder)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (folder / "played.txt").exists()


def test_an_unusable_data_folder_is_survived(tmp_path: Path) -> None:
    play(UNUSABLE_FOLDER, tmp_path)


def test_a_mistake_in_the_worker_is_survived(tmp_path: Path) -> None:
    play(BROKEN_TRANSPORT, tmp_path)


def test_a_game_that_logs_everything_plays_on(tmp_path: Path) -> None:
    play(OLDER_SPELLING, tmp_path)
