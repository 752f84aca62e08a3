"""Who plays: the token in use, and the player of this machine to whom it leads. Worker's thread.

Nothing here calls the game's token object: `ask` and `renew` return the call to make, and `take` takes its outcome.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from ...domain.errors import ConfigurationError, DiscordAchievementsError, WireError
from ...domain.result import Result
from ..disk import owner as owners
from ..disk.players import Player
from ..disk.storage import Storage
from ..token import Credentials, checked

_log = logging.getLogger("discord_achievements")
_GET, _REFRESH = "get_token", "refresh"


class NotSignedInError(DiscordAchievementsError):
    """There is no token to ask the service with; `passes` is whether trying again later may help."""

    def __init__(self, result: Result, *, passes: bool) -> None:
        self.result = result
        self.passes = passes
        super().__init__(f"no token: {result.name}")


class TokenCall(NamedTuple):
    """A method of the token object that is to be called, by somebody who may wait."""

    name: str
    call: Callable[[], str]


class Session:
    """The player for whom the database is read and written; in local mode there is no token.

    `token` is None until the token object has been asked. `is_uncertain`: a renewed token may belong to a different
    player; until a list has been answered for it, nothing that waits may be sent with it. `wants_identity`: the service
    must say again whose token it is, which only a whole list does.
    """

    def __init__(self, storage: Storage, credentials: Credentials) -> None:
        self._storage = storage
        self._credentials = credentials
        self._renewed = False
        self._refused = False
        self._identified_as: int | None = None
        self.wants_identity = False
        self._had_token = False
        self._absence_logged = False
        self.token: str | None = None
        self.is_uncertain = False
        self.player = self._storage.player_of(credentials.owner)

    @property
    def is_identified(self) -> bool:
        """Whether the service has said whose the token is."""
        return self._identified_as is not None

    def sign_in(self, credentials: Credentials) -> bool:
        """Use other credentials; return whether they are the same token object.

        What was set while nobody had signed in becomes the new player's. So does what was set with a token object that
        never returned a token, or with a token that the service never accepted: that sign-in only succeeds now.
        """
        provider = self._credentials.provider
        had_no_token = self._refused or (provider is not None and not self._had_token)
        was_nobody = self._credentials.is_nobody or (had_no_token and self.player.user_id is None)
        player = self._storage.player_of(credentials.owner)
        if was_nobody:
            player = self._storage.linked(self._credentials.owner, player)
        # Nothing below can fail: either all of it happens, or the caller tries again.
        self._credentials, self.player = credentials, player
        self.token = None
        self._renewed = False
        self._refused = False
        self._identified_as = None
        self._had_token = False
        self.is_uncertain = False
        return provider is not None and credentials.provider is provider

    def ask(self) -> TokenCall | None:
        """Return the call that gets a token, None if that was a plain string and is in use now.

        Raises `NotSignedInError` if there is nobody to ask.
        """
        if self._credentials.token is not None:
            self._use(self._credentials.token)
            return None
        if self._credentials.provider is None:
            if not self._absence_logged:
                self._absence_logged = True
                _log.warning("there is no token, so nothing is sent to the service: pass token= or call set_token()")
            raise NotSignedInError(Result.NOT_AUTHENTICATED, passes=False)
        return TokenCall(_GET, self._credentials.provider.get_token)

    def renew(self, *, passes: bool = False) -> TokenCall:
        """Return the call that replaces a token which the service has refused: once, until one is accepted.

        `passes` is whether trying again later may help. Raises `NotSignedInError` if the token cannot be replaced.
        """
        provider, self.token = self._credentials.provider, None
        self._refused = True
        if self._renewed or provider is None:
            _log.warning("the service refused the player's token; pass a new one to set_token()")
            raise NotSignedInError(Result.INVALID_ACCESS_TOKEN, passes=passes)
        return TokenCall(_REFRESH, provider.refresh)

    def take(self, call: TokenCall, value: object, error: BaseException | None) -> None:
        """Use the token that a call returned. Raises `NotSignedInError` if it did not return one."""
        if error is not None:
            # The game's own code: it can raise anything, and the text may hold a token.
            _log.warning("%s() of the token object raised %s", call.name, type(error).__name__)
            raise NotSignedInError(Result.OAUTH2_ERROR, passes=True)
        try:
            token = checked(value)
        except ConfigurationError as exc:
            _log.warning("%s() of the token object: %s", call.name, exc)
            raise NotSignedInError(Result.INVALID_ACCESS_TOKEN, passes=False) from None
        self._use(token)
        self._renewed = self._renewed or call.name == _REFRESH

    def _use(self, token: str) -> None:
        owner = owners.of_token(token)
        self.is_uncertain = self._had_token and not self._is_known(owner)
        if not self.is_uncertain:
            self.player = self._storage.linked(owner, self.player)
        # Last: a token is in use once it is settled what may be sent with it.
        self.token = token
        self._identified_as = None
        self._had_token = True

    def stored_list(self) -> tuple[str | None, str | None]:
        """Return the `ETag` and the cursor of the stored list, which another process of the game may have changed.

        None while it is uncertain whose list that is: then the service must send all of it, which says whose it is.
        """
        if self.is_uncertain or self.wants_identity:
            return None, None
        stored = self._storage.read(lambda: self._storage.players.get(self.player.id))
        return stored.etag, stored.cursor

    def accepted(self) -> None:
        """Note that the service has accepted the token."""
        self._renewed = False

    def forget_identity(self) -> None:
        """Ask the service again whose token it is: in another history it may be another player's."""
        self._identified_as = None
        self.wants_identity = True

    def listed(self) -> None:
        """Note that the service has answered a list; if it did not say whose the token is, nobody can know better."""
        if self.is_uncertain and self.token is not None:
            self.player = self._storage.linked(owners.of_token(self.token), self.player)
        self.is_uncertain = False

    def without_token(self, text: str) -> str:
        """Return `text` for the log; an error of the service may quote what was sent."""
        return text if self.token is None else text.replace(self.token, "[token]")

    def identified(self, user_id: int) -> Player:
        """Return the player with the user id that the service has sent, inside `Storage.change`.

        Raises `WireError` if the service has named somebody else for this token before.
        """
        assert self.token is not None, "an answer came although no token had been sent"
        if self._identified_as == self.player.user_id == user_id:
            return self.player
        if self._identified_as not in (None, user_id):
            raise WireError(f"with one token the service named user {self._identified_as} first, then user {user_id}")
        self._identified_as = user_id
        self.wants_identity = False
        owner = owners.of_token(self.token)
        return self._storage.players.identify(self.player, user_id, owner, self._storage.other_runs())

    def _is_known(self, owner: bytes) -> bool:
        """Return whether it is known whose token it is: the same player's, or certainly another's."""
        known = self._storage.read(lambda: self._storage.players.known(owner))
        return known is not None and (known.id == self.player.id or known.user_id is not None)
