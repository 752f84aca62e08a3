"""What the service remembers, and the one interface that memory, SQLite and PostgreSQL keep.

All methods may be called from any thread and may block. They raise `StoreUnavailable` when the database cannot be
reached or does not answer in time; the request may then have taken effect or not, and repeating it is harmless.

Progress is only ever read and written by player, and no two players share a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ...domain.access import TokenKind
from ...domain.errors import DiscordAchievementsError
from ...domain.models import ACHIEVEMENTS_MAX, Achievement
from ...domain.progress import NO_PROGRESS, Progress, receive


class StoreUnavailable(DiscordAchievementsError):
    """The database cannot be reached, or took too long."""


class TooManyAchievements(DiscordAchievementsError):
    """The application has as many achievements as one may have."""

    def __init__(self, application_id: int) -> None:
        super().__init__(f"application {application_id} has {ACHIEVEMENTS_MAX} achievements, as many as one may have")


class AlreadyExists(DiscordAchievementsError):
    """There is an application, or an achievement, with this id already."""


class Application(NamedTuple):
    """A game."""

    id: int
    name: str
    created_at_us: int


class Token(NamedTuple):
    """A token as it is kept: never its text, which cannot be found from `sha256`. `key` is what it is looked up by."""

    key: str
    sha256: bytes
    kind: TokenKind
    application_id: int
    user_id: int | None
    created_at_us: int
    expires_at_us: int | None


class Icon(NamedTuple):
    """A verified picture: as it was uploaded, and as PNG, which every client can show."""

    icon_hash: str
    media_type: str
    content: bytes
    png: bytes


class Key(NamedTuple):
    """Which record: one player's progress on one achievement."""

    application_id: int
    user_id: int
    achievement_id: int


class Held(NamedTuple):
    """One record: `revision` rises by one with each change, `changed_at_us` with each change too."""

    progress: Progress
    revision: int
    changed_at_us: int


class Raise(NamedTuple):
    """The player is at `percent`; if that is 100, has been for `age_s` seconds."""

    key: Key
    percent: int
    age_s: float


class Reset(NamedTuple):
    """The player's progress is taken away. The record stays, so that its revision goes on rising."""

    key: Key


Write = Raise | Reset


class RecordsVersion(NamedTuple):
    """How many records a player has, and the sum of their revisions, each of which only rises."""

    records: int
    revisions: int


class Written(NamedTuple):
    """What a record was before a batch of writes and is after it; None: there is none."""

    before: Held | None
    after: Held | None


class Store(Protocol):
    """See the module's text."""

    reads_at_once: bool
    """Whether `generation`, `records`, `records_version` and `token` are so quick that they need no thread."""

    def generation(self) -> int:
        """Return a number that changes with each change of applications, tokens or definitions, by whomever."""

    def ping(self) -> None:
        """Return if the database answers."""

    def close(self) -> None:
        """Let go of everything; idempotent."""

    def add_application(self, application: Application, bot_token: Token) -> None:
        """Add an application with its bot's token; raises `AlreadyExists`."""

    def application(self, application_id: int) -> Application | None:
        """Return an application."""

    def applications(self) -> list[Application]:
        """Return all applications, ascending by id."""

    def token(self, key: str) -> Token | None:
        """Return the token with this key."""

    def add_token(self, token: Token) -> None:
        """Add a token."""

    def remove_token(self, key: str) -> bool:
        """End the token with this key, in every process; False where there is none."""

    def rotate_bot_token(self, token: Token) -> bool:
        """Put a bot's new token in the place of all its old ones; False where there is no such application."""

    def achievements(self, application_id: int) -> list[Achievement]:
        """Return the definitions, ascending by id."""

    def add_achievement(self, achievement: Achievement, icon: Icon | None) -> None:
        """Add a definition; raises `TooManyAchievements` and `AlreadyExists`."""

    def change_achievement(
        self, application_id: int, achievement_id: int, change: Callable[[Achievement], Achievement], icon: Icon | None
    ) -> Achievement | None:
        """Replace a definition by what `change` makes of it, and return that; None where there is none.

        The stored icon goes when the new `icon_hash` differs, and `icon` takes its place.
        """

    def delete_achievement(self, application_id: int, achievement_id: int) -> bool:
        """Delete all progress on an achievement, its definition and its icon; False where there is none.

        Not in one transaction: after a failure some progress may be gone, and the rest goes when it is tried again.
        """

    def icon(self, application_id: int, achievement_id: int, icon_hash: str) -> Icon | None:
        """Return the stored icon if it has this hash; a wrong one costs the same whether there is an icon or not."""

    def records(self, application_id: int, user_id: int) -> dict[int, Held]:
        """Return a player's records by achievement id."""

    def records_version(self, application_id: int, user_id: int) -> RecordsVersion:
        """Return what differs after each change of a player's records, without reading them all out.

        It may be the same again once an achievement is deleted, which changes the generation.
        """

    def write(self, writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
        """Apply `writes` in their order in one transaction; return when it is durable."""


def fold(before: Held | None, writes: Iterable[Write], at_us: int, changed_at_us: int) -> Held | None:
    """Return what a record is after `writes`: the progress rule, and one more revision if anything changed."""
    progress = before.progress if before else NO_PROGRESS
    for write in writes:
        progress = receive(progress, write.percent, write.age_s, at_us) if isinstance(write, Raise) else NO_PROGRESS
    if progress == (before.progress if before else NO_PROGRESS):
        return before
    revision, changed = (before.revision, before.changed_at_us) if before else (0, 0)
    return Held(progress, revision + 1, max(changed_at_us, changed + 1))


def fold_all(before: Mapping[Key, Held], writes: Sequence[Write], at_us: int) -> dict[Key, Written]:
    """Apply `fold` to each record that `writes` are about, ascending by key, each with a time of change of its own."""
    of_key: dict[Key, list[Write]] = {}
    for write in writes:
        of_key.setdefault(write.key, []).append(write)
    return {
        key: Written(before.get(key), fold(before.get(key), of_key[key], at_us, at_us + number))
        for number, key in enumerate(sorted(of_key))
    }
