"""What the SDK costs on the game's own thread, in ratios to the least that could do the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns, sleep

from discord_achievements import AchievementManager, Result, UserAchievement

from .controls import BareSet, Empty, KeptInDict, ListSwap, foreign_poll
from .driving import local_manager, port_without_service, turn_until, write_catalogue
from .measure import CouldNotMeasure, Readings, interleaved, ns_per_call, ns_per_call_with
from .service import APPLICATION_ID, achievement_ids

MANY, FEW = 1000, 10
SLOW_POLL_S = 0.0003
POLLS_IN_A_FRAME = 100
# Done well before 5 ms, at which Python would give the interpreter to the worker in the middle.
SET_BURST = 200
# Ten achievements take no more than a few of these before they are at 100.
GROWTH_BURST = 50


def measure(folder: Path, quick: bool) -> Readings:
    """Measure the keys of this module."""
    readings = Readings()
    with (
        local_manager(folder / "many", MANY) as many,
        local_manager(folder / "few", FEW) as few,
    ):
        readings.add(_reading_calls(many, few, rounds=5 if quick else 200))
        readings.add(_polls(many, frames=20 if quick else 1000))
        readings.add(_sets(many, rounds=3 if quick else 200))
    with local_manager(folder / "events", MANY) as manager:
        readings.add(_events(manager, rounds=3 if quick else 45))
    readings.add(_set_growth(folder, repeats=1 if quick else 3))
    return readings


def _reading_calls(many: AchievementManager, few: AchievementManager, rounds: int) -> Readings:
    empty = Empty().call
    ids_of_many, ids_of_few = achievement_ids(MANY), achievement_ids(FEW) * (MANY // FEW)
    indices_of_many, indices_of_few = list(range(MANY)), list(range(FEW)) * (MANY // FEW)
    empty_ns, idle_ns, get_ns, get_few_ns, at_ns, at_few_ns = interleaved(
        rounds,
        lambda: ns_per_call(empty, MANY),
        lambda: ns_per_call(many.run_callbacks, MANY),
        lambda: ns_per_call_with(many.get_user_achievement, ids_of_many),
        lambda: ns_per_call_with(few.get_user_achievement, ids_of_few),
        lambda: ns_per_call_with(many.get_user_achievement_at, indices_of_many),
        lambda: ns_per_call_with(few.get_user_achievement_at, indices_of_few),
    )
    return Readings(
        {
            "idle_ratio": idle_ns / empty_ns,
            "get_ratio": get_ns / empty_ns,
            "get_at_ratio": at_ns / empty_ns,
            "get_growth": max(get_ns / get_few_ns, at_ns / at_few_ns),
        },
        {"empty_method_ns": empty_ns, "idle_ns": idle_ns, "get_ns": get_ns, "get_at_ns": at_ns},
    )


def _polls(manager: AchievementManager, frames: int) -> Readings:
    with _busy_thread():
        ours = _slow_polls(manager.run_callbacks, frames)
        foreign = _slow_polls(foreign_poll(), frames)
        empty = _slow_polls(Empty().call, frames)
    return Readings(
        {"poll_busy_over_0_3ms": ours, "poll_busy_over_0_3ms_ctypes": foreign},
        {"poll_busy_over_0_3ms_empty": empty},
        # An empty method never waits: if it was slow, the system gave the processor to another program.
        ["poll_busy_over_0_3ms"] if ours and empty else [],
    )


def _slow_polls(poll: Callable[[], object], frames: int) -> int:
    """Count slow polls in frames of about a millisecond, which end as a game's do: with a sleep.

    The busy thread has the interpreter between frames. Within a frame it gets it only from a poll that
    releases it, because Python takes it from no thread before 5 ms.
    """
    slow = 0
    for _ in range(frames):
        for _ in range(POLLS_IN_A_FRAME):
            start = perf_counter()
            poll()
            if perf_counter() - start > SLOW_POLL_S:
                slow += 1
            _game_work()
        sleep(0.0001)
    return slow


def _game_work() -> int:
    total = 0
    for number in range(200):
        total += number
    return total


@contextmanager
def _busy_thread() -> Iterator[None]:
    stop = False

    def compute() -> None:
        while not stop:
            _game_work()

    thread = threading.Thread(target=compute, name="busy", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop = True
        thread.join()


def _sets(manager: AchievementManager, rounds: int) -> Readings:
    ids = achievement_ids(MANY)
    empty = Empty().call
    bare = BareSet()
    set_ns: list[float] = []
    bare_ns: list[float] = []
    empty_ns: list[float] = []
    for number in range(rounds):
        start = SET_BURST * number % MANY
        percent = 1 + SET_BURST * number // MANY
        empty_ns.append(ns_per_call(empty, MANY))
        burst = ids[start : start + SET_BURST]
        bare_ns.append(_bare_burst_ns(bare, burst, percent))
        set_ns.append(_burst_ns(manager, burst, percent))
    set_us, bare_us = median(set_ns) / 1000, median(bare_ns) / 1000
    return Readings(
        {"set_ratio": set_us / bare_us, "set_ratio_old": set_us * 1000 / median(empty_ns), "set_us": set_us},
        {"bare_set_us": bare_us},
    )


def _bare_burst_ns(bare: BareSet, ids: list[int], percent: int) -> float:
    start_ns = perf_counter_ns()
    for achievement_id in ids:
        bare.set(achievement_id, percent)
    taken_ns = perf_counter_ns() - start_ns
    bare.forget()
    return taken_ns / len(ids)


def _burst_ns(manager: AchievementManager, ids: list[int], *percents: int) -> float:
    """Return nanoseconds per set in a row of sets; their callbacks have been called when this returns."""
    results: list[Result] = []
    callback = results.append
    start_ns = perf_counter_ns()
    for percent in percents:
        for achievement_id in ids:
            manager.set_user_achievement(achievement_id, percent, callback)
    taken_ns = perf_counter_ns() - start_ns
    sets = len(ids) * len(percents)
    turn_until(manager, lambda: len(results) == sets, f"the results of {sets} sets")
    return taken_ns / sets


def _set_growth(folder: Path, repeats: int) -> Readings:
    """Compare sets while everything is pending, because the service is out of reach."""
    many_ns: list[float] = []
    few_ns: list[float] = []
    for repeat in range(repeats):
        with port_without_service() as port:
            url = f"http://127.0.0.1:{port}/api/v10"
            with (
                _pending_manager(folder / f"pending-{repeat}-many", MANY, url) as many,
                _pending_manager(folder / f"pending-{repeat}-few", FEW, url) as few,
            ):
                ids = achievement_ids(MANY)
                for start in range(0, MANY - GROWTH_BURST, GROWTH_BURST):
                    percent = 2 + start // FEW
                    many_ns.append(_burst_ns(many, ids[start : start + GROWTH_BURST], 2))
                    few_ns.append(_burst_ns(few, ids[:FEW], *range(percent, percent + GROWTH_BURST // FEW)))
    return Readings(
        {"set_growth": median(many_ns) / median(few_ns)},
        {"set_pending_many_us": median(many_ns) / 1000, "set_pending_few_us": median(few_ns) / 1000},
    )


def _pending_manager(folder: Path, count: int, base_url: str) -> AchievementManager:
    folder.mkdir(parents=True)
    catalogue = write_catalogue(folder / "achievements.json", count)
    manager = AchievementManager(
        APPLICATION_ID, achievements=catalogue, base_url=base_url, token="bench", data_dir=folder / "data"
    )
    fetched: list[Result] = []
    manager.fetch_user_achievements(fetched.append)
    turn_until(manager, lambda: bool(fetched), "the answer to a fetch")
    _burst_ns(manager, achievement_ids(count), 1)
    if manager.pending_count != count:
        raise CouldNotMeasure(f"{manager.pending_count} of {count} updates are pending with no service in reach")
    return manager


def _events(manager: AchievementManager, rounds: int) -> Readings:
    ids = achievement_ids(MANY)
    delivered = 0

    def handler(_: UserAchievement) -> None:
        pass

    def count(_: UserAchievement) -> None:
        nonlocal delivered
        delivered += 1

    def deliver(percent: int, control: list[UserAchievement] | None) -> float:
        for achievement_id in ids:
            manager.set_user_achievement(achievement_id, percent)
            if control is not None:
                # Made at the same time, so that they are as far from the processor's cache as ours.
                control.append(UserAchievement(0, achievement_id, percent, ""))
        # The worker is idle once all is on the disk, so what is timed has the interpreter for itself.
        manager.flush(10)
        sleep(0.01)
        return ns_per_call(manager.run_callbacks, 1)

    # This proves that what is timed delivers an event per set.
    manager.on_user_achievement_update = count
    deliver(1, None)
    if delivered != MANY:
        raise CouldNotMeasure(f"{delivered} events of {MANY} sets were delivered by one run_callbacks()")
    manager.on_user_achievement_update = handler
    swap: ListSwap[UserAchievement] = ListSwap()
    kept = KeptInDict()
    event = UserAchievement(0, ids[0], 1, "")
    ours_ns: list[float] = []
    kept_ns: list[float] = []
    ours_old_ns: list[float] = []
    swap_ns: list[float] = []
    for percent in range(2, 2 * rounds, 2):
        # The control's objects push ours apart in memory; the old ratio is measured without them, as it always was.
        ours_old_ns.append(deliver(percent, None))
        swap.queued = [(handler, event)] * MANY
        swap_ns.append(ns_per_call(swap.run_callbacks, 1))
        ours_ns.append(deliver(percent + 1, kept.queued))
        kept_ns.append(ns_per_call(lambda: kept.run_callbacks(handler), 1))
    ours_us, kept_us, ours_old_us, swap_us = (
        median(taken) / 1000 for taken in (ours_ns, kept_ns, ours_old_ns, swap_ns)
    )
    return Readings(
        {"event_ratio": ours_us / kept_us, "event_ratio_old": ours_old_us / swap_us},
        {"events_1000_us": ours_us, "kept_events_1000_us": kept_us, "bare_events_1000_us": swap_us},
    )
