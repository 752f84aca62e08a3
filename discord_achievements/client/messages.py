"""What the two threads tell each other. An own set that may be shown at once travels as a bare `UserAchievement`."""

from __future__ import annotations

from typing import NamedTuple

from ..domain.models import UserAchievement
from ..domain.result import Result
from .player_list import PlayerList, TextRow
from .state import State
from .token import Credentials

# From the game to the worker


class Set(NamedTuple):
    """The game says that the player has reached `percent`; `seq` numbers the calls, `own` is what it shows of it.

    `at_us` counts for an unlock only.
    """

    seq: int
    achievement_id: int
    percent: int
    at_us: int
    own: UserAchievement | None = None


class Fetch(NamedTuple):
    """The game wants the list."""

    seq: int


class SignIn(NamedTuple):
    """Another token counts from here on."""

    credentials: Credentials


class WantIcon(NamedTuple):
    """The game wants to show an icon; `path` is where the catalogue says that it is, if it does."""

    achievement_id: int
    icon_hash: str
    path: str | None


class Mistake(NamedTuple):
    """Warn of a call that cannot succeed."""

    text: str


class Wake(NamedTuple):
    """Look at the clock again, or stop."""


# From the worker to the game

START = object()  # in the queue from the beginning: while it is there, the game has not called run_callbacks()


class Changed(NamedTuple):
    """One achievement has another value, state or definition; `seq` is the last set taken into account."""

    seq: int
    achievement: UserAchievement
    state: State
    texts: TextRow


class Listed(NamedTuple):
    """A whole new list, and which differences from the one before are news."""

    view: PlayerList
    news: tuple[UserAchievement, ...]


class Answered(NamedTuple):
    """The outcome of a set."""

    seq: int
    result: Result


class FetchAnswered(NamedTuple):
    """The outcome of a fetch; the list that goes with it has been told before."""

    seq: int
    result: Result


class ConnectionChanged(NamedTuple):
    """Updates can, or cannot, be delivered."""

    online: bool


class IconStored(NamedTuple):
    """An icon is on this machine."""

    achievement_id: int
    icon_hash: str
    path: str
