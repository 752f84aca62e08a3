"""`app`: applications and their bot tokens."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ..domain.errors import DiscordAchievementsError
from ..domain.snowflake import LOW_BITS, format_snowflake, make_snowflake
from ..domain.wire import format_time
from .confirm import confirm, yes_option
from .database import no_database, opened, read_applications, unknown_application
from .options import ID, database_option, json_option
from .output import printable, short_time, show, table

_NAME_MAX = 100


@click.group()
def app() -> None:
    """Manage applications, one per game, and their bot tokens."""


_CATALOGUE = click.Path(exists=True, dir_okay=False, path_type=Path)


@app.command()
@click.argument("name")
@click.option("--catalogue", type=_CATALOGUE, help="Catalogue file to take the id and achievements from.")
@database_option
@json_option
def create(name: str, catalogue: Path | None, database: str | None, as_json: bool) -> None:
    """Create an application; its bot token is shown only once."""
    if not name.strip() or len(name) > _NAME_MAX or not name.isprintable():
        raise click.BadParameter(
            f"expected 1 to {_NAME_MAX} printable characters, not only spaces, got {name[: _NAME_MAX + 1]!r}",
            param_hint="'NAME'",
        )
    import secrets

    from ..domain.access import TokenKind
    from ..server.auth import mint
    from ..server.catalogue_import import import_catalogue
    from ..server.stores.base import Application
    from .catalogue import read_game

    at_us = time.time_ns() // 1000
    game = None if catalogue is None else read_game(catalogue)
    application_id = game.catalogue.application_id if game else make_snowflake(at_us, secrets.randbits(LOW_BITS))
    minted = mint(TokenKind.BOT, application_id, None, at_us)
    with opened(database, create=True) as store:
        if store.application(application_id) is not None:
            raise DiscordAchievementsError(
                f"there is already an application {application_id}; update its achievements with"
                f" `app import {catalogue}`"
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
    """Create and update achievements from a catalogue file.

    Nothing is deleted: achievements that are not in the file are listed and kept.
    """
    from ..server.catalogue_import import import_catalogue
    from .catalogue import read_game

    game = read_game(catalogue)
    application_id = game.catalogue.application_id
    with opened(database) as store:
        if store.application(application_id) is None:
            raise unknown_application(application_id, f"`app create NAME --catalogue {catalogue}` creates it")
        outcome = import_catalogue(store, game.catalogue, game.icons)
    value = {name: list(map(format_snowflake, ids)) for name, ids in outcome._asdict().items()}
    lines = [f"{len(ids):5} {name.replace('_', ' ')}" for name, ids in value.items()]
    if outcome.not_in_file:
        lines.append(f"Kept, although not in {catalogue}: {', '.join(value['not_in_file'])}")
    show(value, "\n".join(lines), as_json=as_json)


@app.command("list")
@database_option
@json_option
def list_(database: str | None, as_json: bool) -> None:
    """List all applications.

    This only reads: a database that is missing is not created, and one of an older version is not migrated.
    """
    applications = read_applications(database)
    value = [
        {"application_id": format_snowflake(id_), "name": name, "created_at": format_time(created_at_us)}
        for id_, name, created_at_us in applications or ()
    ]
    rows = [(entry["application_id"], short_time(entry["created_at"]), entry["name"]) for entry in value]
    nothing = "No applications yet." if applications is not None else f"No applications yet: {no_database(database)}."
    text = table(("ID", "CREATED (UTC)", "NAME"), rows) if rows else nothing
    show(value, text, as_json=as_json)


@app.command("rotate-token")
@click.argument("application_id", metavar="ID", type=ID)
@database_option
@yes_option
@json_option
def rotate_token(application_id: int, database: str | None, yes: bool, as_json: bool) -> None:
    """Replace the bot token; the new one is shown only once.

    The old token stops working at once, including in running processes.
    """
    from ..domain.access import TokenKind
    from ..server.auth import mint

    with opened(database) as store:
        application = store.application(application_id)
        if application is None:
            raise unknown_application(application_id)
        name = printable(application.name)
        confirm(lambda: f"replace the bot token of application {application_id} ({name}), which then ends", yes=yes)
        minted = mint(TokenKind.BOT, application_id, None, time.time_ns() // 1000)
        if not store.rotate_bot_token(minted.token):
            raise unknown_application(application_id)
    _show_bot_token(application_id, application.name, minted.text, as_json=as_json)


def _show_bot_token(application_id: int, name: str, token: str, *, as_json: bool) -> None:
    value = {"application_id": format_snowflake(application_id), "name": name, "bot_token": token}
    text = f"Application: {application_id}  {name}\nBot token (shown only once; keep it on the game's server): {token}"
    show(value, text, as_json=as_json)
