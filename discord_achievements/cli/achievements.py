"""`achievements`: definitions, over HTTP with the bot token."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..domain import routes
from .confirm import confirm, yes_option
from .options import ID, LOCALIZATION, F, json_option, service_options
from .output import name_of, show, table

if TYPE_CHECKING:
    from .api import Api


@click.group()
def achievements() -> None:
    """List, create, update and delete achievements.

    These commands call the service at --url with the bot token in DISCORD_ACHIEVEMENTS_BOT_TOKEN.
    """


def _definition_options(command: F) -> F:
    # click lists options in the reverse order of their decorators.
    for option in (
        click.option(
            "--description-localization",
            "descriptions",
            type=LOCALIZATION,
            multiple=True,
            help="Translated description, such as de=...; repeatable.",
        ),
        click.option(
            "--name-localization",
            "names",
            type=LOCALIZATION,
            multiple=True,
            help="Translated name, such as de=Gewonnen; repeatable.",
        ),
        click.option(
            "--icon",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="PNG, JPEG, GIF or WebP; up to 256 KiB, 1024 x 1024 pixels.",
        ),
        click.option("--secure/--no-secure", default=None, help="Let only the game's server set progress on it."),
        click.option("--secret/--no-secret", default=None, help="Hide it from players who have not unlocked it."),
    ):
        command = option(command)
    return command


@achievements.command("list")
@service_options
@json_option
def list_(api: Api, as_json: bool) -> None:
    """List all achievements, sorted by id."""
    found = api.call(routes.GET_ACHIEVEMENTS)
    rows = [(one["id"], _yes_no(one["secret"]), _yes_no(one["secure"]), name_of(one)) for one in found]
    text = table(("ID", "SECRET", "SECURE", "NAME"), rows) if rows else "No achievements yet."
    show(found, text, as_json=as_json)


@achievements.command()
@click.option("--name", required=True, help="Name; up to 100 characters.")
@click.option("--description", required=True, help="Description; up to 200 characters.")
@_definition_options
@service_options
@json_option
def create(api: Api, as_json: bool, **given: Any) -> None:
    """Create an achievement."""
    made = api.call(routes.CREATE_ACHIEVEMENT, _body(**given))
    show(made, f"Created {_shown(made)}.", as_json=as_json)


@achievements.command()
@click.argument("achievement_id", metavar="ID", type=ID)
@click.option("--name", help="New name; up to 100 characters.")
@click.option("--description", help="New description; up to 200 characters.")
@_definition_options
@service_options
@json_option
def update(api: Api, achievement_id: int, as_json: bool, **given: Any) -> None:
    """Update the given fields of an achievement.

    --name-localization replaces all translations of the name, so give all that you want to keep.
    --description-localization does the same for the description.
    """
    body = _body(**given)
    if not body:
        raise click.UsageError("There is nothing to update; pass at least one option, such as --name.")
    made = api.call(routes.UPDATE_ACHIEVEMENT, body, achievement_id=achievement_id)
    show(made, f"Updated {_shown(made)}.", as_json=as_json)


@achievements.command()
@click.argument("achievement_id", metavar="ID", type=ID)
@service_options
@yes_option
@json_option
def delete(api: Api, achievement_id: int, yes: bool, as_json: bool) -> None:
    """Delete an achievement and all players' progress on it."""

    def action() -> str:
        found = api.call(routes.GET_ACHIEVEMENT, achievement_id=achievement_id)
        return f"delete {_shown(found)} and all players' progress on it"

    confirm(action, yes=yes)
    api.call(routes.DELETE_ACHIEVEMENT, achievement_id=achievement_id)
    show({"deleted": str(achievement_id)}, f"Deleted achievement {achievement_id}.", as_json=as_json)


def _body(
    name: str | None,
    description: str | None,
    secret: bool | None,
    secure: bool | None,
    icon: Path | None,
    names: tuple[tuple[str, str], ...],
    descriptions: tuple[tuple[str, str], ...],
) -> dict[str, Any]:
    body = {
        "name": name,
        "description": description,
        "secret": secret,
        "secure": secure,
        "icon": icon and _data_uri(icon),
        "name_localizations": dict(names) or None,
        "description_localizations": dict(descriptions) or None,
    }
    return {field: value for field, value in body.items() if value is not None}


def _data_uri(path: Path) -> str:
    from .icon_file import read_icon

    media_type, content = read_icon(path)
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _shown(achievement: dict[str, Any]) -> str:
    return f"achievement {achievement['id']} ({name_of(achievement)})"


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"
