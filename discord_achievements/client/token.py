"""The player's bearer token: how it is checked and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..domain.errors import ConfigurationError
from ..domain.snowflake import is_snowflake
from .disk import owner as owners

_MAX_CHARACTERS = 4096


@runtime_checkable
class TokenProvider(Protocol):
    """An object that a game passes instead of a token: it knows how to get one and how to renew it.

    Both methods return a bearer token or raise. It may also have `user_id: int`, if that is already known.
    **Thread**: a background thread, one call at a time. **Blocks**: for as long as it likes; in the meantime
    the game continues and updates are stored.
    """

    def get_token(self) -> str:
        """Return the token to use."""
        ...

    def refresh(self) -> str:
        """Return a new token, because the service has refused the current one."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who plays: a token, or the object that provides one, and the owner for whom new progress is recorded.

    Without either, nobody has signed in.
    """

    owner: bytes
    token: str | None = None
    provider: TokenProvider | None = None

    @property
    def is_nobody(self) -> bool:
        """Whether there is nothing to get a token from."""
        return self.token is None and self.provider is None


def local_credentials() -> Credentials:
    """Return the credentials of local mode, where nobody signs in."""
    return Credentials(owners.LOCAL)


def credentials(token: str | TokenProvider | None) -> Credentials:
    """Return the credentials for what a game passes as `token`. Raises `ConfigurationError`."""
    if token is None or token == "":
        return Credentials(owners.of_run())
    if isinstance(token, str):
        token = checked(token)
        return Credentials(owners.of_token(token), token)
    if isinstance(token, type) or not isinstance(token, TokenProvider):
        raise ConfigurationError(
            f"token: expected a string or an object with get_token() and refresh(), got {_kind(token)}"
        )
    user_id = getattr(token, "user_id", None)
    if user_id is None:
        return Credentials(owners.of_run(), provider=token)
    if not is_snowflake(user_id):
        raise ConfigurationError(f"user_id of the token object: expected an integer above 0, got {user_id!r:.40}")
    return Credentials(owners.of_user(user_id), provider=token)


def _kind(token: object) -> str:
    return f"the class {token.__name__}" if isinstance(token, type) else f"a {type(token).__name__}"


def checked(token: object) -> str:
    """Return `token` as it follows `Bearer `. Raises `ConfigurationError`, which never shows the token."""
    if not isinstance(token, str):
        raise ConfigurationError(f"token: expected a string, got {_kind(token)}")
    token = token.strip()
    kind, _, rest = token.partition(" ")
    while kind.lower() == "bearer" and rest:
        token = rest.strip()
        kind, _, rest = token.partition(" ")
    if kind.lower() == "bot" or token.startswith("dabot_"):
        raise ConfigurationError(
            "the token is a bot token. Inside a game it is a secret given to every player, and it gives access to every"
            " player's progress. Use the player's own bearer token, and keep the bot token on your server"
        )
    if token.startswith("daclient_"):
        raise ConfigurationError(
            "the token is the application's, not a player's, so it has no progress of its own."
            " Use the player's own bearer token, and keep this one on your server"
        )
    if not token or len(token) > _MAX_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            f"the token cannot be used: expected 1 to {_MAX_CHARACTERS} printable ASCII characters without spaces"
        )
    return token
