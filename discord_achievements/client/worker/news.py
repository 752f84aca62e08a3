"""What the game is sent about its list: a whole one, one change, an icon. Worker's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ...domain.models import UserAchievement
from ..disk.pacing import pause
from ..disk.storage import Storage
from ..messages import Changed, IconStored, ListChanged, Listed
from ..player_list import PlayerList, Row, TextRow, user_achievement
from ..state import State
from .session import Session


class News:
    """The messages about one player's list.

    `seq` is the last set that was taken in: each message carries it, so that the game knows which of its own sets the
    message takes into account. `unshown` are the achievements that were set in this run before their definitions were
    known, so that the game has not been shown them.
    """

    def __init__(
        self, storage: Storage, session: Session, post: Callable[[object], None], *, knows_users: bool
    ) -> None:
        self.seq = 0
        self.unshown: set[int] = set()
        self._storage = storage
        self._session = session
        self._post = post
        self._knows_users = knows_users
        self._texts: dict[int, TextRow] = {}

    def player_list(self, pause: Callable[[], None]) -> PlayerList:
        """Return the whole list as it is now."""
        player = self._session.player
        made = PlayerList(self._user_id, self.seq, fetched=player.fetched)
        for rows in self._storage.database.rows(player.id):
            made.add(self._with_known_texts(rows))
            pause()
        return made

    def _with_known_texts(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Let lists share texts that have not changed: freeing a thousand of them at once would stall the game."""
        for achievement_id, after, texts in rows:
            if self._texts.get(achievement_id) != texts:
                self._texts[achievement_id] = texts
            yield achievement_id, after, self._texts[achievement_id]

    def whole_list(self, news: tuple[UserAchievement, ...] = ()) -> None:
        """Send the whole list, and which of its values are news."""
        self._post(Listed(self.player_list(pause), news))

    def changed_list(self, changes: Mapping[int, State], news: tuple[UserAchievement, ...] = ()) -> None:
        """Send what some achievements are now, and which of their values are news."""
        if changes:
            made = [self._changed(achievement_id, after) for achievement_id, after in changes.items()]
            self._post(ListChanged(tuple(one for one in made if one is not None), news))

    def change(self, achievement_id: int, after: State) -> None:
        """Send what one achievement is now."""
        changed = self._changed(achievement_id, after)
        if changed is not None:
            self._post(changed)

    def _changed(self, achievement_id: int, after: State) -> Changed | None:
        texts = self._storage.database.texts(achievement_id)
        if texts is None:
            return None
        seen = user_achievement(self._user_id, achievement_id, after, fetched=self._session.player.fetched)
        return Changed(self.seq, seen, after, texts)

    def icon(self, achievement_id: int, icon_hash: str, path: str) -> None:
        """Send where an icon is."""
        self._post(IconStored(achievement_id, icon_hash, path))

    @property
    def _user_id(self) -> int:
        return (self._session.player.user_id or 0) if self._knows_users else 0
