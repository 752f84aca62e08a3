"""The environment in which the programs of the documentation run."""

from __future__ import annotations

import os
from pathlib import Path

PLAYER = Path(__file__).with_name("player")


def environment(home: Path, *python_path: Path | str) -> dict[str, str]:
    """Return this environment without a window, sound or settings of this package; `home` is the user's folder."""
    foreign = ("DISCORD_", "SDL_", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {
        **dict.fromkeys(("HOME", "LOCALAPPDATA", "XDG_DATA_HOME"), str(home)),
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        "PYTHONPATH": os.pathsep.join(map(str, python_path)),
        "SDL_AUDIODRIVER": "dummy",
        "SDL_VIDEODRIVER": "dummy",
    }
