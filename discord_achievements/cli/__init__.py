"""The command line: `discord-achievements`, also `python -m discord_achievements`. Needs the extra [server]."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command in `sys.argv`, then exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A console may lack a letter of a game's name; the token after it must be printed all the same.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from .main import cli

        cli()
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("discord_achievements"):
            raise
        sys.exit(f'Error: {exc.name} is missing; install it with: pip install "discord-achievements[server]"')
