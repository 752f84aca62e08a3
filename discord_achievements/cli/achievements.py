"""`achievements`: definitions, over HTTP with the bot token."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from ..domain import routes
from .common import ID, Api, F, json_option, service_options, show
from .icon_file import read_icon


@click.group()
def achievements() -> None:
    """The achievements of an application.

    Speaks to the service at DISCORD_ACHIEVEMENTS_URL with the token in DISCORD_ACHIEVEMENTS_BOT_TOKEN.
    """


def _definition_options(command: F) -> F:
    # The last one that is put on is the first in the help.
    for option in (
        click.option(
            "--description-localization", "descriptions", multiple=True, metavar="LOCALE=TEXT", help="Likewise."
        ),
        click.option(
            "--name-localization",
            "names",
            multiple=True,
            metavar="LOCALE=TEXT",
            help="Such as de=Gewonnen; may be repeated.",
        ),
        click.option(
            "--icon",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A PNG, JPEG, GIF or WebP file, at most 256 KiB and 1024 x 1024 pixels.",
        ),
        click.option("--secure/--no-secure", default=None, help="Only the game's server can grant it."),
        click.option("--secret/--no-secret", default=None, help="Hidden until it is unlocked."),
    ):
        command = option(command)
    return command


@achievements.command("list")
@service_options
@json_option
def list_(application_id: int, url: str, allow_insecure_http: bool, as_json: bool) -> None:
    """Print all achievements, ascending by id."""
    found = Api(application_id, url, allow_insecure_http).call(routes.GET_ACHIEVEMENTS)
    show(found, "\n".join(map(_line, found)) or "No achievements yet.", as_json=as_json)


@achievements.command()
@click.option("--name", required=True, help="Up to 100 characters.")
@click.option("--description", required=True, help="Up to 200 characters.")
@_definition_options
@service_options
@json_option
def create(application_id: int, url: str, allow_insecure_http: bool, as_json: bool, **given: Any) -> None:
    """Create an achievement and print it."""
    api = Api(application_id, url, allow_insecure_http)
    made = api.call(routes.CREATE_ACHIEVEMENT, _body(**given))
    show(made, _line(made), as_json=as_json)


@achievements.command()
@click.argument("achievement_id", metavar="ID", type=ID)
@click.option("--name", help="Up to 100 characters.")
@click.option("--description", help="Up to 200 characters.")
@_definition_options
@service_options
@json_option
def update(
    achievement_id: int, application_id: int, url: str, allow_insecure_http: bool, as_json: bool, **given: Any
) -> None:
    """Change what is given of an achievement, for all players, and print it."""
    body = _body(**given)
    if not body:
        raise click.UsageError("nothing to change: give at least one option, such as --name")
    api = Api(application_id, url, allow_insecure_http)
    made = api.call(routes.UPDATE_ACHIEVEMENT, body, achievement_id=achievement_id)
    show(made, _line(made), as_json=as_json)


@achievements.command()
@click.argument("achievement_id", metavar="ID", type=ID)
@service_options
@json_option
def delete(achievement_id: int, application_id: int, url: str, allow_insecure_http: bool, as_json: bool) -> None:
    """Delete an achievement and all players' progress on it."""
    api = Api(application_id, url, allow_insecure_http)
    api.call(routes.DELETE_ACHIEVEMENT, achievement_id=achievement_id)
    show({"deleted": str(achievement_id)}, f"Deleted {achievement_id}.", as_json=as_json)


def _body(
    name: str | None,
    description: str | None,
    secret: bool | None,
    secure: bool | None,
    icon: Path | None,
    names: tuple[str, ...],
    descriptions: tuple[str, ...],
) -> dict[str, Any]:
    body = {
        "name": name,
        "description": description,
        "secret": secret,
        "secure": secure,
        "icon": icon and _data_uri(icon),
        "name_localizations": _texts("--name-localization", names),
        "description_localizations": _texts("--description-localization", descriptions),
    }
    return {field: value for field, value in body.items() if value is not None}


def _texts(option: str, given: tuple[str, ...]) -> dict[str, str] | None:
    texts = {}
    for pair in given:
        locale, equals, text = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not LOCALE=TEXT, such as de=Gewonnen", param_hint=option)
        texts[locale] = text
    return texts or None


def _data_uri(path: Path) -> str:
    media_type, content = read_icon(path)
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _line(achievement: dict[str, Any]) -> str:
    name = achievement["name"]
    text = name if isinstance(name, str) else name["default"]
    marks = [mark for mark in ("secret", "secure") if achievement[mark]]
    return f"{achievement['id']}  {text}{f'  ({chr(44).join(marks)})' if marks else ''}"
