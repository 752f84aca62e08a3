"""The keys of `build/bench.json` and what each of them may be at most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """One measured key; `at_most` is None where the value is a control or for information."""

    key: str
    at_most: float | None
    meaning: str


GOALS = (
    Goal("idle_ratio", 2.0, "run_callbacks() with nothing to do / empty method"),
    Goal("poll_busy_over_0_3ms", 0, "polls of 100,000 over 0.3 ms beside a busy thread"),
    Goal("poll_busy_over_0_3ms_ctypes", None, "the same through a foreign call, as native wrappers make it"),
    Goal("event_ratio", 1.3, "deliver 1000 events / the same loop over its own objects, kept in a dict"),
    Goal("event_ratio_old", None, "the same / list swap and 1000 empty calls with one object"),
    Goal("set_ratio", 2.0, "set with journal and callback / its bare parts in one function"),
    Goal("set_ratio_old", None, "the same / empty method"),
    Goal("set_us", 4.0, "one set, microseconds"),
    Goal("get_ratio", 4.0, "get_user_achievement / empty method"),
    Goal("get_at_ratio", 4.0, "get_user_achievement_at / empty method"),
    Goal("set_growth", 1.2, "one set: 1000 pending / 10 pending"),
    Goal("get_growth", 1.3, "one get, the worse of the two: list of 1000 / list of 10"),
    Goal("sync_wait_ms", 0.5, "longest wait for the interpreter in a full sync of 1000, median"),
    Goal("sync_wait_ms_naive", None, "the same, the obvious way"),
    Goal("sync_wait_ratio", 0.1, "full sync, ours / the obvious way"),
    Goal("delta_wait_ms", 0.5, "longest wait in a sync that brings nothing or little, worst kind"),
    Goal("stalled_pp", 0.5, "frames over 0.3 ms late at 144 fps, one full sync after the other, minus no SDK"),
    Goal("stalled_pp_naive", None, "the same, the obvious way"),
    Goal("gen2_collections", 0, "full garbage collections in 50 syncs beside 200,000 objects"),
    Goal("cold_list_ratio", 3.0, "start to usable cached list of 1000 / import sqlite3"),
    Goal("cold_list_growth", 1.7, "start to usable cached list: 1000 / 10"),
    Goal("durable_ratio", 3.0, "set to durable in SQLite without the hand-off / append and fdatasync"),
    Goal("import_ms", None, "from discord_achievements import AchievementManager, milliseconds"),
    Goal("toast_idle_us", 2.0, "toasts with nothing to show, a frame, microseconds"),
    Goal("toast_draw_ms", 0.3, "one toast on 1280x720, a frame"),
    Goal("screen_draw_ms", 4.0, "the list of 1000 on 1280x720 while it scrolls, a frame, median"),
    Goal("rss_mb", None, "resident memory added in local mode with 1000 achievements"),
)


def verdict(goal: Goal, value: float, undecided: Iterable[str]) -> str:
    """Return "" (no goal), "undecided", "met" or "MISSED"."""
    if goal.at_most is None:
        return ""
    if goal.key in undecided:
        return "undecided"
    return "met" if value <= goal.at_most else "MISSED"


def missed(values: Mapping[str, float], undecided: Iterable[str]) -> list[str]:
    """Return the decided keys that are over their goal."""
    left_open = set(undecided)
    return [goal.key for goal in GOALS if goal.key in values and verdict(goal, values[goal.key], left_open) == "MISSED"]


def table(values: Mapping[str, float], undecided: Iterable[str]) -> str:
    """Return the measured keys as lines for a terminal."""
    left_open = set(undecided)
    lines = [f"{'key':<28} {'goal':>6} {'value':>10}  verdict    what it is"]
    for goal in GOALS:
        if goal.key not in values:
            continue
        limit = "" if goal.at_most is None else f"{goal.at_most:g}"
        value = values[goal.key]
        lines.append(f"{goal.key:<28} {limit:>6} {value:>10.4g}  {verdict(goal, value, left_open):<9}  {goal.meaning}")
    return "\n".join(lines)
