"""Whose progress is it: sixteen bytes that name an owner without naming anybody.

Progress belongs to the player whose token was in use when it was made. Often it is not known yet who that is, so
records carry what is known at that moment: nothing (local mode), a hash of the token, the user's id, or, while no
token is there at all, a number for this run. The cache learns from the first answer which of them are one player.
"""

from __future__ import annotations

import hashlib
import secrets
import struct

_BYTES = 16
_LOCAL, _TOKEN, _USER, _RUN = b"\0", b"\1", b"\2", b"\3"

LOCAL = bytes(_BYTES)
"""The owner of what is done in local mode: whoever signs in first on this data folder."""


def of_token(token: str) -> bytes:
    """Return the owner that a token stands for; the token cannot be found from it."""
    return _TOKEN + hashlib.sha256(token.encode()).digest()[: _BYTES - 1]


def of_user(user_id: int) -> bytes:
    """Return the owner whose user id is known beforehand."""
    return _USER + struct.pack(">7xQ", user_id)


def of_run() -> bytes:
    """Return a new owner for the time in which there is no token; the next one to sign in takes it over."""
    return _RUN + secrets.token_bytes(_BYTES - 1)


def is_run(owner: bytes) -> bool:
    """Tell whether `owner` is one of `of_run`."""
    return owner.startswith(_RUN)


def user_of(owner: bytes) -> int | None:
    """Return the user id that `owner` tells, if it does."""
    return int.from_bytes(owner[1:], "big") if owner.startswith(_USER) else None
