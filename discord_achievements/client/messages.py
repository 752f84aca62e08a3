"""The messages between the game's thread and the worker's, and the status that the worker publishes.

A set that may be shown at once travels to `run_callbacks()` as a bare `UserAchievement`.
"""

from __future__ import annotations

from typing import NamedTuple

from ..domain.models import UserAchievement
from ..domain.result import Result
from .columns import TextRow
from .player_list import PlayerList
from .state import State
from .token import Credentials

# From the game to the worker


class Set(NamedTuple):
    """The game has set an achievement to `percent`; `seq` numbers the calls, `own` is what the game shows of it.

    `at_us` is the time of an unlock, 0 for anything else.
    """

    seq: int
    achievement_id: int
    percent: int
    at_us: int
    own: UserAchievement | None = None


class Fetch(NamedTuple):
    """The game has asked for the list."""

    seq: int


class SignIn(NamedTuple):
    """The game uses another token for everything that follows."""

    credentials: Credentials


class WantIcon(NamedTuple):
    """The game has asked for an icon; `path` is the catalogue's, if it names one."""

    achievement_id: int
    icon_hash: str
    path: str | None


class Mistake(NamedTuple):
    """A warning for the log about a call that cannot succeed."""

    text: str


class Wake(NamedTuple):
    """Look at the clock again, or stop."""


# From the worker to the game


class Ready(NamedTuple):
    """The first in the queue: so the first `run_callbacks()` finds something and starts the worker.

    Otherwise each idle frame would have to check whether that has happened.
    """


class Status(NamedTuple):
    """How things stand: assigned whole by the worker, read by the manager at any time.

    `stored_seq` is the last set up to which all are stored, `pending` the achievements whose progress the service has
    not confirmed, `is_online` whether the service answered last time (None: it has not been asked).
    """

    stored_seq: int
    pending: frozenset[int]
    is_online: bool | None


class Changed(NamedTuple):
    """One achievement's value, state or definition has changed; `seq` is the last set taken into account."""

    seq: int
    achievement: UserAchievement
    state: State
    texts: TextRow


class Listed(NamedTuple):
    """A whole new list, and which of its values are news."""

    player_list: PlayerList
    news: tuple[UserAchievement, ...]


class ListChanged(NamedTuple):
    """What has changed in the list, all of it together, and which values are news."""

    changes: tuple[Changed, ...]
    news: tuple[UserAchievement, ...]


class Answered(NamedTuple):
    """The outcome of a set."""

    seq: int
    result: Result


class FetchAnswered(NamedTuple):
    """The outcome of a fetch; its list was sent before."""

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
