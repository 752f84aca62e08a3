"""`database`: backup and restore, so that games notice a restore."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..domain.errors import DiscordAchievementsError
from ..server.dsn import is_postgresql, redacted, sqlite_path
from ..server.settings import check_names
from .confirm import confirm, yes_option
from .database import opened
from .options import database_option, json_option, settings
from .output import show

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def database() -> None:
    """Back up and restore the database.

    A restored database begins a new history: games notice it, and send again what it lacks.
    """


@database.command()
@click.argument("file", type=_FILE)
@database_option
@json_option
def backup(file: Path, database: str | None, as_json: bool) -> None:
    """Copy a SQLite database to a new file; the service may run.

    For PostgreSQL use pg_dump.
    """
    path = _sqlite_file(database, f"pg_dump --format=custom --file={file}")
    from ..server.stores.sqlite_backup import back_up

    back_up(path, file)
    show({"backup": str(file)}, f"Backed up {path} to {file}.", as_json=as_json)


@database.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@database_option
@yes_option
@json_option
def restore(file: Path, database: str | None, yes: bool, as_json: bool) -> None:
    """Replace a SQLite database by a backup; the service may run.

    For PostgreSQL use pg_restore, then `database renew-history`.
    """
    path = _sqlite_file(database, f"pg_restore --clean --if-exists --dbname=... {file}")
    confirm(lambda: f"replace everything in {path} by {file}", yes=yes)
    from ..server.stores import sqlite_backup

    history = sqlite_backup.restore(file, path)
    show({"history": history}, f"Restored {path} from {file}; its history is now {history}.", as_json=as_json)


@database.command("renew-history")
@database_option
@json_option
def renew_history(database: str | None, as_json: bool) -> None:
    """Begin a new history after a restore by other means.

    Games notice it and send again what the database lacks. Running services notice it at once.
    """
    with opened(database) as store:
        history = store.renew_history()
    show({"history": history}, f"The history is now {history}.", as_json=as_json)


def _sqlite_file(database: str | None, instead: str) -> Path:
    check_names(os.environ)
    url = settings(database=database).database
    if is_postgresql(url):
        raise DiscordAchievementsError(f"{redacted(url)} is not a SQLite file; use PostgreSQL's own tool: {instead}")
    return Path(sqlite_path(url))
