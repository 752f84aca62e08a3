"""What the service remembers, and the interface that memory, SQLite and PostgreSQL implement.

All methods may be called from any thread and may block. They raise `StoreUnavailable` when the database cannot be
reached or does not answer in time; the request may then have taken effect or not, and repeating it is harmless.

Progress is only read and written by player, and no two players share a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ...domain.access import TokenKind
from ...domain.errors import ConfigurationError, DiscordAchievementsError
from ...domain.models import ACHIEVEMENTS_MAX, Achievement
from ...domain.progress import NO_PROGRESS, Progress, receive


class StoreUnavailable(DiscordAchievementsError):
    """The database cannot be reached, or took too long."""


class DatabaseUnusable(ConfigurationError):
    """The file cannot be created, or the database is not this program's, or a newer version's."""


class TooManyAchievements(DiscordAchievementsError):
    """The application has the maximum number of achievements."""

    def __init__(self, application_id: int) -> None:
        super().__init__(f"application {application_id} has {ACHIEVEMENTS_MAX} achievements, the maximum")


class AchievementDeleted(DiscordAchievementsError):
    """Progress was to be written on an achievement that has been deleted."""


class AlreadyExists(DiscordAchievementsError):
    """An application or achievement with this id exists."""


class Application(NamedTuple):
    """An application, which is Discord's word for a game."""

    id: int
    name: str
    created_at_us: int


class Token(NamedTuple):
    """A token as it is stored, looked up by `key`. Its text is not stored and cannot be found from `sha256`."""

    key: str
    sha256: bytes
    kind: TokenKind
    application_id: int
    user_id: int | None
    created_at_us: int
    expires_at_us: int | None


class Icon(NamedTuple):
    """A verified picture: as it was uploaded, and as a PNG, which every client can show."""

    icon_hash: str
    media_type: str
    content: bytes
    png: bytes


class Key(NamedTuple):
    """Identifies a record: one player's progress on one achievement."""

    application_id: int
    user_id: int
    achievement_id: int


class Held(NamedTuple):
    """One record. With each change `revision` rises by one, and `changed_at_us` rises too."""

    progress: Progress
    revision: int
    changed_at_us: int


class Raise(NamedTuple):
    """The player has reached `percent`; if that is 100, it was `age_s` seconds ago."""

    key: Key
    percent: int
    age_s: float


class Reset(NamedTuple):
    """The player's progress goes back to 0. The record stays, so that its revision keeps rising."""

    key: Key


Write = Raise | Reset


class RecordsVersion(NamedTuple):
    """How many records a player has, the sum of their revisions and the time of the last change, which only rise."""

    records: int
    revisions: int
    changed_at_us: int


class Written(NamedTuple):
    """A record before and after a batch of writes; None if there is no record."""

    before: Held | None
    after: Held | None


class Store(Protocol):
    """See the module's docstring."""

    reads_at_once: bool
    """Whether `generation`, `history`, `records`, `records_version` and `token` take microseconds: no thread needed."""

    def generation(self) -> int:
        """Return a number that changes whenever any process changes applications, tokens or definitions."""

    def history(self) -> str:
        """Return the id of the history that the progress here belongs to, made with the database.

        The same revisions of two histories are not the same progress.
        """

    def renew_history(self) -> str:
        """Begin a new history with what is stored now, after a restore; return its id. Changes the generation."""

    def ping(self) -> None:
        """Do nothing but check that the database answers."""

    def connections_in_use(self) -> int:
        """Return how many connections of its pool are in use. Never blocks."""

    def close(self) -> None:
        """Release all resources; idempotent."""

    def add_application(self, application: Application, bot_token: Token) -> None:
        """Add an application with its bot's token; raises `AlreadyExists`."""

    def application(self, application_id: int) -> Application | None:
        """Return an application, None if there is none with this id."""

    def applications(self) -> list[Application]:
        """Return all applications, ascending by id."""

    def token(self, key: str) -> Token | None:
        """Return the token with this key, None if there is none."""

    def add_token(self, token: Token) -> None:
        """Add a token."""

    def remove_token(self, key: str) -> bool:
        """Revoke the token with this key, in every process; return False if there is none."""

    def rotate_bot_token(self, token: Token) -> bool:
        """Replace all of a bot's tokens by a new one; return False if there is no such application."""

    def achievements(self, application_id: int) -> list[Achievement]:
        """Return the definitions, ascending by id."""

    def add_achievement(self, achievement: Achievement, icon: Icon | None) -> None:
        """Add a definition; raises `TooManyAchievements` and `AlreadyExists`."""

    def change_achievement(
        self, application_id: int, achievement_id: int, change: Callable[[Achievement], Achievement], icon: Icon | None
    ) -> Achievement | None:
        """Replace a definition by what `change` makes of it, and return that; None if there is no such achievement.

        If the new `icon_hash` differs, the stored icon is replaced by `icon`.
        """

    def delete_achievement(self, application_id: int, achievement_id: int) -> bool:
        """Delete an achievement's definition, its icon and all progress on it; return False if there is none.

        From then on nothing is written on it, whatever is under way. Deleting the progress takes several transactions.
        If that is interrupted, run it again to finish; adding an achievement with the same id finishes it too.
        """

    def icon(self, application_id: int, achievement_id: int, icon_hash: str) -> Icon | None:
        """Return the stored icon if it has this hash; a wrong hash takes as long whether there is an icon or not."""

    def records(self, application_id: int, user_id: int) -> dict[int, Held]:
        """Return a player's records by achievement id."""

    def records_version(self, application_id: int, user_id: int) -> RecordsVersion:
        """Return a value that differs after each change of a player's records, without reading them all.

        It may be the same again after an achievement was deleted, which changes the generation.
        """

    def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
        """Apply `writes` in order in one transaction; return when it is durable.

        Those on achievements that were deleted are left out, also from what is returned.
        """


def fold(before: Held | None, writes: Iterable[Write], at_us: int, changed_at_us: int) -> Held | None:
    """Return a record after `writes`, by the progress rule; if it changed, its revision is one higher."""
    progress = before.progress if before else NO_PROGRESS
    for write in writes:
        progress = receive(progress, write.percent, write.age_s, at_us) if isinstance(write, Raise) else NO_PROGRESS
    if progress == (before.progress if before else NO_PROGRESS):
        return before
    revision, changed = (before.revision, before.changed_at_us) if before else (0, 0)
    return Held(progress, revision + 1, max(changed_at_us, changed + 1))


def fold_all(before: Mapping[Key, Held], writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
    """Apply `fold` to each record of `writes`, ascending by key; each gets its own time of change."""
    of_key: dict[Key, list[Write]] = {}
    for write in writes:
        of_key.setdefault(write.key, []).append(write)
    return {
        key: Written(before.get(key), fold(before.get(key), of_key[key], at_us, at_us + number))
        for number, key in enumerate(sorted(of_key))
    }
