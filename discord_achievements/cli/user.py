"""`user`: one player's progress, over HTTP with the bot token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..domain import routes
from ..domain.errors import ApiError, DiscordAchievementsError, ErrorCode
from ..domain.snowflake import format_snowflake
from ..domain.wire import encode_update
from .confirm import confirm, yes_option
from .options import ID, Number, json_option, service_options
from .output import describe, name_of, short_time, show, table

if TYPE_CHECKING:
    from .api import Api


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
    body = encode_update(percent, None)
    api.call(routes.UPDATE_USER_ACHIEVEMENT, body, user_id=user_id, achievement_id=achievement_id)
    _show_state(api, user_id, achievement_id, as_json=as_json)


@user.command()
@click.argument("user_id", metavar="USER", type=ID)
@click.argument("achievement_id", metavar="ACHIEVEMENT", type=ID)
@service_options
@yes_option
@json_option
def reset(api: Api, user_id: int, achievement_id: int, yes: bool, as_json: bool) -> None:
    """Reset a player's progress on an achievement to 0."""

    def action() -> str:
        state = _state(api, user_id, achievement_id)
        return f"reset player {user_id} from {state['percent_complete']} % of {_shown(state)} to 0 %"

    confirm(action, yes=yes)
    api.call(routes.RESET_USER_ACHIEVEMENT, user_id=user_id, achievement_id=achievement_id)
    _show_state(api, user_id, achievement_id, as_json=as_json)


@user.command("show")
@click.argument("user_id", metavar="USER", type=ID)
@service_options
@click.option("--all", "with_all", is_flag=True, help="Include achievements without any progress.")
@json_option
def show_(api: Api, user_id: int, with_all: bool, as_json: bool) -> None:
    """Show a player's progress, including on secret achievements."""
    query = "" if with_all else "?started=true"
    found = api.call(routes.GET_PLAYER_ACHIEVEMENTS, query=query, user_id=user_id)
    rows = [
        (entry["achievement_id"], f"{entry['percent_complete']:3} %", _unlocked(entry) or "locked", name_of(entry))
        for entry in found
    ]
    nothing = "No achievements yet." if with_all else f"Player {user_id} has no progress yet."
    text = table(("ID", "PROGRESS", "UNLOCKED (UTC)", "NAME"), rows) if rows else nothing
    show(found, text, as_json=as_json)


def _show_state(api: Api, user_id: int, achievement_id: int, *, as_json: bool) -> None:
    """Show what the service holds after a change, which may be more than was set."""
    try:
        state = _state(api, user_id, achievement_id)
    except DiscordAchievementsError as exc:
        reason = describe(exc) if isinstance(exc, ApiError) else exc
        raise DiscordAchievementsError(f"the progress was changed, but reading it failed: {reason}") from exc
    unlocked = f", unlocked {at} UTC" if (at := _unlocked(state)) else ""
    text = f"Player {user_id} has {state['percent_complete']} % of {_shown(state)}{unlocked}."
    show(state, text, as_json=as_json)


def _state(api: Api, user_id: int, achievement_id: int) -> dict[str, Any]:
    """Return a player's entry for one achievement."""
    found = api.call(routes.GET_PLAYER_ACHIEVEMENTS, user_id=user_id)
    for entry in found:
        if entry["achievement_id"] == format_snowflake(achievement_id):
            return dict(entry)
    raise ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT)


def _shown(state: dict[str, Any]) -> str:
    return f"achievement {state['achievement_id']} ({name_of(state)})"


def _unlocked(entry: dict[str, Any]) -> str:
    return short_time(entry["unlocked_at"] or "")
