"""The command `discord-achievements`. Errors are one line on stderr and exit status 1; wrong usage is status 2."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, NoReturn

import click

from .. import __version__
from ..domain.errors import ApiError, DiscordAchievementsError

_SUMMARIES = {
    "achievements": "List, create, update and delete achievements.",
    "app": "Manage applications, one per game, and their bot tokens.",
    "database": "Back up and restore the database.",
    "serve": "Run the service until SIGTERM or Ctrl+C.",
    "token": "Create bearer tokens for players; revoke any token.",
    "user": "Raise, reset and show a player's progress.",
}
_MODULES = {"database": "backup"}  # `cli.database` opens the database for all commands


class _Modules(MutableMapping[str, click.Command]):
    """The commands by name, each in a module, mostly of its name, which is imported when the command is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in _SUMMARIES:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f".{_MODULES.get(name, name)}", __package__), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_SUMMARIES)

    def __len__(self) -> int:
        return len(_SUMMARIES)

    def __setitem__(self, name: str, command: click.Command) -> NoReturn:
        raise TypeError("each command is a module of its own")

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError("each command is a module of its own")


class _Commands(click.Group):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUMMARIES.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ApiError as exc:
            from .output import describe

            raise click.ClickException(describe(exc)) from exc
        except BrokenPipeError:  # such as `app list | head`: click ends quietly
            raise
        except (DiscordAchievementsError, OSError) as exc:
            raise click.ClickException(" ".join(str(exc).split())) from exc


@click.group(
    cls=_Commands,
    commands=_Modules(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__)
def cli() -> None:
    """Run the achievements service and manage what it stores.

    serve, app, token and database open the database; achievements and user call a running service.
    """
