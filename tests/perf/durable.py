"""From `set_user_achievement` to the update being durable in SQLite, against the least that a disk can do.

Ours happens on a worker while the game looks for the answer, so the control does as well: a bare worker that
appends and asks the disk to confirm. What it costs to wake a worker and to see its answer is measured with one
that does nothing, and taken off both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from types import TracebackType

from discord_achievements import Result

from .controls import DurableAppend
from .driving import PATIENCE_S, local_manager
from .measure import CouldNotMeasure, Readings
from .service import achievement_ids

ACHIEVEMENTS = 100


def measure(folder: Path, quick: bool) -> Readings:
    """Measure the keys of this module."""
    durable_us: list[float] = []
    handoff_us: list[float] = []
    append_us: list[float] = []
    alone_us: list[float] = []
    ids = achievement_ids(ACHIEVEMENTS)
    with (
        local_manager(folder / "durable", ACHIEVEMENTS) as manager,
        DurableAppend(folder / "append.log") as control,
        BareWorker(_nothing) as idle,
        BareWorker(control.append) as appending,
    ):
        for number in range(20 if quick else 500):
            results: list[Result] = []
            set_one = partial(
                manager.set_user_achievement,
                ids[number % ACHIEVEMENTS],
                1 + number // ACHIEVEMENTS,
                results.append,
            )
            durable_us.append(_us_until(results, manager.run_callbacks, set_one))
            handoff_us.append(_us_until(idle.answers, _nothing, idle.ask))
            append_us.append(_us_until(appending.answers, _nothing, appending.ask))
            start = perf_counter()
            control.append()
            alone_us.append((perf_counter() - start) * 1e6)
            sleep(0.002)
    durable, handoff, append, alone = (median(taken) for taken in (durable_us, handoff_us, append_us, alone_us))
    return Readings(
        {"durable_ratio": (durable - handoff) / (append - handoff)},
        {
            "durable_us": durable,
            "handoff_us": handoff,
            "append_on_worker_us": append,
            "append_alone_us": alone,
            "durable_over_append_alone": (durable - handoff) / alone,
        },
    )


class BareWorker:
    """A thread that does one thing when it is asked to, and says that it has."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.answers: list[bool] = []
        self._work = work
        self._asked = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="bare-worker", daemon=True)

    def __enter__(self) -> BareWorker:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop = True
        self._asked.set()
        self._thread.join()

    def ask(self) -> None:
        """Wake the worker."""
        self.answers.clear()
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._stop:
                return
            self._work()
            self.answers.append(True)


def _us_until(answers: Sequence[object], turn: Callable[[], object], act: Callable[[], object]) -> float:
    """Return microseconds from before `act` until there is an answer.

    The loop looks often without keeping the interpreter.
    """
    start = perf_counter()
    act()
    turn()
    while not answers:
        if perf_counter() - start > PATIENCE_S:
            raise CouldNotMeasure(f"an update was not durable within {PATIENCE_S:g} s")
        # Long enough to release the interpreter, short enough to see the answer at once.
        sleep(1e-6)
        turn()
    return (perf_counter() - start) * 1e6


def _nothing() -> None:
    pass
