"""What the worker tells the game: lists and changes, and the answers to the calls that wait. Worker's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from ...domain.models import UserAchievement
from ...domain.result import Result
from ..clock import Clock
from ..disk.storage import Storage
from ..messages import Answered, Changed, ConnectionChanged, FetchAnswered, IconStored, Listed
from ..player_list import PlayerList, Row, TextRow, user_achievement
from ..state import State
from .schedule import Schedule
from .session import Session

_PAUSE_S = 0.0002


def pause() -> None:
    """Let the game have the interpreter, for long enough that it takes it."""
    time.sleep(_PAUSE_S)


class Report:
    """What one player's game hears; `schedule` is None in local mode.

    `seq` is the last set that was taken in. For the game to read at any time: `backlog`, the last set up to which all
    are stored and the ids that the service has not confirmed by then.
    """

    def __init__(
        self,
        storage: Storage,
        session: Session,
        clock: Clock,
        schedule: Schedule | None,
        post: Callable[[object], None],
    ) -> None:
        self.seq = 0
        self.backlog: tuple[int, frozenset[int]] = (0, frozenset())
        self._storage = storage
        self._session = session
        self._clock = clock
        self._schedule = schedule
        self._post = post
        self._missed_seq: int | None = None
        self._waiting: dict[int, list[int]] = {}
        self._fetches: list[int] = []
        self._trouble_told = False
        self._texts: dict[int, TextRow] = {}

    # Lists and changes

    def view(self, pause: Callable[[], None]) -> PlayerList:
        """Return the whole list as it is now."""
        view = PlayerList(self._user_id, self.seq, fetched=self._session.player.fetched)
        for rows in self._storage.database.rows(self._session.player.id):
            view.add(self._with_known_texts(rows))
            pause()
        return view

    def _with_known_texts(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Have lists share the texts that have not changed: taking a thousand of them apart would hold up the game."""
        for achievement_id, after, texts in rows:
            if self._texts.get(achievement_id) != texts:
                self._texts[achievement_id] = texts
            yield achievement_id, after, self._texts[achievement_id]

    def whole_list(self, news: tuple[UserAchievement, ...] = ()) -> None:
        """Tell the whole list, and which of it is news."""
        self._post(Listed(self.view(pause), news))

    def change(self, achievement_id: int, after: State) -> None:
        """Tell what one achievement is now."""
        texts = self._storage.database.texts(achievement_id)
        if texts is not None:
            seen = user_achievement(self._user_id, achievement_id, after, fetched=self._session.player.fetched)
            self._post(Changed(self.seq, seen, after, texts))

    def icon(self, achievement_id: int, icon_hash: str, path: str) -> None:
        """Tell where an icon is."""
        self._post(IconStored(achievement_id, icon_hash, path))

    @property
    def _user_id(self) -> int:
        return 0 if self._schedule is None else self._session.player.user_id or 0

    # Those who wait

    def answer(self, seq: int, result: Result) -> None:
        """Answer the set `seq`."""
        self._post(Answered(seq, result))

    def missed(self, seq: int) -> None:
        """The set `seq` could not be stored: from here on not everything is."""
        self.seq = seq
        if self._missed_seq is None:
            self._missed_seq = seq
        self.answer(seq, Result.INTERNAL_ERROR)

    def await_update(self, seq: int, achievement_id: int) -> None:
        """The set `seq` waits for the service's word on an achievement."""
        self._waiting.setdefault(achievement_id, []).append(seq)

    def await_list(self, seq: int) -> None:
        """The fetch `seq` waits for the list."""
        self._fetches.append(seq)

    def settle(self, achievement_id: int, after: State, result: Result) -> None:
        """Tell what has become of one achievement, and answer those who wait if nothing of it is pending any more."""
        self.change(achievement_id, after)
        if after.pending is None and self._schedule is not None:
            self._schedule.pending.pop(achievement_id, None)
            for seq in self._waiting.pop(achievement_id, ()):
                self.answer(seq, result)

    def answer_updates(self, result: Result) -> None:
        """Answer all sets that wait."""
        for seqs in self._waiting.values():
            for seq in seqs:
                self.answer(seq, result)
        self._waiting.clear()

    def answer_fetches(self, result: Result) -> None:
        """Answer all fetches that wait."""
        for seq in self._fetches:
            self._post(FetchAnswered(seq, result))
        self._fetches.clear()

    # Where things stand

    def stand(self) -> None:
        """Tell those who wait for what will not be done soon, and publish what is pending."""
        if self._schedule is not None:
            self._give_up_waiting(self._schedule, self._clock.now())
        pending = frozenset[int]() if self._schedule is None else frozenset(self._schedule.pending)
        self.backlog = (self.seq if self._missed_seq is None else self._missed_seq - 1, pending)
        if self._trouble_told and not pending:
            self._trouble_told = False
            self._post(ConnectionChanged(True))

    def _give_up_waiting(self, schedule: Schedule, now: float) -> None:
        """What waits is done later all the same."""
        no_update = schedule.updates_out_of_reach(now)
        if no_update is not None:
            self.answer_updates(no_update)
        no_list = schedule.list_out_of_reach(now)
        if no_list is not None:
            self.answer_fetches(no_list)
            schedule.fetch_wanted = False
        if no_update is not None and schedule.pending and not self._trouble_told:
            self._trouble_told = True
            self._post(ConnectionChanged(False))
