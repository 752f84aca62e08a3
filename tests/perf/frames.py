"""Frames that stall: a game loop at 144 frames a second, with no SDK, with ours and with the obvious way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from discord_achievements import Result, UserAchievement

from .controls import Empty, foreign_poll
from .driving import service_manager, sign_in
from .measure import CouldNotMeasure, Readings
from .obvious_way import ObviousSync
from .service import Service
from .sync import obvious_fetch

FRAME_S = 1 / 144
SYNC_EVERY_S = 0.06
STALL_MS = 0.3
WORK_ROUNDS = 4000
# If more frames than this are late without the SDK, half a point cannot be distinguished from noise.
QUIET_STALLED_PP = 1.0


def measure(folder: Path, quick: bool) -> Readings:
    """Measure the keys of this module."""
    rounds, frames = (1, 30) if quick else (16, 144)
    none: list[float] = []
    ours: list[float] = []
    naive: list[float] = []
    syncs = {"ours": 0, "naive": 0}
    with Service() as service:
        for number in range(rounds):
            none += _play(frames, Empty().call, Empty().call)
            taken, synced = _play_with_ours(folder, service, number, frames)
            ours += taken
            syncs["ours"] += synced
            taken, synced = _play_with_naive(folder, service, number, frames)
            naive += taken
            syncs["naive"] += synced
    if not (quick or syncs["ours"]):
        raise CouldNotMeasure(f"no sync ended in {rounds} rounds of {frames} frames")
    usual_ms = median(none)
    none_pp, ours_pp, naive_pp = (_stalled_pp(taken, usual_ms) for taken in (none, ours, naive))
    return Readings(
        {"stalled_pp": ours_pp - none_pp, "stalled_pp_naive": naive_pp - none_pp},
        {
            "stalled_pp_none": none_pp,
            "frames_each": len(none),
            "syncs_ours": syncs["ours"],
            "syncs_naive": syncs["naive"],
            "frame_usual_ms": usual_ms,
        },
        # A sync takes several times as long as the pause before it, so their number tells how fast the machine is.
        ["stalled_pp"] if none_pp > QUIET_STALLED_PP or syncs["ours"] < rounds else [],
    )


def _stalled_pp(frames_ms: list[float], usual_ms: float) -> float:
    return 100 * sum(taken > usual_ms + STALL_MS for taken in frames_ms) / len(frames_ms)


def _play_with_ours(folder: Path, service: Service, number: int, frames: int) -> tuple[list[float], int]:
    """Return the frame times beside our syncs, and how many syncs were completed.

    Each round is another player, because one player's progress can only rise a hundred times.
    """
    token = f"frames-ours-{number}"
    results: list[Result] = []
    started = 0

    def toast(_: UserAchievement) -> None:
        pass

    def sync() -> None:
        nonlocal started
        if started == len(results):
            started += 1
            manager.fetch_user_achievements(results.append)

    with service_manager(folder / token, service.base_url, token) as manager:
        manager.on_user_achievement_update = toast
        sign_in(manager, service, token)
        taken = _play(frames, manager.run_callbacks, sync)
    return taken, results.count(Result.OK)


def _play_with_naive(folder: Path, service: Service, number: int, frames: int) -> tuple[list[float], int]:
    token = f"frames-naive-{number}"
    started = 0

    def sync() -> None:
        nonlocal started
        if started == obvious.completed - 1:
            started += 1
            obvious.fetch()

    with ObviousSync(service.list_url, token, folder / f"{token}.sqlite3") as obvious:
        service.answers_change(token, "all")
        obvious_fetch(obvious)
        taken = _play(frames, obvious.run_callbacks, sync)
        return taken, obvious.completed - 1


def _play(frames: int, run_callbacks: Callable[[], object], sync: Callable[[], object]) -> list[float]:
    """Return how long after its due time each frame was done, in milliseconds.

    A frame computes for a while, releases the interpreter twice (to play a sound, to flip the display),
    runs the callbacks and sleeps until the next is due.
    """
    native = foreign_poll()
    taken_ms: list[float] = []
    sleep(FRAME_S)
    due = perf_counter() + FRAME_S
    next_sync = due
    for _ in range(frames):
        sleep(max(0.0, due - perf_counter()))
        if due >= next_sync:
            sync()
            next_sync += SYNC_EVERY_S
        _compute()
        native()
        _compute()
        native()
        run_callbacks()
        done = perf_counter()
        taken_ms.append((done - due) * 1e3)
        # A late frame is not made up for: the display waits for the next refresh.
        due = max(due + FRAME_S, done)
    return taken_ms


def _compute() -> int:
    total = 0
    for number in range(WORK_ROUNDS):
        total += number
    return total
