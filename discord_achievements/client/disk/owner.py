"""Whose progress it is: sixteen bytes that identify an owner without naming anybody.

Progress belongs to the player whose token was in use when it was made. Often it is not known yet who that is, so
records carry what is known at that moment: nothing (local mode), a hash of the token, the user's id, or, while there is
no token at all, a number for this run. The service's first answer shows which of them are one player (see `players`).
"""

from __future__ import annotations

import hashlib
import secrets
import struct

from ...domain.snowflake import is_snowflake

_BYTES = 16
_LOCAL, _TOKEN, _USER, _RUN = b"\0", b"\1", b"\2", b"\3"

LOCAL = bytes(_BYTES)
"""The owner of what is set in local mode: the first player to sign in on this data folder."""


def of_token(token: str) -> bytes:
    """Return the owner for a token; the token cannot be recovered from it."""
    return _TOKEN + hashlib.sha256(token.encode()).digest()[: _BYTES - 1]


def of_user(user_id: int) -> bytes:
    """Return the owner for a user id that the game has given."""
    return _USER + struct.pack(">7xQ", user_id)


def of_run() -> bytes:
    """Return a new owner for a run without a token; the next player to sign in takes it over."""
    return _RUN + secrets.token_bytes(_BYTES - 1)


def is_run(owner: bytes) -> bool:
    """Return whether `owner` was made by `of_run`."""
    return owner.startswith(_RUN)


def is_owner(owner: bytes) -> bool:
    """Return whether the functions above can have made `owner`, as far as that can be seen."""
    user_id = user_of(owner)
    return len(owner) == _BYTES and (user_id is None or is_snowflake(user_id))


def user_of(owner: bytes) -> int | None:
    """Return the user id in `owner`, None if it has none."""
    return int.from_bytes(owner[1:], "big") if owner.startswith(_USER) else None
