"""Commits progress: all waiting updates in one transaction, each answered when it is on disk.

While one transaction commits, new updates gather for the next. So under load many updates share a commit, and a single
update waits for no other. If the database refuses an update, its batch is tried again one by one, and the others
succeed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from .stores.base import AchievementDeleted, Key, Store, StoreUnavailable, Write, Written
from .time_limit import TimeLimit

_log = logging.getLogger(__name__)

Committed = Callable[[Written], None]
_Outcome = Written | Exception


class _Waiting(NamedTuple):
    write: Write
    committed: Committed
    answer: asyncio.Future[Written]


class Writer:
    """The only way to change progress. Belongs to the event loop; the store's calls run on a thread of their own.

    `at_us` returns microseconds since the epoch. At most `batch_max` updates share a transaction, and at most
    `waiting_max` wait for one. A caller gets its answer within `answer_within_s` seconds; `close` gives up after
    `close_within_s`. `committed` is how many updates have been committed so far, in `batches` transactions.
    """

    def __init__(
        self,
        store: Store,
        at_us: Callable[[], int],
        *,
        batch_max: int,
        waiting_max: int,
        answer_within_s: float = 8.0,
        close_within_s: float = 3.0,
    ) -> None:
        self._store = store
        self._at_us = at_us
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._answer_time = TimeLimit(answer_within_s)
        self._close_within_s = close_within_s
        self.committed = 0
        self.batches = 0
        self._waiting: list[_Waiting] = []
        self._last_at_us = 0
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")

    @property
    def waiting(self) -> int:
        """How many updates wait for their transaction to begin."""
        return len(self._waiting)

    async def write(self, write: Write, committed: Committed) -> Written:
        """Apply a write; return what the record was and is, once that is durable.

        Raises `AchievementDeleted`, or `StoreUnavailable` after `answer_within_s` at the latest; the write may then
        have taken effect or not, or take effect later. A write that is still waiting for its transaction to begin never
        takes effect.

        `committed` is called on the event loop after the commit. Writes to one record that share a transaction are
        one change: it is called for the first of them only.
        """
        if len(self._waiting) >= self._waiting_max:
            raise StoreUnavailable(f"{len(self._waiting)} updates are waiting for their commit, the maximum")
        answer: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(write, committed, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        try:
            with self._answer_time.applied():
                return await answer
        except TimeoutError as exc:
            raise StoreUnavailable(f"the database has not answered within {self._answer_time.seconds:g} s") from exc

    async def close(self) -> None:
        """Return when all waiting updates are committed, after `close_within_s` at the latest."""
        if self._running is not None:
            await asyncio.wait([self._running], timeout=self._close_within_s)
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                wanted = [waiting for waiting in self._waiting if not waiting.answer.done()]
                batch, self._waiting = wanted[: self._batch_max], wanted[self._batch_max :]
                if not batch:  # all callers have given up
                    continue
                # Each change gets a time of its own, later than all before, because event ids are made from it.
                at_us = max(self._at_us(), self._last_at_us + 1)
                self._last_at_us = at_us + len(batch)
                outcomes = await loop.run_in_executor(
                    self._thread, self._commit, [waiting.write for waiting in batch], at_us
                )
                self._settle(batch, outcomes)
        finally:
            self._running = None

    def _commit(self, writes: Sequence[Write], at_us: int) -> list[_Outcome]:
        try:
            written = self._store.write(writes, at_us)
            return [
                written.get(write.key) or AchievementDeleted(f"achievement {write.key.achievement_id} was deleted")
                for write in writes
            ]
        except StoreUnavailable as exc:
            return [exc] * len(writes)
        except Exception as exc:  # one bad update must not fail the others of its batch
            if len(writes) == 1:
                return [exc]
            _log.exception("a batch of %d updates failed; retrying them one by one", len(writes))
            return [outcome for number, write in enumerate(writes) for outcome in self._commit([write], at_us + number)]

    def _settle(self, batch: Sequence[_Waiting], outcomes: Sequence[_Outcome]) -> None:
        self.batches += 1
        self.committed += sum(isinstance(outcome, Written) for outcome in outcomes)
        announced: set[tuple[Key, Written]] = set()
        for (write, committed, answer), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Written) and (write.key, outcome) not in announced:
                announced.add((write.key, outcome))
                committed(outcome)
            if answer.done():  # the caller has given up
                continue
            if isinstance(outcome, Written):
                answer.set_result(outcome)
            else:
                answer.set_exception(outcome)
