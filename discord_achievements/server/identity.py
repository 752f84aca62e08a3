"""What clients written for Discord ask when they log in: who am I, in which application, and where is the gateway.

The objects have the fields of Discord's that the libraries for bots read. Nothing here is made up except what no client
can do without: a player's name is their id, since names are not stored, and the key is one by which no interaction
passes, because there are none.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ..domain.access import Caller
from ..domain.wire import format_time
from .stores.base import Application

# A name that exists nowhere: a bot that connects fails at once, and its token goes nowhere.
_GATEWAY = "wss://gateway.invalid"
_NEVER = "9999-12-31T23:59:59.999999+00:00"


def user(caller: Caller, application: Application) -> dict[str, Any]:
    """Return the user object of the player, or of the application's bot, whose id is the application's."""
    is_bot = caller.user_id is None
    return {
        "id": str(application.id if is_bot else caller.user_id),
        "username": application.name if is_bot else str(caller.user_id),
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
        "bot": is_bot,
        "mfa_enabled": False,
        "locale": "en-US",
        "verified": True,
        "flags": 0,
        "public_flags": 0,
        "premium_type": 0,
    }


def application(caller: Caller, application: Application) -> dict[str, Any]:
    """Return the application object."""
    return {
        "id": str(application.id),
        "name": application.name,
        "description": "",
        "icon": None,
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": hashlib.sha256(f"no interactions of {application.id}".encode()).hexdigest(),
        "owner": user(Caller(caller.kind, application.id), application),
        "team": None,
        "flags": 0,
        "approximate_guild_count": 0,
        "approximate_user_install_count": 0,
    }


def authorization(caller: Caller, own: Application) -> dict[str, Any]:
    """Return what the caller's token is good for, and until when."""
    return {
        "application": application(caller, own),
        "scopes": ["bot" if caller.user_id is None else "identify"],
        "expires": _NEVER if caller.expires_at_us is None else format_time(caller.expires_at_us),
        "user": user(caller, own),
    }


def gateway() -> dict[str, Any]:
    """Return the answer to a bot that wants to connect to the gateway, which this service does not have."""
    start_limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    return {"url": _GATEWAY, "shards": 1, "session_start_limit": start_limit}
