"""`user`: one player's progress, over HTTP with the bot token."""

from __future__ import annotations

import click

from ..domain import routes
from ..domain.wire import encode_update
from .common import ID, Api, json_option, service_options, show


@click.group()
def user() -> None:
    """One player's progress.

    Speaks to the service at DISCORD_ACHIEVEMENTS_URL with the token in DISCORD_ACHIEVEMENTS_BOT_TOKEN.
    """


@user.command("set")
@click.argument("user_id", metavar="USER", type=ID)
@click.argument("achievement_id", metavar="ACHIEVEMENT", type=ID)
@click.argument("percent", metavar="PERCENT", type=click.IntRange(0, 100))
@service_options
@json_option
def set_(
    user_id: int,
    achievement_id: int,
    percent: int,
    application_id: int,
    url: str,
    allow_insecure_http: bool,
    as_json: bool,
) -> None:
    """Raise a player's progress, also on a secure achievement. It never goes down; see reset."""
    api = Api(application_id, url, allow_insecure_http)
    api.call(
        routes.UPDATE_USER_ACHIEVEMENT, encode_update(percent, None), user_id=user_id, achievement_id=achievement_id
    )
    value = {"user_id": str(user_id), "achievement_id": str(achievement_id), "percent_complete": percent}
    show(value, f"Player {user_id} is at {percent} or more on {achievement_id}.", as_json=as_json)


@user.command()
@click.argument("user_id", metavar="USER", type=ID)
@click.argument("achievement_id", metavar="ACHIEVEMENT", type=ID)
@service_options
@json_option
def reset(
    user_id: int, achievement_id: int, application_id: int, url: str, allow_insecure_http: bool, as_json: bool
) -> None:
    """Take a player's progress on an achievement away."""
    api = Api(application_id, url, allow_insecure_http)
    api.call(routes.RESET_USER_ACHIEVEMENT, user_id=user_id, achievement_id=achievement_id)
    value = {"user_id": str(user_id), "achievement_id": str(achievement_id), "percent_complete": 0}
    show(value, f"Player {user_id} is at 0 on {achievement_id}.", as_json=as_json)


@user.command("show")
@click.argument("user_id", metavar="USER", type=ID)
@service_options
@click.option("--all", "with_all", is_flag=True, help="Also achievements that the player has not begun.")
@json_option
def show_(
    user_id: int, application_id: int, url: str, allow_insecure_http: bool, with_all: bool, as_json: bool
) -> None:
    """Print a player's progress, on secret achievements too."""
    api = Api(application_id, url, allow_insecure_http)
    query = "" if with_all else "?started=true"
    found = api.call(routes.GET_PLAYER_ACHIEVEMENTS, query=query, user_id=user_id)
    lines = []
    for entry in found:
        name = entry["name"] if isinstance(entry["name"], str) else entry["name"]["default"]
        unlocked_at = entry["unlocked_at"] or "locked"
        lines.append(f"{entry['achievement_id']}  {entry['percent_complete']:3} %  {unlocked_at}  {name}")
    show(found, "\n".join(lines) or "Nothing recorded.", as_json=as_json)
