"""Tokens: how they are made, and what one acts for.

    dabot_4f1c09d27a3b_64 hexadecimal digits        an application's bot
    dauser_4f1c09d27a3b_64 hexadecimal digits       a player

By the first part, scanners for leaked secrets recognise `da(bot|user|client)_[0-9a-f]{12}_[0-9a-f]{64}`.
The second is the key by which the token is looked up, and not secret. The third is 256 bits of randomness. The store
keeps the SHA-256 of the whole token: with that much randomness, a slower hash would add nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ..domain.access import Caller, TokenKind
from .stores.base import Token

_PREFIX = {TokenKind.BOT: "dabot", TokenKind.BEARER: "dauser", TokenKind.CLIENT: "daclient"}
_TOKEN = re.compile(r"((?i:Bot|Bearer)) +(da(?:bot|user|client)_([0-9a-f]{12})_[0-9a-f]{64})")
_KEY = re.compile(r"(?:da(?:bot|user|client)_)?([0-9a-f]{12})(?:_[0-9a-f]{64})?")
_REMEMBERED_MAX = 100_000

ReadToken = Callable[[str], Awaitable[Token | None]]


class Minted(NamedTuple):
    """A new token: `text` is shown to its owner once, `token` is stored."""

    text: str
    token: Token


def mint(
    kind: TokenKind, application_id: int, user_id: int | None, at_us: int, expires_in_s: float | None = None
) -> Minted:
    """Return a new token, which expires after `expires_in_s` seconds, or never if that is None."""
    key = secrets.token_hex(6)
    text = f"{_PREFIX[kind]}_{key}_{secrets.token_hex(32)}"
    expires_at_us = None if expires_in_s is None else at_us + int(expires_in_s * 1_000_000)
    return Minted(text, Token(key, _sha256(text), kind, application_id, user_id, at_us, expires_at_us))


def key_of(text: str) -> str | None:
    """Return the key of a token, given the token or the key itself; None for anything else."""
    hit = _KEY.fullmatch(text)
    return None if hit is None else hit[1]


class Authenticator:
    """Identifies callers by the `Authorization` header. Belongs to the event loop.

    Tokens are remembered while the store's generation stays the same, so a rotated or revoked token stops working at
    once, in every process.
    """

    def __init__(self, generation: Callable[[], int], read_token: ReadToken, at_us: Callable[[], int]) -> None:
        self._current_generation = generation
        self._read_token = read_token
        self._at_us = at_us
        self._generation: int | None = None
        self._remembered: dict[bytes, Caller] = {}

    async def identify(self, authorization: str) -> Caller | None:
        """Return who sent this header; None if its token is missing, malformed, unknown, expired or revoked."""
        hit = _TOKEN.fullmatch(authorization)
        if hit is None:
            return None
        generation = self._current_generation()
        if generation != self._generation or len(self._remembered) > _REMEMBERED_MAX:
            self._remembered = {}
            self._generation = generation
        digest = _sha256(authorization)
        caller = self._remembered.get(digest)
        if caller is None:
            remembered = self._remembered
            caller = await self._look_up(*hit.groups())
            if caller is None:
                return None
            remembered[digest] = caller  # in the dict of the generation that was current before the look-up
        if caller.expires_at_us is not None and caller.expires_at_us <= self._at_us():
            return None
        return caller

    async def _look_up(self, scheme: str, text: str, key: str) -> Caller | None:
        token = await self._read_token(key)
        if token is None or not hmac.compare_digest(token.sha256, _sha256(text)):
            return None
        if (token.kind is TokenKind.BOT) != (scheme.lower() == "bot"):
            return None
        return Caller(token.kind, token.application_id, token.user_id, token.expires_at_us)


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
