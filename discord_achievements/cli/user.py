"""`user`: one player's progress, over HTTP with the bot token."""

from __future__ import annotations

import click

from ..domain import routes
from ..domain.wire import encode_update
from .api import Api
from .options import ID, Number, json_option, service_options
from .output import show


@click.group()
def user() -> None:
    """Raise, reset and show a player's progress.

    These commands call the service at --url with the bot token in DISCORD_ACHIEVEMENTS_BOT_TOKEN.
    """


@user.command("set")
@click.argument("user_id", metavar="USER", type=ID)
@click.argument("achievement_id", metavar="ACHIEVEMENT", type=ID)
@click.argument("percent", metavar="PERCENT", type=Number("a whole percentage", 0, 100))
@service_options
@json_option
def set_(api: Api, user_id: int, achievement_id: int, percent: int, as_json: bool) -> None:
    """Raise a player's progress, including on secure achievements.

    PERCENT is a whole number from 0 to 100; 100 unlocks. Progress never decreases; `user reset` sets it to 0.
    """
    api.call(
        routes.UPDATE_USER_ACHIEVEMENT, encode_update(percent, None), user_id=user_id, achievement_id=achievement_id
    )
    value = {"user_id": str(user_id), "achievement_id": str(achievement_id), "percent_complete": percent}
    show(value, f"Player {user_id} has at least {percent} % of achievement {achievement_id}.", as_json=as_json)


@user.command()
@click.argument("user_id", metavar="USER", type=ID)
@click.argument("achievement_id", metavar="ACHIEVEMENT", type=ID)
@service_options
@json_option
def reset(api: Api, user_id: int, achievement_id: int, as_json: bool) -> None:
    """Reset a player's progress on an achievement to 0."""
    api.call(routes.RESET_USER_ACHIEVEMENT, user_id=user_id, achievement_id=achievement_id)
    value = {"user_id": str(user_id), "achievement_id": str(achievement_id), "percent_complete": 0}
    show(value, f"Player {user_id} has 0 % of achievement {achievement_id}.", as_json=as_json)


@user.command("show")
@click.argument("user_id", metavar="USER", type=ID)
@service_options
@click.option("--all", "with_all", is_flag=True, help="Include achievements without any progress.")
@json_option
def show_(api: Api, user_id: int, with_all: bool, as_json: bool) -> None:
    """Show a player's progress, including on secret achievements."""
    query = "" if with_all else "?started=true"
    found = api.call(routes.GET_PLAYER_ACHIEVEMENTS, query=query, user_id=user_id)
    lines = []
    for entry in found:
        name = entry["name"] if isinstance(entry["name"], str) else entry["name"]["default"]
        unlocked_at = entry["unlocked_at"] or "locked"
        lines.append(f"{entry['achievement_id']}  {entry['percent_complete']:3} %  {unlocked_at}  {name}")
    nothing = "No achievements yet." if with_all else f"Player {user_id} has no progress yet."
    show(found, "\n".join(lines) or nothing, as_json=as_json)
