"""What the service tells goes into the cache: lists, answers to updates, events. Worker's thread.

Each method is one transaction, and returns what the game has to hear of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...domain import wire
from ...domain.models import Achievement, UserAchievement
from ...domain.progress import NO_PROGRESS, Progress
from .. import state
from ..disk.database import SLICE, Player, definition_row
from ..disk.storage import Storage
from ..net.api import read_list
from ..player_list import user_achievement
from ..state import State
from .session import Session


class TakenList(NamedTuple):
    """`changed`: anything is different. `news`: values that are. `settled`: what is not pending any more."""

    player: Player
    changed: bool
    news: list[UserAchievement]
    settled: dict[int, State]


class Answers:
    """Writes for the player of `account`, which it also finds out from the answers."""

    def __init__(self, storage: Storage, session: Session) -> None:
        self._storage = storage
        self._session = session

    def update(self, achievement_id: int, sent: Progress, record: wire.Record | None) -> State:
        """The service has accepted an update, and perhaps told what it holds now."""
        told, revision = (None, None) if record is None else (record.progress, record.revision)

        def commit() -> tuple[Player, State]:
            database, player = self._storage.database, self._session.player
            if record is not None and record.user_id is not None:
                player = self._session.identified(record.user_id)
            if record is not None and record.definition is not None:
                database.write_definitions([definition_row(record.definition)])
            before = database.states(player.id, [achievement_id])[achievement_id]
            after = state.agreed(before, sent, told, revision)
            self._write(player, achievement_id, before, after)
            return player, after

        self._session.player, after = self._storage.change(commit)
        return after

    def refusal(self, achievement_id: int) -> State:
        """The service has judged the pending value and will not have it."""
        return self._apply(achievement_id, state.refused)[1]

    def event(self, achievement_id: int, progress: Progress, revision: int | None) -> tuple[State, State]:
        """The service has told one new value; return the states before and after."""
        return self._apply(achievement_id, lambda before: state.told(before, progress, revision))

    def _apply(self, achievement_id: int, change: Callable[[State], State]) -> tuple[State, State]:
        def commit() -> tuple[State, State]:
            database, player = self._storage.database, self._session.player
            before = database.states(player.id, [achievement_id])[achievement_id]
            after = change(before)
            self._write(player, achievement_id, before, after)
            return before, after

        return self._storage.change(commit)

    def _write(self, player: Player, achievement_id: int, before: State, after: State) -> None:
        if after != before:
            self._storage.database.write_states(player.id, {achievement_id: after})
        if after.confirmed != before.confirmed:
            # A reset may take the list back to what it was, and we would not hear of it.
            self._storage.database.forget_etag(player.id)

    def whole_list(self, body: bytes, etag: str | None, pause: Callable[[], None]) -> TakenList:
        """The service has told the whole list. Raises `WireError`, and then nothing has changed."""

        def commit() -> TakenList:
            player, changed, defines = self._session.player, False, False
            news: list[UserAchievement] = []
            settled: dict[int, State] = {}
            seen: set[int] = set()
            for records in read_list(body, SLICE, pause):
                user_id = records[0].user_id
                if not seen and user_id is not None:
                    player = self._session.identified(user_id)
                seen.update(record.achievement_id for record in records)
                defines = defines or any(record.definition for record in records)
                pause()  # between decoding and storing too: the game waits for the longer of the two
                rows, named = self._define(records)
                values = self._take_values(player, records, named, news, settled)
                changed = changed or rows or values
            if defines or not seen:
                changed |= self._take_absence(player, seen)
                self._storage.remember_answer()
            self._storage.database.remember_list(player.id, etag)
            return TakenList(self._storage.database.player(player.id), changed, news, settled)

        taken = self._storage.change(commit)
        self._session.player = taken.player
        return taken

    def _define(self, records: Sequence[wire.Record]) -> tuple[bool, set[int]]:
        """Store the definitions; return whether any is different, and the ids that were not known before."""
        database = self._storage.database
        stored = database.definitions([record.achievement_id for record in records])
        rows = []
        for record in records:
            old = stored.get(record.achievement_id)
            if record.definition is not None:
                row = definition_row(record.definition)
            elif old is None:
                # A service that tells records only: it exists, and that is all that is known of it.
                row = definition_row(Achievement(0, record.achievement_id, "", ""))
            else:
                continue
            if row != old:
                rows.append(row)
        database.write_definitions(rows)
        return bool(rows), {record.achievement_id for record in records} - stored.keys()

    def _take_values(
        self,
        player: Player,
        records: Sequence[wire.Record],
        named: set[int],
        news: list[UserAchievement],
        settled: dict[int, State],
    ) -> bool:
        database = self._storage.database
        before = database.states(player.id, [record.achievement_id for record in records])
        after: dict[int, State] = {}
        for record in records:
            if record.progress is not None:
                told = state.told(before[record.achievement_id], record.progress, record.revision)
                if told != before[record.achievement_id]:
                    after[record.achievement_id] = told
        database.write_states(player.id, after)
        for id_, old in before.items():
            one = after.get(id_, old)
            if old.pending is not None and one.pending is None:
                settled[id_] = one
            # What had no name until now was not shown, whatever is known of the progress.
            seen_percent = 0 if id_ in named else state.shown(old).percent
            if state.listed(one) and state.shown(one).percent != seen_percent:
                news.append(user_achievement(player.user_id or 0, id_, one, fetched=True))
        return bool(after)

    def _take_absence(self, player: Player, seen: set[int]) -> bool:
        """What the list leaves out is gone, or it is a secret that this player has not unlocked."""
        database = self._storage.database
        if database.definition_count() == len(seen):
            return False  # those seen are all there are
        absent = {id_: secret for id_, secret in database.definition_ids().items() if id_ not in seen}
        gone = [id_ for id_, secret in absent.items() if not secret]
        database.delete_definitions(gone)
        changed = bool(gone)
        hidden = [id_ for id_, secret in absent.items() if secret]
        for start in range(0, len(hidden), SLICE):
            before = database.states(player.id, hidden[start : start + SLICE])
            after = {id_: state.told(one, NO_PROGRESS, None) for id_, one in before.items() if one.confirmed.percent}
            database.write_states(player.id, after)
            changed = changed or bool(after)
        return changed
