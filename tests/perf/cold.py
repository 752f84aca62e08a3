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
from collections.abc import Callable
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
    child = _Child(folder / "bytecode")
    many = _cached_list(child, folder / "many", MANY)
    few = _cached_list(child, folder / "few", FEW)
    catalogue = write_catalogue(folder / "achievements.json", MANY)
    memory_folder = str(folder / "memory")
    tasks: dict[str, Callable[[], dict[str, float]]] = {
        "sqlite3": lambda: child.does("import-sqlite3"),
        "many": many,
        "few": few,
        "package": lambda: child.does("import-package"),
        "memory": lambda: child.does("memory", str(catalogue), memory_folder, str(APPLICATION_ID)),
    }
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in tasks}
    for number in range(2 if quick else 20):
        for name, task in tasks.items():
            found = task()
            if number:  # The first round fills the disk's cache and writes the bytecode.
                taken[name].append(found)

    def of(name: str, number: str) -> float:
        return median(found[number] for found in taken[name])

    if of("package", "imports_requests"):
        raise CouldNotMeasure("the package imports requests; it is for the service-mode constructor to do so")
    return Readings(
        {
            "cold_list_ratio": of("many", "ms") / of("sqlite3", "ms"),
            "cold_list_growth": of("many", "ms") / of("few", "ms"),
            "import_ms": of("package", "ms"),
            "rss_mb": of("memory", "mb"),
        },
        {
            "import_sqlite3_ms": of("sqlite3", "ms"),
            "import_requests_ms": of("many", "requests_ms"),
            "cold_list_1000_ms": of("many", "ms"),
            "cold_list_10_ms": of("few", "ms"),
            "cold_constructor_1000_ms": of("many", "constructed_ms"),
            "rss_import_mb": of("memory", "import_mb"),
        },
    )


def _cached_list(child: _Child, folder: Path, count: int) -> Callable[[], dict[str, float]]:
    """Fill a data folder, let the service go, and return what starts with it."""
    with Service(count) as service:
        base_url = service.base_url
        with service_manager(folder, base_url, "cold") as manager:
            fetch(manager)
    return lambda: child.does("cached-list", base_url, "cold", str(folder), str(APPLICATION_ID), str(count))


class _Child:
    """Fresh interpreters with bytecode at hand, as an installed package has it."""

    def __init__(self, bytecode: Path) -> None:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._environment = os.environ | {"PYTHONPATH": path, "PYTHONPYCACHEPREFIX": str(bytecode)}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def does(self, task: str, *arguments: str) -> dict[str, float]:
        """Let a fresh interpreter do a task of `child.py`."""
        done = subprocess.run(
            [sys.executable, str(CHILD), task, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise CouldNotMeasure(f"a fresh interpreter failed at {task}: {done.stderr.strip()[-500:]}")
        found: dict[str, float] = json.loads(done.stdout)
        return found
