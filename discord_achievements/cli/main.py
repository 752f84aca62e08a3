"""The command `discord-achievements`. Errors are one line on stderr and exit status 1; wrong usage is status 2."""

from __future__ import annotations

from typing import Any

import click

from .. import __version__
from ..domain.errors import ApiError, DiscordAchievementsError
from .achievements import achievements
from .app import app
from .output import describe
from .serve import serve
from .token import token
from .user import user


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ApiError as exc:
            raise click.ClickException(describe(exc)) from exc
        except (DiscordAchievementsError, OSError) as exc:
            raise click.ClickException(" ".join(str(exc).split())) from exc


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Run the achievements service and manage what it stores.

    serve, app and token open the database; achievements and user call a running service.
    """


for command in (serve, app, token, achievements, user):
    cli.add_command(command)
