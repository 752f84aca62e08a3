"""What the game is sent about its list: a whole one, one change, an icon. Worker's thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...domain.models import UserAchievement
from ..columns import Columns, TextRow
from ..disk.pacing import SLICE_ROWS, START_ROWS, no_pause, pause
from ..disk.storage import Storage
from ..messages import Changed, IconStored, ListChanged, Listed
from ..player_list import PlayerList, user_achievement
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

    def first_list(self) -> PlayerList:
        """Return the whole list as it is now, for a game that has not started to play: no frame waits meanwhile."""
        return self._player_list(START_ROWS, no_pause)

    def _player_list(self, rows_at_a_time: int, pause: Callable[[], None]) -> PlayerList:
        return self._storage.read(lambda: self._made(rows_at_a_time, pause))

    def _made(self, rows_at_a_time: int, pause: Callable[[], None]) -> PlayerList:
        player = self._session.player
        made = PlayerList(self._user_id, self.seq, fetched=player.fetched)
        for columns in self._storage.database.columns(player.id, rows_at_a_time):
            made.add(self._with_known_texts(columns))
            pause()
        return made

    def _with_known_texts(self, columns: Columns) -> Columns:
        """Let lists share texts that have not changed: freeing a thousand of them at once would stall the game."""
        known = self._texts
        texts = [
            old if (old := known.get(id_)) == new else new for id_, new in zip(columns.ids, columns.texts, strict=True)
        ]
        known.update(zip(columns.ids, texts, strict=True))
        return columns._replace(texts=texts)

    def whole_list(self, news: tuple[UserAchievement, ...] = ()) -> None:
        """Send the whole list, and which of its values are news."""
        self._post(Listed(self._player_list(SLICE_ROWS, pause), news))

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
