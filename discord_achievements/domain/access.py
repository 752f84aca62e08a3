"""Who may do what, and what a player may know: the service and the test kit's fake of it decide by this module alone.

Who may ask. A bot acts for its application and no other. A player's token acts for that player in one application: it
reads the player's own list and event stream and raises the player's own progress, except on `secure` achievements,
which only the application's bot may grant. A token from the client credentials grant acts for no player and opens no
route. Without a valid token nobody learns whether an application exists.

What is hidden. For a player, a secret achievement does not exist until it is unlocked: no list shows it, its events
start at 100 percent, and the answer to an update of it is empty. Updates must be possible all the same, since a game
unlocks secrets; so an update answers 200 (or 403 if the achievement is also `secure`) where an unknown id gets 404.

The functions raise the `ApiError` to answer with, and they refuse in a fixed order: token, kind of token, application,
player, achievement, `secure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from .errors import ApiError, ErrorCode
from .models import Achievement
from .progress import COMPLETE, Progress
from .routes import Auth, Route, path_id
from .wire import RESYNC, USER_ACHIEVEMENT_UPDATE


class TokenKind(Enum):
    """What a token acts for."""

    BOT = "bot"  # the application itself
    BEARER = "bearer"  # one player
    CLIENT = "client"  # the application by the client credentials grant: neither a player nor a bot


class Caller(NamedTuple):
    """What a valid token acts for. Only a player's has a `user_id`; not every token expires."""

    kind: TokenKind
    application_id: int
    user_id: int | None = None
    expires_at_us: int | None = None


class Target(NamedTuple):
    """The progress that an update is about. `is_me`: a player's token named the player as `@me`."""

    user_id: int
    achievement: Achievement
    is_me: bool

    def is_shown(self, progress: Progress) -> bool:
        """Tell whether the update is answered with the record; otherwise the answer is `{}`."""
        return self.is_me and is_visible(self.achievement, progress)


def check_route(caller: Caller | None, route: Route) -> Caller:
    """Return the caller if the token is valid and of a kind that opens the route."""
    if caller is None or caller.kind is TokenKind.CLIENT:
        raise ApiError.of(ErrorCode.UNAUTHORIZED)
    if route.auth is Auth.BOT and caller.kind is not TokenKind.BOT:
        raise ApiError.of(ErrorCode.UNAUTHORIZED)
    if route.auth is Auth.BEARER and caller.kind is TokenKind.BOT:
        raise ApiError.of(ErrorCode.BOTS_NOT_ALLOWED)
    return caller


def check_application(caller: Caller, application_id: int, *, exists: bool) -> None:
    """Refuse an application that does not exist, then one that is not the caller's."""
    if not exists:
        raise ApiError.of(ErrorCode.UNKNOWN_APPLICATION)
    if application_id != caller.application_id:
        is_bot = caller.kind is TokenKind.BOT
        raise ApiError.of(ErrorCode.NOT_AUTHORIZED if is_bot else ErrorCode.APPLICATION_MISMATCH)


def player_of(caller: Caller) -> int:
    """Return the id of the player that the caller's token acts for."""
    if caller.user_id is None:
        raise ApiError.of(ErrorCode.UNAUTHORIZED)
    return caller.user_id


def known_achievement(achievements: Mapping[int, Achievement], parameters: Mapping[str, str]) -> Achievement:
    """Return the achievement that the path names, secret or not."""
    achievement = achievements.get(path_id(parameters, "achievement_id"))
    if achievement is None:
        raise ApiError.of(ErrorCode.UNKNOWN_ACHIEVEMENT)
    return achievement


def update_target(caller: Caller, achievements: Mapping[int, Achievement], parameters: Mapping[str, str]) -> Target:
    """Return the progress that the caller may update by this path."""
    is_me = caller.user_id is not None and parameters["user_id"] == "@me"
    user_id = player_of(caller) if is_me else path_id(parameters, "user_id")
    if caller.user_id not in (None, user_id):
        raise ApiError.of(ErrorCode.MISSING_ACCESS)
    achievement = known_achievement(achievements, parameters)
    if achievement.secure and caller.kind is not TokenKind.BOT:
        raise ApiError.of(ErrorCode.NOT_AUTHORIZED)
    return Target(user_id, achievement, is_me)


def is_visible(achievement: Achievement, progress: Progress) -> bool:
    """Tell whether a player with this progress may know of the achievement."""
    return not achievement.secret or progress.percent == COMPLETE


def event_of(achievement: Achievement, before: Progress, after: Progress) -> str | None:
    """Return the name of the event that a player gets for a change: an update, a `RESYNC`, or None.

    A reset takes an unlocked secret out of the player's list. An update could not say so without naming the secret.
    """
    if before.percent == after.percent:
        return None
    if is_visible(achievement, after):
        return USER_ACHIEVEMENT_UPDATE
    return RESYNC if is_visible(achievement, before) else None


def missed_event(achievement: Achievement, after: Progress) -> str | None:
    """Return the name of the event for a missed change to `after`; the progress before it is not known."""
    if is_visible(achievement, after):
        return USER_ACHIEVEMENT_UPDATE
    return RESYNC if not after.percent else None  # at 0 it may be an unlocked secret that was reset
