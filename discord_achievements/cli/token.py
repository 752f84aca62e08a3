"""`token`: bearer tokens of players; revoking a token of any kind."""

from __future__ import annotations

import time

import click

from ..domain.errors import DiscordAchievementsError
from ..domain.snowflake import format_snowflake
from ..domain.wire import format_time
from .confirm import confirm, yes_option
from .database import opened, unknown_application
from .options import ID, Duration, application_option, database_option, json_option
from .output import show

_LONGEST_S = 36_600 * 86400.0  # a hundred years


@click.group()
def token() -> None:
    """Create bearer tokens for players; revoke any token."""


@token.command()
@application_option
@click.option("--user", "user_id", type=ID, required=True, help="The player's id; any number above 0.")
@click.option(
    "--expires-in",
    "expires_in_s",
    type=Duration(1, _LONGEST_S),
    metavar="DURATION",
    help="Lifetime, such as 30d, 12h, 15m or 3600 (seconds).",
)
@database_option
@json_option
def create(application_id: int, user_id: int, expires_in_s: float | None, database: str | None, as_json: bool) -> None:
    """Create a bearer token for a player; it is shown only once.

    Meant for development and tests. Without --expires-in it is valid until `token revoke`.
    """
    from ..domain.access import TokenKind
    from ..server.auth import mint

    minted = mint(TokenKind.BEARER, application_id, user_id, time.time_ns() // 1000, expires_in_s)
    with opened(database) as store:
        if store.application(application_id) is None:
            raise unknown_application(application_id)
        store.add_token(minted.token)
    expires_at_us = minted.token.expires_at_us
    value = {
        "access_token": minted.text,
        "application_id": format_snowflake(application_id),
        "user_id": format_snowflake(user_id),
        "expires_at": None if expires_at_us is None else format_time(expires_at_us),
    }
    ends = "does not expire" if expires_at_us is None else f"expires at {format_time(expires_at_us)}"
    text = (
        f"Bearer token of player {user_id} (shown only once): {minted.text}\n"
        f"It {ends}; revoke it with `token revoke {minted.token.key}`."
    )
    show(value, text, as_json=as_json)


@token.command()
@click.argument("key_or_token", metavar="KEY|TOKEN")
@database_option
@yes_option
@json_option
def revoke(key_or_token: str, database: str | None, yes: bool, as_json: bool) -> None:
    """Revoke a token at once, including in running processes.

    KEY is the second part of the token: twelve hexadecimal digits, which are not secret. The whole token works too;
    once revoked, it is no longer secret. After revoking a bot token, create a new one with `app rotate-token`.
    """
    from ..server.auth import key_of

    key = key_of(key_or_token.strip())
    if key is None:
        # The value may be a token with a typing error, so it is not repeated.
        raise click.BadParameter(
            "expected a token, or its second part: twelve hexadecimal digits", param_hint="'KEY|TOKEN'"
        )
    with opened(database) as store:
        found = store.token(key)
        if found is None:
            raise DiscordAchievementsError(f"there is no token with the key {key}; it may have been revoked already")
        whose = f"the {found.kind.value}" if found.user_id is None else f"player {found.user_id}"
        confirm(lambda: f"revoke token {key} of {whose} in application {found.application_id}", yes=yes)
        store.remove_token(key)
    show({"revoked": key}, f"Revoked token {key}.", as_json=as_json)
