"""`serve`: run the service."""

from __future__ import annotations

import os

import click

from ..server.settings import Settings
from ..server.web.run import serve as run
from .common import database_option


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes on that port.  [default: 1]")
@database_option
@click.option("--show-settings", is_flag=True, help="Print all settings with their variables, and exit.")
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

    Creates or migrates the database first, and prints the service's address when it is ready. All other settings are
    environment variables; --show-settings lists them.
    """
    settings = Settings.from_environment(os.environ, host=host, port=port, workers=workers, database=database)
    if show_settings:
        click.echo(settings.show())
        return
    ctx.exit(run(settings, lambda url: click.echo(f"Listening on {url}")))
