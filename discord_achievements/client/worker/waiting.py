"""The calls of the game that wait for an answer, and the answers to them. Worker's thread."""

from __future__ import annotations

from collections import deque
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
        self._sets: dict[int, deque[tuple[int, int]]] = {}
        self._fetches: deque[int] = deque()
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

    def stored_after_all(self) -> None:
        """What was missed is stored now; its calls keep the answer that they got."""
        self._missed_seq = None

    def answer(self, seq: int, result: Result) -> None:
        """Answer set `seq`."""
        self._answers.append(Answered(seq, result))

    def await_update(self, seq: int, achievement_id: int, percent: int) -> None:
        """Set `seq` waits for the service's answer about an achievement's `percent`."""
        self._sets.setdefault(achievement_id, deque()).append((seq, percent))

    def await_list(self, seq: int) -> None:
        """Fetch `seq` waits for the list."""
        self._fetches.append(seq)

    def answer_update(self, achievement_id: int, result: Result, percent: int = 100) -> None:
        """Answer the sets of one achievement, in order, up to the first that went beyond `percent`."""
        waiting = self._sets.get(achievement_id)
        while waiting and waiting[0][1] <= percent:
            seq, _ = waiting.popleft()
            self.answer(seq, result)
        if not waiting:
            self._sets.pop(achievement_id, None)

    def answer_updates(self, result: Result) -> None:
        """Answer all sets."""
        for achievement_id in list(self._sets):
            self.answer_update(achievement_id, result)

    @property
    def has_fetches(self) -> bool:
        """Whether a fetch waits for the list."""
        return bool(self._fetches)

    @property
    def last_fetch(self) -> int:
        """The last fetch that waits for the list, 0 if none does."""
        return self._fetches[-1] if self._fetches else 0

    def answer_fetches(self, result: Result, last: int | None = None) -> None:
        """Answer the fetches, those up to `last` if it is given."""
        while self._fetches and (last is None or self._fetches[0] <= last):
            self._answers.append(FetchAnswered(self._fetches.popleft(), result))

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
