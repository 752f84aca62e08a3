"""`app`: applications, and their bots' tokens."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import click

from ..domain.access import TokenKind
from ..domain.errors import DiscordAchievementsError
from ..domain.snowflake import format_snowflake, make_snowflake
from ..domain.wire import format_time
from ..server.auth import mint
from ..server.catalogue_import import import_catalogue
from ..server.stores.base import Application
from .catalogue import read_game
from .common import ID, database_option, json_option, opened, show

_NAME_MAX = 100


@click.group()
def app() -> None:
    """Applications: each game is one, and has a bot token for its server."""


_CATALOGUE = click.Path(exists=True, dir_okay=False, path_type=Path)


@app.command()
@click.argument("name")
@click.option("--catalogue", "catalogue", type=_CATALOGUE, help="A game's catalogue: take its id and achievements.")
@database_option
@json_option
def create(name: str, catalogue: Path | None, database: str | None, as_json: bool) -> None:
    """Make an application and print its id and its bot token, which is shown this once."""
    if not name.strip() or len(name) > _NAME_MAX or not name.isprintable():
        raise click.BadParameter(
            f"it has to have 1 to {_NAME_MAX} printable characters, not only spaces", param_hint="NAME"
        )
    at_us = time.time_ns() // 1000
    game = None if catalogue is None else read_game(catalogue)
    application_id = game.catalogue.application_id if game else make_snowflake(at_us, secrets.randbits(22))
    minted = mint(TokenKind.BOT, application_id, None, at_us)
    with opened(database) as store:
        if store.application(application_id) is not None:
            raise DiscordAchievementsError(
                f"there is an application {application_id} already; `app import {catalogue}` brings its achievements"
                " up to date"
            )
        store.add_application(Application(application_id, name, at_us), minted.token)
        if game is not None:
            import_catalogue(store, game.catalogue, game.icons)
    _show_bot_token(application_id, name, minted.text, as_json=as_json)


@app.command("import")
@click.argument("catalogue", metavar="FILE", type=_CATALOGUE)
@database_option
@json_option
def import_(catalogue: Path, database: str | None, as_json: bool) -> None:
    """Create and change an application's achievements as its game's catalogue file says.

    Deletes nothing: achievements that the file does not have are named, and stay.
    """
    game = read_game(catalogue)
    application_id = game.catalogue.application_id
    with opened(database) as store:
        if store.application(application_id) is None:
            raise DiscordAchievementsError(
                f"there is no application {application_id}; `app create NAME --catalogue {catalogue}` makes it"
            )
        outcome = import_catalogue(store, game.catalogue, game.icons)
    value = {name: list(map(format_snowflake, ids)) for name, ids in outcome._asdict().items()}
    lines = [f"{len(ids):5} {name.replace('_', ' ')}" for name, ids in value.items()]
    if outcome.not_in_file:
        lines.append(f"Not in {catalogue}, and left: {', '.join(value['not_in_file'])}")
    show(value, "\n".join(lines), as_json=as_json)


@app.command("list")
@database_option
@json_option
def list_(database: str | None, as_json: bool) -> None:
    """Print all applications."""
    with opened(database) as store:
        applications = store.applications()
    value = [
        {
            "application_id": format_snowflake(application.id),
            "name": application.name,
            "created_at": format_time(application.created_at_us),
        }
        for application in applications
    ]
    lines = [f"{entry['application_id']}  {entry['name']}" for entry in value]
    show(value, "\n".join(lines) or "No applications yet.", as_json=as_json)


@app.command("rotate-token")
@click.argument("application_id", metavar="ID", type=ID)
@database_option
@json_option
def rotate_token(application_id: int, database: str | None, as_json: bool) -> None:
    """Print a new bot token, shown this once; the old one ends at once."""
    minted = mint(TokenKind.BOT, application_id, None, time.time_ns() // 1000)
    with opened(database) as store:
        application = store.application(application_id)
        if application is None or not store.rotate_bot_token(minted.token):
            raise DiscordAchievementsError(f"there is no application {application_id}; `app list` shows all")
    _show_bot_token(application_id, application.name, minted.text, as_json=as_json)


def _show_bot_token(application_id: int, name: str, token: str, *, as_json: bool) -> None:
    value = {"application_id": format_snowflake(application_id), "name": name, "bot_token": token}
    text = f"Application: {application_id}  {name}\nBot token (shown once; keep it on the game's server): {token}"
    show(value, text, as_json=as_json)
