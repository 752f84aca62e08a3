"""Who plays: the token in use, and the player of this machine's cache that it leads to. Worker's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...domain.errors import ConfigurationError, DiscordAchievementsError
from ...domain.result import Result
from ..disk import owner as owners
from ..disk.database import Player
from ..disk.storage import Storage
from ..token import Credentials, TokenProvider, checked

_log = logging.getLogger("discord_achievements")


class NotSignedInError(DiscordAchievementsError):
    """There is no token to ask the service with. `passes` tells whether trying again later may help."""

    def __init__(self, result: Result, *, passes: bool) -> None:
        self.result = result
        self.passes = passes
        super().__init__(f"no token: {result.name}")


class Session:
    """The player for whom the cache is read and written; in local mode there is no token.

    `is_uncertain` tells that a token has taken the place of another and may be somebody else's: until the service has
    answered a list for it, nothing that waits may be sent with it.
    """

    def __init__(self, storage: Storage, credentials: Credentials) -> None:
        self._storage = storage
        self._credentials = credentials
        self._token: str | None = None
        self._renewed = False
        self._refused = False
        self._identified_as: int | None = None
        self._had_token = False
        self._absence_told = False
        self.is_uncertain = False
        self.player = self._player_of(credentials.owner)

    def sign_in(self, credentials: Credentials) -> None:
        """Go on with other credentials.

        What was done while nobody had signed in becomes the new player's; so does what was done with a token that
        the service never accepted, since that is a sign-in which only now succeeds.
        """
        was_nobody = self._credentials.provider is None or (self._refused and self.player.user_id is None)
        player = self._player_of(credentials.owner)
        if was_nobody:
            player = self._linked(self._credentials.owner, player)
        # All of it now, or the caller tries again.
        self._credentials, self.player = credentials, player
        self._token = None
        self._renewed = False
        self._refused = False
        self._identified_as = None
        self._had_token = False
        self.is_uncertain = False

    def token(self) -> str:
        """Return the token to use. Raises `NotSignedInError`. **Blocks** as long as the game's token object does."""
        if self._token is not None:
            return self._token
        if self._credentials.provider is None:
            if not self._absence_told:
                self._absence_told = True
                _log.warning("there is no token, so the service is asked nothing: pass token=, or call set_token()")
            raise NotSignedInError(Result.NOT_AUTHENTICATED, passes=False)
        return self._use("get_token", self._credentials.provider.get_token)

    def etag(self) -> str | None:
        """Return which version of the list the cache holds; another process of the game may have changed that.

        None while it is uncertain whose list that is: then all of it has to be told.
        """
        if self.is_uncertain:
            return None
        return self._storage.change(lambda: self._storage.database.player(self.player.id).etag)

    def accepted(self) -> None:
        """Note that the service has accepted the token."""
        self._renewed = False

    def listed(self) -> None:
        """Note that the service has answered a list; if it did not say whose the token is, nobody can know better."""
        if self.is_uncertain and self._token is not None:
            self.player = self._linked(owners.of_token(self._token), self.player)
        self.is_uncertain = False

    def renew(self) -> None:
        """Get another token because the service has not accepted this one: once, until one is accepted.

        Raises `NotSignedInError`. **Blocks** as long as the game's token object does.
        """
        provider, self._token = self._credentials.provider, None
        self._refused = True
        if self._renewed or not isinstance(provider, TokenProvider):
            _log.warning("the service does not accept the player's token; give a new one with set_token()")
            raise NotSignedInError(Result.INVALID_ACCESS_TOKEN, passes=False)
        self._use("refresh", provider.refresh)
        self._renewed = True

    def without_token(self, text: str) -> str:
        """Return `text` for the log; a service may quote in an error what it was sent."""
        return text if self._token is None else text.replace(self._token, "[token]")

    def identified(self, user_id: int) -> Player:
        """Return the player that the service says this is; inside `Storage.change`."""
        assert self._token is not None, "an answer came without a token having been sent"
        if self._identified_as == self.player.user_id == user_id:
            return self.player
        self._identified_as = user_id
        owner = owners.of_token(self._token)
        return self._storage.database.identify(self.player, user_id, owner, self._storage.other_runs())

    def _use(self, name: str, get: Callable[[], str]) -> str:
        try:
            token = checked(get())
        except ConfigurationError as exc:
            _log.warning("%s", exc)
            raise NotSignedInError(Result.INVALID_ACCESS_TOKEN, passes=False) from None
        except (Exception, SystemExit) as exc:
            # The game's own code: anything can come, and its text may hold a token.
            _log.warning("%s() of the token object raised %s", name, type(exc).__name__)
            raise NotSignedInError(Result.OAUTH2_ERROR, passes=True) from None
        owner = owners.of_token(token)
        self.is_uncertain = self._had_token and not self._is_known(owner)
        if not self.is_uncertain:
            self.player = self._linked(owner, self.player)
        # Last: a token is in use once it is settled what may be sent with it.
        self._token = token
        self._identified_as = None
        self._had_token = True
        return token

    def _is_known(self, owner: bytes) -> bool:
        """Tell whether it is remembered whose token it is: the same player's, or certainly another's."""
        known = self._storage.change(lambda: self._storage.database.known(owner))
        return known is not None and (known.id == self.player.id or known.user_id is not None)

    def _player_of(self, owner: bytes) -> Player:
        return self._storage.change(lambda: self._storage.database.player_of(owner, self._storage.run))

    def _linked(self, owner: bytes, player: Player) -> Player:
        return self._storage.change(lambda: self._storage.database.link(owner, player, self._storage.run))
