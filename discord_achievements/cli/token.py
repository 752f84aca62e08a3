"""`token`: players' tokens, for development and tests, and the end of any token."""

from __future__ import annotations

import time

import click

from ..domain.access import TokenKind
from ..domain.errors import DiscordAchievementsError
from ..domain.snowflake import format_snowflake
from ..domain.wire import format_time
from ..server.auth import key_of, mint
from .common import ID, database_option, json_option, opened, show

_LONGEST_S = 100 * 366 * 86400


@click.group()
def token() -> None:
    """Players' bearer tokens, for development and tests, and the end of any token."""


@token.command()
@click.option("--application", "application_id", type=ID, required=True, help="The application's id.")
@click.option("--user", "user_id", type=ID, required=True, help="The player's id; any number.")
@click.option("--expires-in", "expires_in_s", type=click.IntRange(1, _LONGEST_S), metavar="S", help="Seconds.")
@database_option
@json_option
def create(application_id: int, user_id: int, expires_in_s: int | None, database: str | None, as_json: bool) -> None:
    """Make a bearer token for a player and print it, this once.

    Without --expires-in it does not expire; `token revoke` ends it.
    """
    minted = mint(TokenKind.BEARER, application_id, user_id, time.time_ns() // 1000, expires_in_s)
    with opened(database) as store:
        if store.application(application_id) is None:
            raise DiscordAchievementsError(f"there is no application {application_id}; `app list` shows all")
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
        f"Bearer token of player {user_id} (shown once): {minted.text}\n"
        f"It {ends}; `token revoke {minted.token.key}` ends it."
    )
    show(value, text, as_json=as_json)


@token.command()
@click.argument("key_or_token", metavar="KEY|TOKEN")
@database_option
@json_option
def revoke(key_or_token: str, database: str | None, as_json: bool) -> None:
    """End a token at once, in running processes too.

    KEY is the token's second part, twelve digits, and no secret. A whole token does as well: once it is revoked, it is
    no secret either. An application whose bot token is revoked gets a new one by `app rotate-token`.
    """
    key = key_of(key_or_token.strip())
    if key is None:
        raise click.BadParameter(
            "it has to be a token, or its second part: twelve digits from 0 to 9 and a to f", param_hint="KEY|TOKEN"
        )
    with opened(database) as store:
        if not store.remove_token(key):
            raise DiscordAchievementsError(f"there is no token with the key {key}; it may have been revoked before")
    show({"revoked": key}, f"Revoked {key}.", as_json=as_json)
