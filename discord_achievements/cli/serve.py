"""`serve`: run the service."""

from __future__ import annotations

import os

import click

from ..server.settings import Settings
from ..server.web.run import serve as run
from .options import Number, SettingOption, database_option


@click.command()
@click.option("--host", metavar="ADDRESS", cls=SettingOption, help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--port", type=Number("a port", 0, 65535), cls=SettingOption, help="Port to listen on; 0 picks a free one."
)
@click.option(
    "--workers",
    type=Number("a number of processes", 1, 64),
    cls=SettingOption,
    help="Number of processes; more than one needs PostgreSQL or Redis.",
)
@database_option
@click.option("--show-settings", is_flag=True, help="Print all settings with their variables and exit.")
@click.pass_context
def serve(
    ctx: click.Context,
    host: str | None,
    port: int | None,
    workers: int | None,
    database: str | None,
    show_settings: bool,
) -> None:
    """Run the service until SIGTERM or Ctrl+C.

    The database is created or migrated first; the service's address is printed when it is ready. All other settings
    are environment variables; --show-settings lists them.
    """
    settings = Settings.from_environment(os.environ, host=host, port=port, workers=workers, database=database)
    if show_settings:
        click.echo(settings.show())
        return
    ctx.exit(run(settings, lambda url: click.echo(f"Listening on {url}")))
