"""Asks before a command destroys something."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from ..domain.errors import DiscordAchievementsError

yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")


def confirm(describe: Callable[[], str], *, yes: bool) -> None:
    """Return if the user agrees to what `describe` returns, such as "delete it"; otherwise end the command.

    With `yes` nobody is asked, and `describe` is not called. Raises `DiscordAchievementsError` if there is nobody to
    ask, and `click.Abort` for a no.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        command = click.get_current_context().command_path.partition(" ")[2]
        raise DiscordAchievementsError(
            f"`{command}` asks for confirmation, and there is no terminal to ask on; pass --yes to run it without"
        )
    action = describe()
    # Not click.confirm(), which writes a part of its question to stdout, where the result goes.
    click.echo(f"{action[0].upper()}{action[1:]}? [y/N]: ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise click.Abort
