"""From `set_user_achievement` to the update being durable in SQLite, against the least that a disk can do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
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
    append_us: list[float] = []
    handoff_us: list[float] = []
    ids = achievement_ids(ACHIEVEMENTS)
    results: list[Result] = []
    with (
        local_manager(folder / "durable", ACHIEVEMENTS) as manager,
        DurableAppend(folder / "append.log") as control,
        HandOff() as handoff,
    ):
        for number in range(20 if quick else 500):
            achievement_id, percent = ids[number % ACHIEVEMENTS], 1 + number // ACHIEVEMENTS
            results.clear()
            durable_us.append(
                _us_until(
                    lambda: bool(results),
                    manager.run_callbacks,
                    lambda: manager.set_user_achievement(achievement_id, percent, results.append),  # noqa: B023
                )
            )
            handoff.answers.clear()
            handoff_us.append(_us_until(lambda: bool(handoff.answers), _nothing, handoff.ask))
            append_us.append(_us_until(_at_once, _nothing, control.append))
            sleep(0.002)
    durable, append, both_ways = median(durable_us), median(append_us), median(handoff_us)
    return Readings(
        {"durable_ratio": (durable - both_ways) / append},
        {"durable_us": durable, "append_us": append, "handoff_us": both_ways},
    )


class HandOff:
    """A worker that only answers: what it costs to wake a thread and to see that it has done something."""

    def __init__(self) -> None:
        self.answers: deque[bool] = deque()
        self._asked = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="hand-off", daemon=True)

    def __enter__(self) -> HandOff:
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
        self._asked.set()

    def _run(self) -> None:
        while not self._stop:
            self._asked.wait()
            self._asked.clear()
            self.answers.append(True)


def _us_until(done: Callable[[], bool], turn: Callable[[], object], act: Callable[[], object]) -> float:
    """Return microseconds from before `act` until `done`, looking often without keeping the interpreter."""
    start = perf_counter()
    act()
    turn()
    while not done():
        if perf_counter() - start > PATIENCE_S:
            raise CouldNotMeasure(f"an update was not durable within {PATIENCE_S:g} s")
        # Long enough to give the interpreter away, short enough to see the answer at once.
        sleep(1e-6)
        turn()
    return (perf_counter() - start) * 1e6


def _nothing() -> None:
    pass


def _at_once() -> bool:
    return True
