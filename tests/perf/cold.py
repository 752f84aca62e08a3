"""Starts in a fresh interpreter: the import, the list from the cache, the memory.

*Start to usable cached list* is: the service cannot be reached, the player has been here before; from before
`AchievementManager(…)` until `count_user_achievements()` gives the number of the last time. The imports are
made before that (the package, and `requests`, which a service-mode constructor would import): they cost the
same for any number of achievements, and have their own lines.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from .driving import fetch, service_manager, write_catalogue
from .measure import CouldNotMeasure, Readings
from .service import APPLICATION_ID, Service

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("child.py")
MANY, FEW = 1000, 10


def measure(folder: Path, quick: bool) -> Readings:
    """Measure the keys of this module."""
    rounds = 1 if quick else 15
    many = _CachedList(folder / "many", MANY)
    few = _CachedList(folder / "few", FEW)
    catalogue = write_catalogue(folder / "achievements.json", MANY)
    sqlite3_ms: list[float] = []
    many_starts: list[dict[str, float]] = []
    few_ms: list[float] = []
    imports: list[dict[str, float]] = []
    memory: list[dict[str, float]] = []
    for number in range(-1, rounds):
        taken = (
            _child("import-sqlite3"),
            many.start(),
            few.start(),
            _child("import-package"),
            _child("memory", str(catalogue), str(folder / f"memory-{number}"), str(APPLICATION_ID)),
        )
        if number < 0:
            continue  # The first round fills the disk's cache and writes the bytecode.
        sqlite3_ms.append(taken[0]["ms"])
        many_starts.append(taken[1])
        few_ms.append(taken[2]["ms"])
        imports.append(taken[3])
        memory.append(taken[4])
    many_ms = median(start["ms"] for start in many_starts)
    if any(taken["imports_requests"] for taken in imports):
        raise CouldNotMeasure(
            "the package imports requests by itself; it must be left to the service-mode constructor"
        )
    return Readings(
        {
            "cold_list_ratio": many_ms / median(sqlite3_ms),
            "cold_list_growth": many_ms / median(few_ms),
            "import_ms": median(taken["ms"] for taken in imports),
            "rss_mb": median(taken["mb"] for taken in memory),
        },
        {
            "import_sqlite3_ms": median(sqlite3_ms),
            "import_requests_ms": median(start["requests_ms"] for start in many_starts),
            "cold_list_1000_ms": many_ms,
            "cold_list_10_ms": median(few_ms),
            "cold_constructor_1000_ms": median(start["constructed_ms"] for start in many_starts),
            "rss_import_mb": median(taken["import_mb"] for taken in memory),
        },
    )


class _CachedList:
    """A data folder that has the list of an earlier start, with a service that is gone."""

    def __init__(self, folder: Path, count: int) -> None:
        with Service(count) as service:
            self._base_url = service.base_url
            with service_manager(folder, service.base_url, "cold") as manager:
                fetch(manager)
        self._folder = folder
        self._count = count

    def start(self) -> dict[str, float]:
        return _child(
            "cached-list", self._base_url, "cold", str(self._folder), str(APPLICATION_ID), str(self._count)
        )


def _child(task: str, *arguments: str) -> dict[str, float]:
    """Let a fresh interpreter do a task of `child.py`."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(CHILD), task, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise CouldNotMeasure(f"a fresh interpreter failed at {task}: {done.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
