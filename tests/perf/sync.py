"""How long a sync keeps the interpreter from the game, and how often it brings on a full collection."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, sleep

from discord_achievements import AchievementManager, UserAchievement

from .driving import FRAME_PAUSE_S, PATIENCE_S, fetch, service_manager, sign_in, turn_until
from .measure import CouldNotMeasure, Readings, p90
from .obvious_way import ObviousSync
from .probe import LockProbe, Waits
from .service import Service

QUIET_S = 0.03
EVENT_DELAY_S = 0.02
# The lock waits are not decided where the waits of quiet windows are over this at the 90th percentile, or where the
# longest of a quiet window strays by more than that.
QUIET_P90_MS = 0.05
STRAY_MS = 0.1
# Rounds wait for a calm moment on a machine that does other things as well, but not for ever.
CALM_MS = 0.1
CALM_PATIENCE_S = 60.0
HEAP_OBJECTS = 200_000
WARM_UPS = 3


def measure(folder: Path, quick: bool) -> Readings:
    """Measure the keys of this module."""
    with Service() as service:
        readings = _lock_waits(folder, service, windows=3 if quick else 60)
        readings.add(_full_collections(folder, service, syncs=5 if quick else 50))
    return readings


def _lock_waits(folder: Path, service: Service, windows: int) -> Readings:
    heard: list[UserAchievement] = []
    quiet, full, unchanged, few, event, naive = (Waits() for _ in range(6))
    with (
        service_manager(folder / "ours", service.base_url, "ours") as manager,
        ObviousSync(service.list_url, "naive", folder / "obvious.sqlite3") as obvious,
        LockProbe() as probe,
    ):
        manager.on_user_achievement_update = heard.append
        sign_in(manager, service, "ours")
        service.answers_change("naive", "all")
        for _ in range(WARM_UPS):
            fetch(manager)
            obvious_fetch(obvious)

        def window(waits: Waits, syncing: Callable[[], None]) -> None:
            sleep(0.01)
            with probe.window() as lateness_ms:
                syncing()
            waits.windows.append(lateness_ms)

        give_up_at = monotonic() + CALM_PATIENCE_S
        for _ in range(windows):
            while not _is_calm(manager, probe) and monotonic() < give_up_at:
                pass
            window(quiet, lambda: _turn_for(manager, QUIET_S))
            service.answers_change("ours", "all")
            window(full, lambda: fetch(manager))
            window(naive, lambda: obvious_fetch(obvious))
            service.answers_change("ours", "nothing")
            window(unchanged, lambda: fetch(manager))
            service.answers_change("ours", "few")
            window(few, lambda: fetch(manager))
            heard.clear()
            service.event_after("ours", EVENT_DELAY_S)
            window(event, lambda: turn_until(manager, lambda: bool(heard), "an event on the stream"))
    floor_ms = median(quiet.every())
    quiet_p90_ms = p90(quiet.every()) - floor_ms
    is_noisy = quiet_p90_ms > QUIET_P90_MS or quiet.stray() > STRAY_MS
    full_ms, naive_ms = full.median_longest(floor_ms), naive.median_longest(floor_ms)
    deltas_ms = [waits.median_longest(floor_ms) for waits in (unchanged, few, event)]
    return Readings(
        {
            "sync_wait_ms": full_ms,
            "sync_wait_ms_naive": naive_ms,
            "sync_wait_ratio": full_ms / naive_ms,
            "delta_wait_ms": max(deltas_ms),
        },
        {
            "quiet_wait_p90_ms": quiet_p90_ms,
            "quiet_longest_wait_stray_ms": quiet.stray(),
            "quiet_longest_wait_ms": quiet.median_longest(floor_ms),
            "sync_wait_p90_ms": p90(full.longest(floor_ms)),
            "delta_wait_ratio": max(deltas_ms) / naive_ms,
            "delta_unchanged_wait_ms": deltas_ms[0],
            "delta_few_of_1000_wait_ms": deltas_ms[1],
            "delta_event_wait_ms": deltas_ms[2],
        },
        ["sync_wait_ms", "sync_wait_ratio", "delta_wait_ms"] if is_noisy else [],
    )


def obvious_fetch(obvious: ObviousSync) -> None:
    """Sync the obvious way and wait for it, in the same loop as ours."""
    completed = obvious.completed
    obvious.fetch()
    deadline = monotonic() + PATIENCE_S
    while obvious.completed == completed:
        if monotonic() > deadline:
            raise CouldNotMeasure(f"the obvious way did not sync within {PATIENCE_S:g} s")
        obvious.run_callbacks()
        sleep(FRAME_PAUSE_S)


def _is_calm(manager: AchievementManager, probe: LockProbe) -> bool:
    """Tell whether the machine is quiet now. It only picks the moment; the quiet windows are measured afterwards."""
    with probe.window() as lateness_ms:
        _turn_for(manager, QUIET_S)
    return max(lateness_ms) - median(lateness_ms) < CALM_MS


def _turn_for(manager: AchievementManager, duration_s: float) -> None:
    end = monotonic() + duration_s
    while monotonic() < end:
        manager.run_callbacks()
        sleep(FRAME_PAUSE_S)


def _full_collections(folder: Path, service: Service, syncs: int) -> Readings:
    with (
        service_manager(folder / "gc-ours", service.base_url, "gc-ours") as manager,
        ObviousSync(service.list_url, "gc-naive", folder / "gc-obvious.sqlite3") as obvious,
    ):
        sign_in(manager, service, "gc-ours")
        service.answers_change("gc-naive", "all")
        obvious_fetch(obvious)
        heap = [[number] for number in range(HEAP_OBJECTS)]
        with _counting_full_collections() as ours:
            for _ in range(syncs):
                fetch(manager)
        with _counting_full_collections() as naive:
            for _ in range(syncs):
                obvious_fetch(obvious)
        heap.clear()
    return Readings({"gen2_collections": len(ours)}, {"gen2_collections_naive": len(naive)})


@contextmanager
def _counting_full_collections() -> Iterator[list[str]]:
    """Yield a list that gets an entry for each full collection, from a state in which none is due."""
    full: list[str] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            full.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    try:
        yield full
    finally:
        gc.callbacks.remove(note)
