"""What the service says goes into the database: lists, answers to updates, events. Worker's thread.

Each method is one transaction, and returns what the game must be sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from ...domain import wire
from ...domain.errors import WireError
from ...domain.models import Achievement, UserAchievement
from ...domain.progress import NO_PROGRESS, Progress
from .. import state
from ..disk.database import definition_row
from ..disk.pacing import SLICE_ROWS
from ..disk.players import Player
from ..disk.storage import Storage
from ..net.api import cursor_of, history_of, is_difference, read_list
from ..net.transport import Response
from ..player_list import user_achievement
from ..state import State
from .session import Session

_log = logging.getLogger("discord_achievements")
_CHANGES_MAX = 50  # of more changes than these, the game's list is made anew


class TakenList(NamedTuple):
    """`changed`: what differs; None if that is too much, or if achievements have left. `news`: values that differ.

    `settled`: what is no longer pending. `renewed`: the list belongs to another history of the service, and what that
    one lacks is pending again.
    """

    player: Player
    changed: dict[int, State] | None
    news: list[UserAchievement]
    settled: dict[int, State]
    renewed: bool


class Changed(NamedTuple):
    """An achievement's state before and after an event."""

    before: State
    after: State


class _RolledBackError(Exception):
    """The service's revisions have gone down."""


class Answers:
    """Writes for the current player, and learns from the answers who that is."""

    def __init__(self, storage: Storage, session: Session, application_id: int) -> None:
        self._application_id = application_id
        self._storage = storage
        self._session = session
        # The revisions that the open event stream has brought: a list or an answer may be from before that.
        self._streamed: dict[int, int | None] = {}

    def stream_opened(self) -> None:
        """Note that a new event stream is open."""
        self._streamed.clear()

    def update(
        self,
        achievement_id: int,
        sent: Progress,
        record: wire.Record | None,
        history: str | None,
        *,
        is_dated: bool,
    ) -> State | None:
        """Store that the service accepted an update; `record` is what it holds now, if it said so.

        `is_dated` is whether the unlock's age, by which the service has dated it, is certain.

        Return None if the answer belongs to another history: then nothing is stored, and only the list can say what
        the service holds now.
        """
        held, revision = (None, None) if record is None else (record.progress, record.revision)
        if self._storage.is_another(history):
            return None

        def commit() -> tuple[Player, State]:
            player = self._session.player
            if record is not None and record.user_id is not None:
                player = self._session.identified(record.user_id)
            if record is not None and record.definition is not None:
                self._define([record])
            before = self._storage.database.states(player.id, [achievement_id])[achievement_id]
            if self._is_rolled_back(achievement_id, before, revision):
                raise _RolledBackError
            after = state.accepted(before, sent, held, revision, is_dated=is_dated)
            self._write(player, {achievement_id: Changed(before, after)})
            return player, after

        try:
            self._session.player, after = self._storage.change(commit)
        except _RolledBackError:
            return None
        return after

    def refusal(self, achievement_id: int, sent: Progress) -> State:
        """Store that the service refused `sent`."""

        def commit() -> State:
            player = self._session.player
            before = self._storage.database.states(player.id, [achievement_id])[achievement_id]
            after = state.refused(before, sent)
            self._write(player, {achievement_id: Changed(before, after)})
            return after

        return self._storage.change(commit)

    def events(self, records: Mapping[int, wire.Record]) -> dict[int, Changed]:
        """Store values that events have brought, at most one for each achievement."""
        changes = self._storage.read(lambda: self._judged(records))
        if all(before == after for before, after in changes.values()):
            return changes  # the echo of our own updates: not worth a lock

        def commit() -> dict[int, Changed]:
            changes = self._judged(records)
            self._write(self._session.player, changes)
            return changes

        changes = self._storage.change(commit)
        self._streamed |= {id_: after.revision for id_, (before, after) in changes.items() if after != before}
        return changes

    def _judged(self, records: Mapping[int, wire.Record]) -> dict[int, Changed]:
        changes = {}
        ids = list(records)
        for start in range(0, len(ids), SLICE_ROWS):
            states = self._storage.database.states(self._session.player.id, ids[start : start + SLICE_ROWS])
            for id_, before in states.items():
                record = records[id_]
                held = record.progress or NO_PROGRESS
                changes[id_] = Changed(before, state.announced(before, held, record.revision))
        return changes

    def _write(self, player: Player, changes: Mapping[int, Changed]) -> None:
        changed = {id_: after for id_, (before, after) in changes.items() if after != before}
        if changed:
            self._storage.database.write_states(player.id, changed)
        if any(after.confirmed != before.confirmed for before, after in changes.values()):
            # A reset may restore the list that the etag names, and the service would answer that nothing changed.
            self._storage.players.forget_etag(player.id)

    def take_list(self, response: Response, cursor: str | None, pause: Callable[[], None]) -> TakenList | None:
        """Store a list, asked for with `cursor`. Raises `WireError`, and then nothing has changed.

        An entry that cannot be read costs that entry: what is known of its achievement stays. The list is then asked
        for whole next time, since a later version of the game may be able to read it.

        If it belongs to another history than before, or if a revision is lower than known, no earlier confirmation
        holds: first all players' progress becomes pending again, then the list says what of it the service has. Only a
        whole list can say that: None means that it must be asked for.
        """
        history, is_whole = history_of(response), not is_difference(response, cursor)

        def commit(*, renewed: bool) -> TakenList:
            shown_before = {}
            if renewed:
                self._session.forget_identity()
                shown_before = self._shown_by_agreement()
                self._storage.database.forget_confirmations(pause, keeps_lists=True)
            if history is not None:
                self._storage.remember_history(history)
            player, defines = self._session.player, False
            changed: dict[int, State] = {}
            problems: list[WireError] = []
            news: list[UserAchievement] = []
            settled: dict[int, State] = {}
            seen: set[int] = set()
            for records in read_list(response, self._application_id, SLICE_ROWS, pause, problems.append):
                user_id = records[0].user_id
                if not seen and user_id is not None:
                    player = self._session.identified(user_id)
                seen.update(record.achievement_id for record in records)
                defines = defines or any(record.definition for record in records)
                pause()  # between decoding and storing too: the game waits for the longer of the two
                named, redefined = self._define(records)
                values = self._take_values(player, records, named, redefined, shown_before, news, settled)
                if len(changed) <= _CHANGES_MAX:  # not a thousand objects, which would cause a garbage collection
                    changed |= values
            if problems:
                _log.warning(
                    "%d entries of the list cannot be read (%s); they stay as they were", len(problems), problems[0]
                )
                if not seen:
                    raise problems[0]
            is_anew = renewed or len(changed) > _CHANGES_MAX
            if is_whole and (defines or not seen):
                is_anew |= not problems and self._take_absence(player, seen)
                self._storage.remember_answer()
            known = (None, None) if problems else (response.headers.get("etag"), cursor_of(response))
            self._storage.players.remember_list(player.id, *known)
            player = self._storage.players.get(player.id)
            return TakenList(player, None if is_anew else changed, news, settled, renewed)

        renewed = self._storage.is_another(history)
        try:
            if renewed and not is_whole:
                raise _RolledBackError
            taken = self._storage.change(partial(commit, renewed=renewed))
        except _RolledBackError:
            if not is_whole:
                self._storage.forget_lists()
                return None
            taken = self._storage.change(partial(commit, renewed=True))
        self._session.player = taken.player
        return taken

    def _is_rolled_back(self, achievement_id: int, before: State, revision: int | None) -> bool:
        return state.is_rolled_back(before, revision) and before.revision != self._streamed.get(achievement_id)

    def _shown_by_agreement(self) -> dict[int, int]:
        """Return the percents that are shown only because the service has confirmed them, not once they are pending."""
        states = self._storage.database.states(self._session.player.id)
        return {id_: one.confirmed.percent for id_, one in states.items() if state.needs_agreement(one)}

    def _define(self, records: Sequence[wire.Record]) -> tuple[set[int], set[int]]:
        """Store the definitions that differ; return the ids that had none before, and those that differ."""
        database = self._storage.database
        stored = database.definitions([record.achievement_id for record in records])
        rows: dict[int, tuple[object, ...]] = {}
        for record in records:
            old = stored.get(record.achievement_id)
            if record.definition is not None:
                row = definition_row(record.definition)
            elif old is None:
                # The service sends records without definitions: that the achievement exists is all that is known.
                row = definition_row(Achievement(0, record.achievement_id, "", ""))
            else:
                continue
            if row != old:
                rows[record.achievement_id] = row
        if rows:
            database.write_definitions(rows.values())
            self._storage.players.forget_lists()  # those of other players were made of the definitions before
        return {record.achievement_id for record in records} - stored.keys(), set(rows)

    def _take_values(
        self,
        player: Player,
        records: Sequence[wire.Record],
        named: set[int],
        redefined: set[int],
        shown_before: Mapping[int, int],
        news: list[UserAchievement],
        settled: dict[int, State],
    ) -> dict[int, State]:
        """Store the values that differ; return the states of what differs, in value or definition."""
        database = self._storage.database
        before = database.states(player.id, [record.achievement_id for record in records])
        for record in records:
            if self._is_rolled_back(record.achievement_id, before[record.achievement_id], record.revision):
                raise _RolledBackError
        after: dict[int, State] = {}
        for record in records:
            if record.progress is not None:
                new = state.reported(before[record.achievement_id], record.progress, record.revision)
                if new != before[record.achievement_id]:
                    after[record.achievement_id] = new
        if after:
            database.write_states(player.id, after)
        for id_, old in before.items():
            one = after.get(id_, old)
            if old.pending is not None and one.pending is None:
                settled[id_] = one
            # An achievement without a definition was not shown, whatever was known of the progress.
            seen_percent = 0 if id_ in named else shown_before.get(id_, state.shown(old).percent)
            if state.listed(one) and state.shown(one).percent != seen_percent:
                news.append(user_achievement(player.user_id or 0, id_, one, fetched=True))
        return after | {id_: before[id_] for id_ in redefined - after.keys()}

    def _take_absence(self, player: Player, seen: set[int]) -> bool:
        """What is missing from the list was deleted, or is a secret that this player has not unlocked."""
        database = self._storage.database
        if database.definition_count() == len(seen):
            return False  # nothing is missing
        absent = {id_: secret for id_, secret in database.definition_ids().items() if id_ not in seen}
        gone = [id_ for id_, secret in absent.items() if not secret]
        database.delete_definitions(gone)
        changed = bool(gone)
        hidden = [id_ for id_, secret in absent.items() if secret]
        for start in range(0, len(hidden), SLICE_ROWS):
            before = database.states(player.id, hidden[start : start + SLICE_ROWS])
            after = {
                id_: state.reported(one, NO_PROGRESS, None) for id_, one in before.items() if one.confirmed.percent
            }
            database.write_states(player.id, after)
            changed = changed or bool(after)
        return changed
