"""The command line: `discord-achievements`, also `python -m discord_achievements`. Needs the extra [server]."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command in `sys.argv`, then exit."""
    try:
        from .main import cli
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("discord_achievements"):
            raise
        sys.exit(f'Error: {exc.name} is missing; install it with: pip install "discord-achievements[server]"')
    cli()
