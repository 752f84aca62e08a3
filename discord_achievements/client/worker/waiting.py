"""The calls of the game that wait for an answer, and the answers to them. Worker's thread."""

from __future__ import annotations

from collections.abc import Callable

from ...domain.result import Result
from ..messages import Answered, ConnectionChanged, FetchAnswered
from .schedule import Schedule


class Waiting:
    """Sets and fetches that have not been answered; `schedule` is None in local mode.

    Answers are held back until `release`, so that the status which goes with them is published first.
    """

    def __init__(self, schedule: Schedule | None, post: Callable[[object], None]) -> None:
        self._schedule = schedule
        self._post = post
        self._answers: list[object] = []
        self._sets: dict[int, list[int]] = {}
        self._fetches: list[int] = []
        self._taken_seq = 0
        self._missed_seq: int | None = None
        self._trouble_posted = False

    @property
    def stored_seq(self) -> int:
        """The last set up to which all are stored."""
        return self._taken_seq if self._missed_seq is None else self._missed_seq - 1

    def taken(self, seq: int) -> None:
        """Sets up to `seq` have been stored."""
        self._taken_seq = seq

    def missed(self, seq: int) -> None:
        """Set `seq` was not stored; `stored_seq` stops before it."""
        if self._missed_seq is None:
            self._missed_seq = seq
        self._taken_seq = seq
        self.answer(seq, Result.INTERNAL_ERROR)

    def answer(self, seq: int, result: Result) -> None:
        """Answer set `seq`."""
        self._answers.append(Answered(seq, result))

    def await_update(self, seq: int, achievement_id: int) -> None:
        """Set `seq` waits for the service's answer about an achievement."""
        self._sets.setdefault(achievement_id, []).append(seq)

    def await_list(self, seq: int) -> None:
        """Fetch `seq` waits for the list."""
        self._fetches.append(seq)

    def answer_update(self, achievement_id: int, result: Result) -> None:
        """Answer the sets of one achievement."""
        for seq in self._sets.pop(achievement_id, ()):
            self.answer(seq, result)

    def answer_updates(self, result: Result) -> None:
        """Answer all sets."""
        for achievement_id in list(self._sets):
            self.answer_update(achievement_id, result)

    def answer_fetches(self, result: Result) -> None:
        """Answer all fetches."""
        for seq in self._fetches:
            self._answers.append(FetchAnswered(seq, result))
        self._fetches.clear()

    def give_up(self, now: float) -> None:
        """Answer the calls that cannot be served soon. What they asked for happens later all the same."""
        schedule = self._schedule
        if schedule is None:
            return
        no_update = schedule.updates_unreachable(now)
        if no_update is not None:
            self.answer_updates(no_update)
        no_list = schedule.list_unreachable(now)
        if no_list is not None:
            self.answer_fetches(no_list)
            schedule.fetch_answered()
        if no_update is not None and schedule.pending and not self._trouble_posted:
            self._trouble_posted = True
            self._answers.append(ConnectionChanged(False))
        if self._trouble_posted and not schedule.pending:
            self._trouble_posted = False
            self._answers.append(ConnectionChanged(True))

    def release(self) -> None:
        """Send the answers."""
        for answer in self._answers:
            self._post(answer)
        self._answers.clear()
