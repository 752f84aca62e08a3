"""What a fresh interpreter does for `cold.py`. Prints one JSON object of numbers.

It is run as a script and imports late, so that nothing is loaded before the clock starts.
"""

from __future__ import annotations

import sys
from time import perf_counter


def import_sqlite3() -> dict[str, float]:
    """Time the yardstick."""
    start = perf_counter()
    import sqlite3  # noqa: F401

    return {"ms": (perf_counter() - start) * 1e3}


def import_package() -> dict[str, float]:
    """Time the import of the package, as a game in local mode makes it."""
    start = perf_counter()
    from discord_achievements import AchievementManager  # noqa: F401

    taken_ms = (perf_counter() - start) * 1e3
    return {"ms": taken_ms, "imports_requests": float("requests" in sys.modules)}


def cached_list(base_url: str, token: str, folder: str, application_id: str, count: str) -> dict[str, float]:
    """Time a start with the service out of reach, from the constructor to the list of the last time."""
    start = perf_counter()
    import requests  # noqa: F401

    requests_ms = (perf_counter() - start) * 1e3
    from time import sleep

    from discord_achievements import AchievementManager

    results: list[object] = []
    start = perf_counter()
    manager = AchievementManager(int(application_id), base_url=base_url, token=token, data_dir=folder)
    constructed_ms = (perf_counter() - start) * 1e3
    manager.fetch_user_achievements(results.append)
    while manager.count_user_achievements() != int(count):
        if perf_counter() - start > 20:
            raise SystemExit(f"no cached list within 20 s; the fetch answered {results}")
        sleep(0.0001)
        manager.run_callbacks()
    taken_ms = (perf_counter() - start) * 1e3
    manager.close()
    return {"ms": taken_ms, "constructed_ms": constructed_ms, "requests_ms": requests_ms}


def memory(catalogue: str, folder: str, application_id: str) -> dict[str, float]:
    """Compare resident memory before the import and with a fetched list in local mode."""
    import json  # noqa: F401
    from time import sleep

    before_mb = resident_mb()
    from discord_achievements import AchievementManager

    imported_mb = resident_mb()
    results: list[object] = []
    manager = AchievementManager(int(application_id), achievements=catalogue, data_dir=folder)
    manager.fetch_user_achievements(results.append)
    while not results:
        sleep(0.001)
        manager.run_callbacks()
    after_mb = resident_mb()
    manager.close()
    return {"mb": after_mb - before_mb, "import_mb": imported_mb - before_mb}


def resident_mb() -> float:
    """Return this process's resident memory."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        # PROCESS_MEMORY_COUNTERS: its size, the page faults, then eight sizes, of which the second is ours.
        class Counters(ctypes.Structure):
            _fields_ = (("cb", wintypes.DWORD), ("faults", wintypes.DWORD), ("sizes", ctypes.c_size_t * 8))

        counters = Counters(ctypes.sizeof(Counters))
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.GetCurrentProcess.restype = wintypes.HANDLE
        tell = kernel32.K32GetProcessMemoryInfo
        tell.argtypes = [wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD]
        if not tell(kernel32.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
            raise ctypes.WinError(ctypes.get_last_error())
        return float(counters.sizes[1]) / 2**20
    elif sys.platform == "linux":
        with open("/proc/self/status") as status:
            (line,) = (line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 2**10
    else:
        import resource

        # The peak, in bytes on macOS and in KiB elsewhere; in what is measured here memory only rises.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


TASKS = {
    "import-sqlite3": import_sqlite3,
    "import-package": import_package,
    "cached-list": cached_list,
    "memory": memory,
}

if __name__ == "__main__":
    # The script's folder leads the path; its modules must not stand in for anyone else's.
    sys.path.pop(0)
    found = TASKS[sys.argv[1]](*sys.argv[2:])  # type: ignore[operator]
    import json

    print(json.dumps(found))
