"""Measure everything, write `build/bench.json`, print the table: `python -m tests.perf.bench`.

    --check        exit with 1 when a decided key misses its goal
    --quick        a few samples of each: shows that the bench works, its numbers mean nothing
    --only GROUP   one group of measurements
    --output PATH  where to write instead

Exits with 2 and says why when something could not be measured. Ratios are taken between alternatives that
took turns in one run; absolute times belong to the machine. What noise left open is named under `undecided`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from . import cold, durable, frames, game_thread, goals, sync
from .measure import CouldNotMeasure, Readings


def _pygame_ui(folder: Path, quick: bool) -> Readings:
    from . import pygame_ui  # pygame comes into this process when everything else has been measured

    return pygame_ui.measure(folder, quick)


GROUPS: dict[str, Callable[[Path, bool], Readings]] = {
    "game_thread": game_thread.measure,
    "sync": sync.measure,
    "frames": frames.measure,
    "durable": durable.measure,
    "cold": cold.measure,
    "pygame_ui": _pygame_ui,
}
OUTPUT = Path("build/bench.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; returns the exit code."""
    options = _parser().parse_args(arguments)
    readings = Readings()
    with tempfile.TemporaryDirectory(prefix="achievements-bench-", ignore_cleanup_errors=True) as folder:
        for name in options.only or GROUPS:
            started = monotonic()
            (group_folder := Path(folder, name)).mkdir()
            try:
                readings.add(GROUPS[name](group_folder, options.quick))
            except CouldNotMeasure as exc:
                print(f"bench: {name}: {exc}", file=sys.stderr)
                return 2
            print(f"{name}: {monotonic() - started:.0f} s", file=sys.stderr)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(_report(readings, options.quick), indent=2) + "\n")
    print(goals.table(readings.values, readings.undecided))
    print("undecided:", ", ".join(readings.undecided) or "nothing")
    return 1 if options.check and goals.missed(readings.values, readings.undecided) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.perf.bench", description="Measure the frame budget.")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a decided key misses its goal")
    parser.add_argument("--quick", action="store_true", help="a few samples of each; the numbers mean nothing")
    parser.add_argument("--only", action="append", choices=GROUPS, help="one group of measurements; may be repeated")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    return parser


def _report(readings: Readings, quick: bool) -> dict[str, object]:
    return {
        **{key: round(value, 4) for key, value in readings.values.items()},
        "undecided": readings.undecided,
        "details": {key: round(value, 4) for key, value in readings.details.items()},
        "run": {
            "quick": quick,
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
        },
    }


if __name__ == "__main__":
    sys.exit(main())
