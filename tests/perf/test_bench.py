"""The bench runs and reports every key. What it measures is for `make bench`; no test looks at a time."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

# Which keys a report has does not depend on the Python.
pytestmark = pytest.mark.any_python

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "idle_ratio",
    "poll_busy_over_0_3ms",
    "poll_busy_over_0_3ms_ctypes",
    "event_ratio",
    "event_ratio_old",
    "set_ratio",
    "set_ratio_old",
    "set_us",
    "get_ratio",
    "get_at_ratio",
    "set_growth",
    "get_growth",
    "sync_wait_ms",
    "sync_wait_ms_naive",
    "sync_wait_ratio",
    "delta_wait_ms",
    "stalled_pp",
    "stalled_pp_naive",
    "gen2_collections",
    "cold_list_ratio",
    "cold_list_growth",
    "durable_ratio",
    "import_ms",
    "rss_mb",
    "toast_idle_us",
    "toast_draw_ms",
    "screen_draw_ms",
}


def test_a_quick_run_reports_every_key(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.perf.bench", "--quick", "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    assert report.keys() == KEYS | {"undecided", "details", "run"}
    assert all(math.isfinite(report[key]) for key in KEYS)
    assert set(report["undecided"]) <= KEYS
    assert all(key in done.stdout for key in KEYS)
