"""`serve`: run the service."""

from __future__ import annotations

import os

import click

from ..server.settings import check_names, choices_of, range_of
from .database import blaming
from .options import Number, SettingOption, database_option, settings


@click.command()
@click.option("--host", metavar="ADDRESS", cls=SettingOption, help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--port", type=Number("a port", *range_of("port")), cls=SettingOption, help="Port to listen on; 0 picks a free one."
)
@click.option(
    "--workers",
    type=Number("a number of processes", *range_of("workers")),
    cls=SettingOption,
    help="Number of processes; more than one needs PostgreSQL or Redis.",
)
@database_option
@click.option(
    "--log-format",
    type=click.Choice(choices_of("log_format")),
    cls=SettingOption,
    help="Form of the log: auto is text on a terminal, otherwise JSON.",
)
@click.option("--show-settings", is_flag=True, help="Print all settings with their variables and exit.")
@click.pass_context
def serve(
    ctx: click.Context,
    host: str | None,
    port: int | None,
    workers: int | None,
    database: str | None,
    log_format: str | None,
    show_settings: bool,
) -> None:
    """Run the service until SIGTERM or Ctrl+C.

    The database is created or migrated first; the service's address is printed when it is ready. --show-settings
    prints all other settings, which are environment variables.
    """
    chosen = settings(host=host, port=port, workers=workers, database=database, log_format=log_format)
    if show_settings:
        click.echo(chosen.show())
    check_names(os.environ)
    if show_settings:
        return
    from ..server.web.run import serve as run

    with blaming(database):
        ctx.exit(run(chosen, lambda url: click.echo(f"Listening on {url}")))
